// What goes to a provider over HTTP and what comes back. Values.
#pragma once

#include <string>
#include <string_view>

#include "domain/card.hpp"
#include "tracing/trace_context.hpp"

namespace holdfast::payments {

struct http_request {
  /// "GET" or "POST".
  std::string method;
  /// Path and query, percent-encoded.
  std::string target;
  /// A form; it may hold a card number, so it is wiped when it goes.
  domain::secret body;
  /// Empty where there is none.
  std::string idempotency_key;
  /// The target without what differs from call to call: "/v1/payment_intents/{intent}/confirm".
  std::string_view route = {};
  /// Goes along as `traceparent`, where there is one.
  tracing::trace_context trace = {};
};

struct http_answer {
  unsigned status = 0;
  std::string body;
};

}  // namespace holdfast::payments
