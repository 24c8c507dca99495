#include "http/problem.hpp"

#include <array>
#include <cassert>

#include "http/json.hpp"

namespace holdfast::http {

namespace {

struct fault_row {
  http::fault fault;
  unsigned status;
  /// Stable: clients compare it. It also ends the problem's type.
  std::string_view code;
  std::string_view title;
  /// After how many seconds the same request may do better; 0 where it never will.
  unsigned retry_after_s;
};

/// The one place that maps rejections and failures to statuses, in the order of the enum.
constexpr std::array fault_table{
    fault_row{fault::bad_request_line, 400, "bad-request", "The request is malformed", 0},
    fault_row{fault::ambiguous_framing, 400, "ambiguous-framing", "The request's length or host is ambiguous",
              0},
    fault_row{fault::header_too_large, 431, "header-too-large", "The request's header is too large", 0},
    fault_row{fault::body_too_large, 413, "body-too-large", "The request's body is too large", 0},
    fault_row{fault::request_timeout, 408, "request-timeout", "The request did not arrive in time", 0},
    fault_row{fault::unsupported_media_type, 415, "unsupported-media-type", "The content type is not JSON",
              0},
    fault_row{fault::malformed_json, 400, "malformed-json", "The body is not well-formed JSON", 0},
    fault_row{fault::invalid_field, 400, "invalid-field", "A field has an invalid value", 0},
    fault_row{fault::invalid_parameter, 400, "invalid-parameter", "A parameter has an invalid value", 0},
    fault_row{fault::invalid_header, 400, "invalid-header", "A header has an invalid value", 0},
    fault_row{fault::use_cursor, 400, "use-cursor", "The offset is too large, walk by cursor instead", 0},
    fault_row{fault::unauthenticated, 401, "unauthenticated", "It is not known who asks", 0},
    fault_row{fault::forbidden, 403, "forbidden", "Whoever asks may not do this", 0},
    // When to come back depends on who asks: the doorkeeper says so.
    fault_row{fault::too_many_requests, 429, "too-many-requests", "There are too many requests", 0},
    fault_row{fault::not_found, 404, "not-found", "There is nothing here", 0},
    fault_row{fault::method_not_allowed, 405, "method-not-allowed", "The method is not allowed here", 0},
    fault_row{fault::payment_declined, 402, "payment-declined", "The payment was declined", 0},
    fault_row{fault::payment_unavailable, 503, "payment-unavailable", "The payment could not be made", 5},
    fault_row{fault::cancelled, 409, "cancelled", "The reservation was cancelled meanwhile", 0},
    fault_row{fault::key_in_use, 409, "key-in-use", "The key's first request is still under way", 1},
    fault_row{fault::key_reused, 422, "key-reused", "The key was used with other fields", 0},
    fault_row{fault::overloaded, 503, "overloaded", "The service is overloaded or shutting down", 1},
    fault_row{fault::unavailable, 503, "unavailable", "The service can't record anything now", 1},
    fault_row{fault::view_unavailable, 503, "view-unavailable", "The view is being rebuilt", 1},
    fault_row{fault::internal, 500, "internal", "The service failed", 0},
};

const fault_row& row_of(http::fault fault) {
  const auto index = static_cast<std::size_t>(fault);
  assert(index < fault_table.size() && fault_table[index].fault == fault);
  return fault_table[index];
}

/// `instance` is a URI reference, so whatever can't stand in one is percent-encoded; that also
/// keeps a path of arbitrary bytes from breaking the JSON.
std::string as_uri_reference(std::string_view path) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(path.size());
  for (const char character : path) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte > 0x20 && byte < 0x7f && byte != '"' && byte != '\\' && byte != '<' && byte != '>') {
      text += character;
    } else {
      text += '%';
      text += digits[byte >> 4];
      text += digits[byte & 0xf];
    }
  }
  return text;
}

void write_errors(json_writer& out, const std::vector<field_error>& errors) {
  out.name("errors");
  out.begin_array();
  for (const field_error& error : errors) {
    out.begin_object();
    json::field(out, "pointer", error.pointer);
    json::field(out, "detail", error.detail);
    out.end_object();
  }
  out.end_array();
}

void write_reservation_link(json_writer& out, std::string_view href) {
  out.name("_links");
  out.begin_object();
  out.name("reservation");
  out.begin_object();
  json::field(out, "href", href);
  out.end_object();
  out.end_object();
}

void write_problem(json_writer& out, const problem& problem, const fault_row& row) {
  out.begin_object();
  out.name("type");
  out.plain_string("/problems/", row.code);
  json::plain_field(out, "title", row.title);
  json::field(out, "status", std::uint64_t{row.status});
  if (!problem.detail.empty()) json::field(out, "detail", problem.detail);
  if (!problem.instance.empty()) json::field(out, "instance", as_uri_reference(problem.instance));
  json::plain_field(out, "code", row.code);
  if (!problem.errors.empty()) write_errors(out, problem.errors);
  const auto& trace = problem.trace.present() ? problem.trace : tracing::begin_trace();
  json::plain_field(out, "traceId", tracing::trace_id_text(trace));
  if (!problem.reservation_href.empty()) write_reservation_link(out, problem.reservation_href);
  out.end_object();
}

}  // namespace

response render(const problem& problem) {
  const fault_row& row = row_of(problem.fault);
  response response;
  response.status = row.status;
  response.content_type = "application/problem+json";
  response.body = json::text_of([&](json_writer& out) { write_problem(out, problem, row); });
  if (row.retry_after_s != 0) {
    response.headers.emplace_back("Retry-After", std::to_string(row.retry_after_s));
  }
  return response;
}

}  // namespace holdfast::http
