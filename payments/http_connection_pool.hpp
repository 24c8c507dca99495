// The connections to a provider: those in use, and the idle ones that the next calls use again.
// How many there can be is bounded by those who take them, since an idle one is always taken
// before another is opened. Threading: the loop's thread only, or after the loop has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

#include "payments/http_connection.hpp"

namespace holdfast::payments {

class http_connection_pool {
 public:
  http_connection_pool(boost::asio::io_context& loop, std::string host, std::uint16_t port,
                       std::chrono::milliseconds idle_timeout);

  /// The one that was used last, as long as the provider keeps it open; a fresh one otherwise.
  std::shared_ptr<http_connection> take();
  std::shared_ptr<http_connection> take_fresh();

  /// Every connection that was taken, closed or not.
  void give_back(std::shared_ptr<http_connection> connection);

  /// Fails what is under way. Nothing may be taken after that. Idempotent.
  void close();

 private:
  using clock = std::chrono::steady_clock;
  struct idle_connection {
    clock::time_point until;
    std::shared_ptr<http_connection> connection;
  };

  void watch();

  boost::asio::io_context& loop_;
  const std::string host_;
  const std::uint16_t port_;
  const std::chrono::milliseconds idle_timeout_;
  boost::asio::steady_timer idle_timer_;
  std::unordered_set<std::shared_ptr<http_connection>> busy_;
  /// The one given back last at the end.
  std::deque<idle_connection> idle_;
  bool watching_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::payments
