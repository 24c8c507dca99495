// The bulkhead: so many calls talk to the provider at once, a bounded number wait for a place, in
// order and for a bounded time. Threading: the loop's thread only, or after the loop has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>

namespace holdfast::payments {

class http_places {
 public:
  enum class admission : std::uint8_t { admitted, too_many_calls, closed };
  using handler = std::function<void(admission)>;

  http_places(boost::asio::io_context& loop, std::size_t most_at_once, std::size_t most_waiting,
              std::chrono::milliseconds longest_wait);

  /// `go` is called exactly once. Whoever is admitted leaves later.
  void enter(handler go);
  void leave();

  /// Turns away who waits and who comes. Idempotent.
  void close();

 private:
  using clock = std::chrono::steady_clock;
  struct waiting_call {
    clock::time_point until;
    handler go;
  };

  void watch();
  void turn_away_the_late();

  const std::size_t most_at_once_;
  const std::size_t most_waiting_;
  const std::chrono::milliseconds longest_wait_;
  boost::asio::steady_timer timer_;
  std::deque<waiting_call> waiting_;
  std::size_t taken_ = 0;
  bool watching_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::payments
