#include "http/request_span.hpp"

#include <string>

#include "http/request_meter.hpp"

namespace holdfast::http {

namespace {

/// "_OTHER" where it is none that is known.
std::string method_name(method method) {
  return method == method::other ? "_OTHER" : std::string(name_of(method));
}

}  // namespace

std::shared_ptr<tracing::open_span> begin_request_span(tracing::tracer* to, const route& route,
                                                       request& request) {
  if (to == nullptr) return nullptr;
  if (!request.trace.present() && (is_for_customers(route) || is_admin(route))) request.trace = to->begin();
  const std::string path(pattern_name(pattern_of(route)));
  const auto method = method_name(request.method);
  auto span =
      tracing::shared_span(to, request.trace, tracing::span_kind::server,
                           (request.method == method::other ? std::string("HTTP") : method) + " " + path);
  if (!span) return nullptr;
  request.trace = span->context_or(request.trace);
  span->set("http.request.method", method);
  span->set("http.route", path);
  span->set("url.path", request.path);
  span->set("url.scheme", std::string(request.secure ? "https" : "http"));
  return span;
}

void end_request_span(tracing::open_span& span, unsigned status) {
  span.set("http.response.status_code", std::int64_t{status});
  // What a client did wrong is no failure of the server's.
  if (status >= 500) span.fail(std::to_string(status));
  span.end();
}

}  // namespace holdfast::http
