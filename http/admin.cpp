#include "http/admin.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "http/admin_request.hpp"
#include "http/json.hpp"
#include "http/links.hpp"
#include "http/media_type.hpp"
#include "http/saga_documents.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::http {

namespace {

using actors::operation_status;
using domain::operator_action;

/// As --log-level names them.
constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 6> log_levels{
    {{"trace", spdlog::level::trace},
     {"debug", spdlog::level::debug},
     {"info", spdlog::level::info},
     {"warn", spdlog::level::warn},
     {"error", spdlog::level::err},
     {"off", spdlog::level::off}}};

/// Commands of a bulk that are under way at once.
constexpr std::size_t bulk_at_once = 32;

domain::timestamp now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// Who does what, and why, for the log whatever its level is.
template <class... Args>
void audit(const tracing::trace_context& trace, spdlog::format_string_t<Args...> format, Args&&... args) {
  const tracing::logged_trace about(trace);
  const auto logger = spdlog::default_logger_raw()->clone("audit");
  logger->set_level(spdlog::level::warn);
  logger->warn(format, std::forward<Args>(args)...);
  logger->flush();
}

template <class Write>
response json_response(unsigned status, const Write& write) {
  return {.status = status, .content_type = json_media_type, .body = json::text_of(write), .headers = {}};
}

std::string_view action_name(operator_action action) {
  return action == operator_action::cancel ? "cancel" : "retry";
}

std::string_view outcome_name(operation_status status) {
  switch (status) {
    case operation_status::recorded:
      return "recorded";
    case operation_status::unchanged:
      return "unchanged";
    case operation_status::unknown_reservation:
      return "unknown";
    case operation_status::rejected:
      return "rejected";
    case operation_status::overloaded:
      return "overloaded";
    case operation_status::unavailable:
    case operation_status::elsewhere:
      return "unavailable";
  }
  return {};
}

/// Whoever sent it may have been told that it failed, and have chosen otherwise.
constexpr std::chrono::seconds longest_walk_of_a_bulk{10};

response refuse_as_late(const client& client) {
  return refuse(
      client, fault::unavailable,
      "The journal took too long to tell which they are, and nothing was done. Send the command again after "
      "the time in Retry-After.");
}

response refuse_walk(const client& client, saga_failure why) {
  if (why == saga_failure::too_many_walks) {
    return refuse(client, fault::overloaded,
                  "Other lists of sagas are being made. Ask again after the time in Retry-After.");
  }
  return refuse(client, fault::unavailable,
                "The journal can't be read at the moment. Ask again after the time in Retry-After.");
}

response answer_operation(const client& client, domain::reservation_id id, operator_action action,
                          const actors::operation_answer& answer) {
  switch (answer.status) {
    case operation_status::recorded:
    case operation_status::unchanged:
      return json_response(200, [&](json_writer& out) {
        out.begin_object();
        json::field(out, "id", id);
        json::plain_field(out, "action", action_name(action));
        json::plain_field(out, "outcome", outcome_name(answer.status));
        out.name("_links");
        out.begin_object();
        write_link(out, "saga", client.base + "/admin/sagas/" + std::to_string(id));
        out.end_object();
        out.end_object();
      });
    case operation_status::unknown_reservation:
      return refuse(
          client, fault::not_found,
          "There is no reservation " + std::to_string(id) + "; /admin/sagas lists the unfinished ones.");
    case operation_status::overloaded:
      return refuse(client, fault::overloaded,
                    "More commands are under way than are taken at once, or the service ends; nothing was "
                    "recorded. Send it again after the time in Retry-After.");
    case operation_status::rejected:
      return refuse(client, fault::invalid_field, "The name or the reason is missing or too long.");
    case operation_status::unavailable:
    case operation_status::elsewhere:
      break;
  }
  return refuse(client, fault::unavailable,
                "It is not known whether the command was recorded. Send it again after the time in "
                "Retry-After: doing it twice does no harm.");
}

void begin_bulk_answer(json_writer& out, operator_action action, bool dry_run, std::size_t count) {
  out.begin_object();
  json::plain_field(out, "action", action_name(action));
  out.name("dryRun");
  out.boolean(dry_run);
  json::field(out, "count", count);
}

/// Where there may be more, what to send as `after`.
void end_bulk_answer(json_writer& out, const saga_page& page) {
  page.next ? json::field(out, "next", *page.next) : json::null_field(out, "next");
  out.end_object();
}

/// The reservations to which it would do something.
response dry_run_response(operator_action action, const operator_note& note, const saga_page& page) {
  std::vector<domain::reservation_id> ids;
  for (const auto& one : page.sagas) {
    const auto decision = domain::decide(one.state, domain::intervene{action, note.who, note.why}, now());
    if (!decision.events.empty()) ids.push_back(one.id);
  }
  return json_response(200, [&](json_writer& out) {
    begin_bulk_answer(out, action, true, ids.size());
    out.name("ids");
    out.begin_array();
    for (const auto id : ids) out.number(id);
    out.end_array();
    end_bulk_answer(out, page);
  });
}

response not_taken(const client& client) {
  return refuse(
      client, fault::overloaded,
      "The service starts or ends, or more commands are under way than are taken at once; nothing was "
      "done. Send it again after the time in Retry-After.");
}

/// It will be done; where that is seen.
response accepted(const client& client, std::string_view action, std::string_view link,
                  std::string_view path) {
  return json_response(202, [&](json_writer& out) {
    out.begin_object();
    json::plain_field(out, "action", action);
    out.name("_links");
    out.begin_object();
    write_link(out, link, client.base + std::string(path));
    out.end_object();
    out.end_object();
  });
}

}  // namespace

