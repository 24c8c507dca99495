// Adapter: a payment provider behind HTTP, in Stripe's dialect (stripe_dialect.hpp).
//
// A charge is two exchanges: the payment intent is created without the card and confirmed with it,
// on the same connection. A confirmation is sent at most once, never repeated, and never after the
// charge was called back, nor when its reservation was lost since; a cancelled intent can't be
// confirmed; so settling is binding.
//
// Threading: one thread of its own, with its event loop, its connections and most callbacks, which
// must not block, throw or call close(). A call that is not taken is called back by the caller's
// thread before it returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "domain/card.hpp"
#include "payments/provider.hpp"
#include "tracing/span.hpp"

namespace holdfast::payments {

struct http_provider_options {
  /// A name or an IP address, v6 without brackets.
  std::string host = "127.0.0.1";
  std::uint16_t port = 9090;
  /// The bearer key; none is sent where it is empty.
  domain::secret key;
  /// For each exchange, the connecting included, and for the wait for a free connection. A charge
  /// takes two exchanges; settling takes two and one for each intent that has to be closed.
  std::chrono::milliseconds timeout{620};
  /// A connection that nobody has used for so long is closed.
  std::chrono::milliseconds idle_timeout{10'000};
  /// Where a span of each exchange goes, which the provider is told of; null for nowhere.
  tracing::tracer* tracer = nullptr;
};

class http_provider final : public provider {
 public:
  /// Calls that talk to the provider at once, each on a connection of its own.
  static constexpr std::size_t most_connections = 64;
  /// Calls that wait for a connection. Of more, charges are answered as not charged at once, the
  /// others as unknown; and so are those that got none within the time-out.
  static constexpr std::size_t most_waiting_calls = 4'096;

  /// Connects to nothing yet. Throws std::invalid_argument where the host or the key has a
  /// character that can't stand in a header.
  explicit http_provider(http_provider_options options);
  /// Where a host's name is being resolved it waits for that to end.
  ~http_provider() override;

  void charge(charge_request request, std::function<void(charge_answer)> done) override;
  void settle(settle_request request, std::function<void(settle_answer)> done) override;
  void refund(refund_request request, std::function<void(refund_answer)> done) override;
  void close() override;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::payments
