// Adapter: the ledger of a provider behind HTTP that has one (`GET /ledger` of holdfast sandbox):
//
//   {"entries":[{"idempotencyKey","reservation":257,"amount":1300000,"currency":"KRW",
//                "kind":"charge"|"refund","time","transactionId":"pi_257_1"}, ...]}
//
// It is parsed as it arrives, so that memory is bounded by one entry, however large the ledger.
// Where the provider has none (404), as Stripe, the message says so.
// Threading: as the port says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "domain/card.hpp"
#include "payments/ledger_source.hpp"

namespace holdfast::payments {

struct http_ledger_options {
  /// A name or an IP address, v6 without brackets.
  std::string host = "127.0.0.1";
  std::uint16_t port = 9090;
  /// The bearer key; none is sent where it is empty.
  domain::secret key;
  /// For the connecting, and for each wait for more of the ledger.
  std::chrono::milliseconds longest_silence{30'000};
};

class http_ledger_source final : public ledger_source {
 public:
  explicit http_ledger_source(http_ledger_options options) : options_(std::move(options)) {}

  tl::expected<void, std::string> for_each(const std::function<void(const money_movement&)>& each) override;

 private:
  http_ledger_options options_;
};

}  // namespace holdfast::payments
