#include "payments/http_connection_pool.hpp"

#include <cassert>
#include <utility>

namespace holdfast::payments {

http_connection_pool::http_connection_pool(boost::asio::io_context& loop, std::string host,
                                           std::uint16_t port, std::chrono::milliseconds idle_timeout)
    : loop_(loop), host_(std::move(host)), port_(port), idle_timeout_(idle_timeout), idle_timer_(loop) {}

std::shared_ptr<http_connection> http_connection_pool::take() {
  while (!idle_.empty()) {
    auto last = std::move(idle_.back().connection);
    idle_.pop_back();
    if (last->is_usable()) return *busy_.insert(std::move(last)).first;
    last->close();
  }
  return take_fresh();
}

std::shared_ptr<http_connection> http_connection_pool::take_fresh() {
  assert(!closed_);
  return *busy_.insert(std::make_shared<http_connection>(loop_, host_, port_)).first;
}

void http_connection_pool::give_back(std::shared_ptr<http_connection> connection) {
  busy_.erase(connection);
  if (closed_ || connection->is_fresh() || !connection->is_usable()) return connection->close();
  idle_.push_back({clock::now() + idle_timeout_, std::move(connection)});
  watch();
}

void http_connection_pool::close() {
  closed_ = true;
  idle_timer_.cancel();
  for (auto idle = std::exchange(idle_, {}); auto& each : idle) each.connection->close();
  for (auto busy = std::exchange(busy_, {}); auto& each : busy) each->close();
}

void http_connection_pool::watch() {
  if (watching_ || idle_.empty()) return;
  watching_ = true;
  idle_timer_.expires_at(idle_.front().until);
  idle_timer_.async_wait([this](const auto& error) {
    watching_ = false;
    if (error || closed_) return;
    const auto now = clock::now();
    while (!idle_.empty() && idle_.front().until <= now) {
      idle_.front().connection->close();
      idle_.pop_front();
    }
    watch();
  });
}

}  // namespace holdfast::payments
