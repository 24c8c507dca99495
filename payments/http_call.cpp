#include "payments/http_call.hpp"

#include <utility>

#include "payments/http_request_bytes.hpp"

namespace holdfast::payments {

namespace {

/// OpenTelemetry's semantic conventions for HTTP clients. The target holds no card: that is in the body.
std::shared_ptr<tracing::open_span> span_of(const http_request& request, const http_link& link,
                                            const tracing::trace_context& within) {
  auto span = tracing::shared_span(link.tracer, within, tracing::span_kind::client,
                                   request.method + " " + std::string(request.route));
  span->set("http.request.method", request.method);
  span->set("url.template", std::string(request.route));
  span->set("url.full", "http://" + link.authority + request.target);
  span->set("server.address", link.host);
  span->set("server.port", std::int64_t{link.port});
  return span;
}

void end(tracing::open_span& span, const http_result& result) {
  if (!result) {
    span.fail(reason_of(result.error().what));
  } else {
    span.set("http.response.status_code", std::int64_t{result->status});
    if (result->status >= 400) span.fail(std::to_string(result->status));
  }
  span.end();
}

}  // namespace

void http_call::start(http_link& link) {
  link.places.enter([self = shared_from_this(), &link](http_places::admission admission) {
    if (admission != http_places::admission::admitted) return self->refuse(admission);
    self->link_ = &link;
    self->begin();
  });
}

void http_call::exchange(http_request request, sending how, next_step next) {
  if (connection_ && !connection_->is_usable()) link_->connections.give_back(std::move(connection_));
  if (!connection_) connection_ = link_->connections.take();
  send(std::move(request), how, clock::now() + link_->timeout, std::move(next));
}

void http_call::exchange(http_request request, sending how, const tracing::trace_context& within,
                         next_step next) {
  request.trace = within;
  if (link_->tracer == nullptr || !within.sampled())
    return exchange(std::move(request), how, std::move(next));
  auto span = span_of(request, *link_, within);
  request.trace = span->context_or(within);
  exchange(std::move(request), how, [span = std::move(span), next = std::move(next)](http_result result) {
    end(*span, result);
    next(std::move(result));
  });
}

void http_call::send(http_request request, sending how, clock::time_point deadline, next_step next) {
  auto bytes = bytes_of(request, link_->authority, link_->key);
  const bool may_repeat = how == sending::repeatable && !connection_->is_fresh();
  if (!may_repeat) request.body.wipe();
  connection_->exchange(std::move(bytes), deadline,
                        [self = shared_from_this(), request = std::move(request), may_repeat, deadline,
                         next = std::move(next)](http_result result) mutable {
                          const bool was_stale = !result && result.error().what == http_failure::kind::lost &&
                                                 !result.error().answer_had_begun;
                          if (!may_repeat || !was_stale) return next(std::move(result));
                          auto& connections = self->link_->connections;
                          connections.give_back(std::exchange(self->connection_, nullptr));
                          self->connection_ = connections.take_fresh();
                          self->send(std::move(request), sending::once, deadline, std::move(next));
                        });
}

void http_call::leave() {
  if (link_ == nullptr) return;
  auto& link = *std::exchange(link_, nullptr);
  if (connection_) link.connections.give_back(std::exchange(connection_, nullptr));
  link.places.leave();
}

}  // namespace holdfast::payments
