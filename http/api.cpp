#include "http/api.hpp"

#include <optional>
#include <string>
#include <utility>

#include "actors/engine.hpp"
#include "http/actuator.hpp"
#include "http/admin.hpp"
#include "http/answers.hpp"
#include "http/bridge.hpp"
#include "http/client.hpp"
#include "http/doorkeeper.hpp"
#include "http/event_feed.hpp"
#include "http/events.hpp"
#include "http/metrics.hpp"
#include "http/openapi.hpp"
#include "http/placing.hpp"
#include "http/process_figures.hpp"
#include "http/publishing_meter.hpp"
#include "http/query.hpp"
#include "http/reader.hpp"
#include "http/request_meter.hpp"
#include "http/router.hpp"
#include "http/span_exporter.hpp"
#include "http/views.hpp"
#include "storage/view.hpp"

namespace holdfast::http {

/// Continuations hold values and `done` only, never this: they may run, or be dropped, when it is
/// gone.
class api::implementation {
 public:
  implementation(api_ports ports, boost::asio::io_context& loop)
      : ports_(std::move(ports)),
        loop_(loop),
        view_(ports_.view.make_reader(loop)),
        meter_(ports_.meters.add()),
        bridge_(ports_.engine, loop),
        admin_(ports_.engine, ports_.reservations, loop),
        reader_(std::make_shared<reservation_reader>(*view_, ports_.reservations, ports_.progress, loop)) {}

  void handle(request& request, respond done) {
    const auto route = find_route(request.path);
    const request_label label{route ? pattern_of(*route) : pattern_count, request.method};
    const auto began = request_clock::now();
    auto span = route ? begin_request_span(ports_.spans, *route, request) : nullptr;
    try {
      answer(request, route, counted_respond(meter_, label, began, span, std::move(done)));
    } catch (...) {
      // The session answers in its place.
      meter_.count(label, 500, request_clock::now() - began);
      if (span) end_request_span(*span, 500);
      throw;
    }
  }

 private:
  void answer(request& request, const std::optional<route>& route, counted_respond done) {
    auto client = client_of(request);
    if (!route) {
      return done(refuse(client, fault::not_found, "This path names nothing; / lists what there is."));
    }
    if (!ports_.gateway && is_for_customers(*route)) {
      return done(refuse(client, fault::not_found,
                         "This node takes no requests of customers: ask one that has the role gateway."));
    }
    if (!allows(*route, request.method)) return done(wrong_method(client, *route));
    auto admitted = ports_.door.admit(request, *route);
    done.add(std::move(admitted.headers));
    if (!admitted.who) return done(refuse(client, std::move(admitted.problem)));
    client.who = std::move(admitted.who);
    if (is_admin(*route) && request.method != method::options) {
      return admin_.handle(std::move(client), *route, request, std::move(done));
    }
    switch (request.method) {
      case method::options:
        return done(options(*route));
      case method::post:
        return place(std::move(client), request, std::move(done));
      case method::del:
        return cancel(std::move(client), route->id, std::move(done));
      default:
        return read(std::move(client), *route, request, std::move(done));
    }
  }

  static response wrong_method(const client& client, const route& route) {
    const std::string allowed(allowed_methods(route));
    auto response =
        refuse(client, fault::method_not_allowed, "The methods allowed here are " + allowed + ".");
    response.headers.emplace_back("Allow", allowed);
    return response;
  }

  static response options(const route& route) {
    return {.status = 204,
            .content_type = {},
            .body = {},
            .headers = {{"Allow", std::string(allowed_methods(route))}}};
  }

  void place(client client, request& request, counted_respond done) {
    auto wanted = read_placement(request, ports_.card_numbers);
    if (!wanted) return done(refuse(client, std::move(wanted.error())));
    if (auto refused = claim_for(*client.who, *wanted)) return done(refuse(client, std::move(*refused)));
    wanted->trace = client.trace;
    bridge_.place(std::move(*wanted),
                  [client = std::move(client), done = std::move(done)](actors::placement_answer answer) {
                    done(answer_placement(client, answer));
                  });
  }