/// A command for the sagas of a page, some at a time. Kept by the callbacks that it waits for.
class admin::bulk : public std::enable_shared_from_this<bulk> {
 public:
  bulk(admin& with, operator_action action, operator_note note, const tracing::trace_context& trace,
       saga_page page, respond done)
      : with_(with),
        action_(action),
        note_(std::move(note)),
        trace_(trace),
        page_(std::move(page)),
        outcomes_(page_.sagas.size(), operation_status::unavailable),
        done_(std::move(done)) {}

  void begin() {
    if (page_.sagas.empty()) return end();
    const auto some = std::min(bulk_at_once, page_.sagas.size());
    for (std::size_t i = 0; i < some; ++i) ask();
  }

 private:
  void ask() {
    if (next_ == page_.sagas.size()) return;
    const auto place = next_++;
    with_.engine_.operate(
        {page_.sagas[place].id, action_, note_.who, note_.why, page_.sagas[place].state.version, trace_},
        with_.operations_.expect([self = shared_from_this(), place](actors::operation_answer answer) {
          self->outcomes_[place] = answer.status;
          ++self->ended_ == self->outcomes_.size() ? self->end() : self->ask();
        }));
  }

  void end() {
    done_(json_response(200, [&](json_writer& out) {
      begin_bulk_answer(out, action_, false, outcomes_.size());
      out.name("results");
      out.begin_array();
      for (std::size_t i = 0; i < outcomes_.size(); ++i) {
        out.begin_object();
        json::field(out, "id", page_.sagas[i].id);
        json::plain_field(out, "outcome", outcome_name(outcomes_[i]));
        out.end_object();
      }
      out.end_array();
      end_bulk_answer(out, page_);
    }));
  }

  admin& with_;
  const operator_action action_;
  const operator_note note_;
  const tracing::trace_context trace_;
  const saga_page page_;
  std::vector<operation_status> outcomes_;
  std::size_t next_ = 0;
  std::size_t ended_ = 0;
  const respond done_;
};

void admin::handle(client client, const route& route, const request& request, respond done) {
  switch (route.resource) {
    case resource::sagas:
      return list(std::move(client), request, std::move(done));
    case resource::saga:
      return tell(std::move(client), route.id, std::move(done));
    case resource::saga_retry:
      return operate(std::move(client), route.id, operator_action::retry, request, std::move(done));
    case resource::saga_cancel:
      return operate(std::move(client), route.id, operator_action::cancel, request, std::move(done));
    case resource::sagas_retry:
      return operate_on_many(std::move(client), operator_action::retry, request, std::move(done));
    case resource::sagas_cancel:
      return operate_on_many(std::move(client), operator_action::cancel, request, std::move(done));
    case resource::admin_breaker:
      return done(hold_breaker(client, request));
    case resource::admin_view_rebuild:
      return done(rebuild_view(client, request));
    default:
      return done(set_log_level(client, request));
  }
}

