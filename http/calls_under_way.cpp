#include "http/calls_under_way.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::http {

calls_under_way::ticket calls_under_way::begin(std::weak_ptr<connection> from) {
  if (calls_.size() >= most_) look_around();
  const ticket fresh = next_++;
  calls_.emplace(fresh, call{std::move(from)});
  most_ = std::max(most_, calls_.size());
  return fresh;
}

void calls_under_way::hang(ticket call) {
  const auto found = calls_.find(call);
  if (found != calls_.end()) found->second.hangs = true;
}

void calls_under_way::look_around() {
  std::erase_if(calls_, [](const auto& each) {
    const auto connection = each.second.from.lock();
    if (connection && !connection->client_has_left()) return false;
    if (connection && each.second.hangs) connection->close();
    return true;
  });
}

}  // namespace holdfast::http
