#include "http/request_meter.hpp"

#include <algorithm>

namespace holdfast::http {

std::string_view name_of(method method) {
  switch (method) {
    case method::get:
      return "GET";
    case method::head:
      return "HEAD";
    case method::post:
      return "POST";
    case method::put:
      return "PUT";
    case method::patch:
      return "PATCH";
    case method::del:
      return "DELETE";
    case method::options:
      return "OPTIONS";
    case method::other:
      break;
  }
  return "other";
}

std::string_view route_name(const request_label& label) {
  return label.pattern == pattern_count ? "unknown" : pattern_name(label.pattern);
}

void request_meter::count(const request_label& label, unsigned status, std::chrono::nanoseconds took) {
  auto& mine = numbers_[label.pattern][static_cast<std::size_t>(label.method)];
  const auto last = counted_statuses.end() - 1;
  const auto found = std::find(counted_statuses.begin(), last, status);
  mine.answered[static_cast<std::size_t>(found - counted_statuses.begin())].fetch_add(
      1, std::memory_order_relaxed);
  mine.durations.count(static_cast<std::uint64_t>(took.count()));
}

void request_meter::add_to(request_figures& sums) const {
  for (std::size_t pattern = 0; pattern < numbers_.size(); ++pattern) {
    for (std::size_t method = 0; method < method_count; ++method) {
      const auto& mine = numbers_[pattern][method];
      const request_label label{pattern, static_cast<http::method>(method)};
      bool any = false;
      for (std::size_t i = 0; i < counted_statuses.size(); ++i) {
        const auto count = mine.answered[i].load(std::memory_order_relaxed);
        if (count == 0) continue;
        any = true;
        sums.answered[{label, counted_statuses[i]}] += count;
      }
      if (!any) continue;
      auto durations = mine.durations.read();
      const auto [place, fresh] = sums.durations.try_emplace(label, durations);
      if (!fresh) place->second.add(durations);
    }
  }
}

request_meter& request_meters::add() {
  const std::lock_guard lock(mutex_);
  return meters_.emplace_back();
}

request_figures request_meters::read() const {
  const std::lock_guard lock(mutex_);
  request_figures sums;
  for (const auto& each : meters_) each.add_to(sums);
  return sums;
}

}  // namespace holdfast::http
