#include "http/request_meter.hpp"

#include <algorithm>

namespace holdfast::http {

namespace {

/// The last place is for statuses that have none of their own.
template <std::size_t size>
std::size_t place_of(unsigned status, const std::array<unsigned, size>& statuses) {
  return static_cast<std::size_t>(std::find(statuses.begin(), statuses.end() - 1, status) - statuses.begin());
}

}  // namespace

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
  mine.answered[place_of(status, counted_statuses)].fetch_add(1, std::memory_order_relaxed);
  mine.durations.count(static_cast<std::uint64_t>(took.count()));
}

void request_meter::numbers::add_to(request_figures& sums, const request_label& label) const {
  bool any = false;
  for (std::size_t i = 0; i < counted_statuses.size(); ++i) {
    const auto count = answered[i].load(std::memory_order_relaxed);
    if (count == 0) continue;
    any = true;
    sums.answered[{label, counted_statuses[i]}] += count;
  }
  if (!any) return;
  const auto counted = durations.read();
  const auto [place, fresh] = sums.durations.try_emplace(label, counted);
  if (!fresh) place->second.add(counted);
}

void request_meter::add_to(request_figures& sums) const {
  for (std::size_t pattern = 0; pattern < numbers_.size(); ++pattern) {
    for (std::size_t method = 0; method < method_count; ++method) {
      numbers_[pattern][method].add_to(sums, {pattern, static_cast<http::method>(method)});
    }
  }
}

request_meter& request_meters::add() {
  const std::lock_guard lock(mutex_);
  return meters_.emplace_back();
}

void request_meters::count_unreadable(unsigned status) {
  unreadable_[place_of(status, unreadable_statuses)].fetch_add(1, std::memory_order_relaxed);
}

request_figures request_meters::read() const {
  request_figures sums;
  for (std::size_t i = 0; i < unreadable_.size(); ++i) sums.unreadable[i] = unreadable_[i];
  const std::lock_guard lock(mutex_);
  for (const auto& each : meters_) each.add_to(sums);
  return sums;
}

}  // namespace holdfast::http