  void cancel(client client, domain::reservation_id id, counted_respond done) {
    const auto of_user = client.who->only_user();
    const auto trace = client.trace;
    bridge_.cancel(
        id, of_user, trace,
        [client = std::move(client), id, done = std::move(done)](actors::cancellation_answer answer) {
          done(answer_cancellation(client, id, answer));
        });
  }

  void read(client client, const route& route, request& request, counted_respond done) {
    switch (route.resource) {
      case resource::index:
        return done(answer_index(client));
      case resource::collection:
        return list(std::move(client), route.kind, request, std::move(done));
      case resource::item:
        return get(std::move(client), route, request, std::move(done));
      case resource::actuator:
        return done(actuator_index_response(client));
      case resource::health:
        return check_health(std::move(done));
      case resource::liveness:
        return done(liveness_response());
      case resource::readiness:
        return done(readiness_response(ports_.ready()));
      case resource::info:
        return done(info_response(ports_.version));
      case resource::circuit_breakers:
        return done(circuit_breakers_response(ports_.engine.breaker()));
      case resource::parked:
        return done(parked_response(client, ports_.engine.parked(largest_parked_page)));
      case resource::metrics:
        return done(metrics_response(figures()));
      case resource::openapi:
        return done(openapi_response(request.if_none_match));
      case resource::events:
        return done(answer_events(client, request, ports_.events, ports_.door, loop_));
      default:
        return done(refuse(client, fault::not_found, "This path names nothing; / lists what there is."));
    }
  }

  void get(client client, const route& route, request& request, counted_respond done) {
    reader_->get(route.id, [client = std::move(client), kind = route.kind, id = route.id,
                            known = std::move(request.if_none_match), done = std::move(done)](
                               read_answer read) { done(answer_item(client, kind, id, known, read)); });
  }

  void list(client client, document_kind kind, const request& request, counted_respond done) {
    auto query = read_collection_query(kind, request.query, client.who->only_user());
    if (!query) return done(refuse(client, std::move(query.error())));
    view_->list(to_view_query(*query), [client = std::move(client), query = *query, done = std::move(done)](
                                           storage::view_result<storage::view_page> rows) {
      done(answer_collection(client, query, rows));
    });
  }

  service_figures figures() const {
    return {.version = ports_.version,
            .engine = ports_.engine.figures(),
            .projection_lag = ports_.progress.lag(),
            .requests = ports_.meters.read(),
            .events = {ports_.events.figures(), publishing()},
            .process = read_process_figures(),
            .spans = ports_.spans != nullptr ? std::optional(ports_.spans->figures()) : std::nullopt};
  }

  std::optional<publishing_figures> publishing() const {
    if (ports_.publishing == nullptr) return std::nullopt;
    return ports_.publishing->read();
  }

  void check_health(counted_respond done) {
    const health_figures figures{.ready = ports_.ready(),
                                 .view_reachable = false,
                                 .journal_goes_on = !ports_.engine.journal_stands_still(),
                                 .breaker = ports_.engine.breaker(),
                                 .cluster = ports_.engine.cluster()};
    // Any id does: the question is whether the view answers.
    view_->get(1, [figures, done = std::move(done)](const auto& row) {
      auto seen = figures;
      seen.view_reachable = row.has_value();
      done(health_response(seen));
    });
  }

  api_ports ports_;
  boost::asio::io_context& loop_;
  std::unique_ptr<storage::view_reader> view_;
  request_meter& meter_;
  bridge bridge_;
  admin admin_;
  std::shared_ptr<reservation_reader> reader_;
};

api::api(api_ports ports, boost::asio::io_context& loop)
    : implementation_(std::make_unique<implementation>(std::move(ports), loop)) {}

api::~api() = default;

void api::handle(request& request, respond done) {
  implementation_->handle(request, std::move(done));
}

handler_factory api_handlers(api_ports ports) {
  return [ports = std::move(ports)](boost::asio::io_context& loop) -> handler {
    return [api = std::make_shared<api>(ports, loop)](request& request, respond done) {
      api->handle(request, std::move(done));
    };
  };
}

}  // namespace holdfast::http
