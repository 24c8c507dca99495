// One call to the provider: it waits for its place, then makes its exchanges one after the other,
// and is called back once. What charging, settling and refunding do with it stands in
// http_calls.cpp.
//
// Ownership: held by shared_ptr, since what is under way keeps it. Threading: made by any thread,
// then the loop's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "domain/card.hpp"
#include "payments/http_connection_pool.hpp"
#include "payments/http_message.hpp"
#include "payments/http_places.hpp"
#include "payments/provider.hpp"
#include "tracing/span.hpp"

namespace holdfast::payments {

/// What all calls share.
struct http_link {
  http_places& places;
  http_connection_pool& connections;
  std::string authority;
  domain::secret key;
  /// For each exchange.
  std::chrono::milliseconds timeout;
  /// What is called, for spans: null where nobody wants any.
  tracing::tracer* tracer = nullptr;
  std::string host = {};
  std::uint16_t port = 0;
};

class http_call : public std::enable_shared_from_this<http_call> {
 public:
  using refusal = http_places::admission;

  virtual ~http_call() = default;

  void start(http_link& link);
  /// Calls back a call that got no place; nothing was sent for it.
  virtual void refuse(refusal why) = 0;

 protected:
  using next_step = std::function<void(http_result)>;
  enum class sending : std::uint8_t {
    /// A connection that was used before may have been closed by the provider just now: where no
    /// byte of an answer came, the request is sent once more, on a fresh one.
    repeatable,
    once
  };

  virtual void begin() = 0;

  /// On the connection of the exchange before it, where that is still open. The time-out is one
  /// for both times that it is sent.
  void exchange(http_request request, sending how, next_step next);

  /// The same as a span within this trace, which the provider is told.
  void exchange(http_request request, sending how, const tracing::trace_context& within, next_step next);

  /// Leaves the place and the connection to others. Before the callback, so that whoever calls
  /// from there finds them free.
  void leave();

  std::chrono::milliseconds timeout() const { return link_->timeout; }

 private:
  using clock = http_connection::clock;

  void send(http_request request, sending how, clock::time_point deadline, next_step next);

  http_link* link_ = nullptr;
  std::shared_ptr<http_connection> connection_;
};

std::shared_ptr<http_call> make_charge_call(charge_request request, std::function<void(charge_answer)> done);
std::shared_ptr<http_call> make_settle_call(settle_request request, std::function<void(settle_answer)> done);
std::shared_ptr<http_call> make_refund_call(refund_request request, std::function<void(refund_answer)> done);

}  // namespace holdfast::payments
