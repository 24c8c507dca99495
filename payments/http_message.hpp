// What goes to a provider over HTTP and what comes back. Values.
#pragma once

#include <string>

#include "domain/card.hpp"

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
};

struct http_answer {
  unsigned status = 0;
  std::string body;
};

}  // namespace holdfast::payments
