// RFC 9457 problems, and the one place that maps rejections and failures to statuses.
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace holdfast::http {

/// What can be wrong with a request or go wrong with it. The table in problem.cpp gives each its
/// stable code, status and title.
enum class fault : std::uint8_t {
  bad_request_line,
  ambiguous_framing,
  header_too_large,
  body_too_large,
  request_timeout,
  unsupported_media_type,
  malformed_json,
  invalid_field,
  invalid_parameter,
  invalid_header,
  use_cursor,
  unauthenticated,
  forbidden,
  too_many_requests,
  not_found,
  method_not_allowed,
  payment_declined,
  payment_unavailable,
  cancelled,
  key_in_use,
  key_reused,
  overloaded,
  unavailable,
  view_unavailable,
  internal
};

struct field_error {
  /// RFC 6901, "/price"; empty for the whole document.
  std::string pointer;
  std::string detail;
};

struct problem {
  http::fault fault = fault::internal;
  /// What to do about it, in a sentence that a stranger can act on.
  std::string detail;
  /// The request's path.
  std::string instance;
  std::vector<field_error> errors;
  /// Link to the reservation that the problem is about, empty where there is none.
  std::string reservation_href;
  /// The request's; where there is none every rendering gets a trace id of its own.
  tracing::trace_context trace = {};
};

/// Status, code, body and headers such as Retry-After, all from the one table.
response render(const problem& problem);

}  // namespace holdfast::http