void admin::list(client client, const request& request, respond done) {
  auto query = read_saga_query(request.query);
  if (!query) return done(refuse(client, std::move(query.error())));
  sagas_.walk(*query, now(),
              [client = std::move(client), query = *query, done = std::move(done)](saga_result page) {
                done(page ? saga_page_response(client, query, *page) : refuse_walk(client, page.error()));
              });
}

void admin::tell(client client, domain::reservation_id id, respond done) {
  sagas_.read(id, [this, client = std::move(client), id, done = std::move(done)](auto records) {
    done(records ? saga_response(client, id, *records, engine_.retried(id))
                 : refuse_walk(client, records.error()));
  });
}

void admin::operate(client client, domain::reservation_id id, operator_action action, const request& request,
                    respond done) {
  auto note = read_note(request, *client.who);
  if (!note) return done(refuse(client, std::move(note.error())));
  engine_.operate({id, action, std::move(note->who), std::move(note->why), 0, client.trace},
                  operations_.expect([client = std::move(client), id, action,
                                      done = std::move(done)](actors::operation_answer answer) {
                    done(answer_operation(client, id, action, answer));
                  }));
}

void admin::operate_on_many(client client, operator_action action, const request& request, respond done) {
  auto wanted = read_bulk(request, *client.who);
  if (!wanted) return done(refuse(client, std::move(wanted.error())));
  const auto which = wanted->which;
  const auto until = std::chrono::steady_clock::now() + longest_walk_of_a_bulk;
  sagas_.walk(
      which, now(),
      [this, client = std::move(client), action, wanted = std::move(*wanted), until,
       done = std::move(done)](saga_result page) {
        if (!page) return done(refuse_walk(client, page.error()));
        if (!wanted.dry_run && std::chrono::steady_clock::now() > until) return done(refuse_as_late(client));
        if (wanted.dry_run) return done(dry_run_response(action, wanted.note, *page));
        std::make_shared<bulk>(*this, action, wanted.note, client.trace, std::move(*page), done)->begin();
      });
}

response admin::hold_breaker(const client& client, const request& request) {
  auto wanted = read_word(request, *client.who, "action");
  if (!wanted) return refuse(client, std::move(wanted.error()));
  const auto& word = wanted->word;
  if (word != "open" && word != "close" && word != "auto") {
    return refuse(client, std::move(refused_field("action", "has to be open, close or auto.").value()));
  }
  const bool taken = engine_.set_breaker(word == "open"    ? actors::breaker_mode::open
                                         : word == "close" ? actors::breaker_mode::closed
                                                           : actors::breaker_mode::automatic);
  if (!taken) return not_taken(client);
  audit(client.trace, "operator {} sets the circuit breaker to {}: {}", wanted->note.who, word,
        wanted->note.why);
  return accepted(client, word, "circuitbreakers", "/actuator/circuitbreakers");
}

response admin::rebuild_view(const client& client, const request& request) {
  auto note = read_note(request, *client.who);
  if (!note) return refuse(client, std::move(note.error()));
  if (!engine_.rebuild_view()) return not_taken(client);
  audit(client.trace, "operator {} has the view made anew: {}", note->who, note->why);
  return accepted(client, "rebuild", "health", "/actuator/health");
}

response admin::set_log_level(const client& client, const request& request) {
  auto wanted = read_word(request, *client.who, "level");
  if (!wanted) return refuse(client, std::move(wanted.error()));
  const auto named = std::find_if(log_levels.begin(), log_levels.end(),
                                  [&](const auto& each) { return each.first == wanted->word; });
  if (named == log_levels.end()) {
    return refuse(
        client,
        std::move(refused_field("level", "has to be trace, debug, info, warn, error or off.").value()));
  }
  audit(client.trace, "operator {} sets the log's level to {}: {}", wanted->note.who, wanted->word,
        wanted->note.why);
  spdlog::default_logger_raw()->set_level(named->second);
  return json_response(200, [&](json_writer& out) {
    out.begin_object();
    json::plain_field(out, "level", wanted->word);
    out.end_object();
  });
}

}  // namespace holdfast::http
