#include "tests/simulation/world.hpp"

#include <algorithm>
#include <cassert>

namespace holdfast::simulation {

namespace {

/// What a story or a trace needs of faults that strike at every call.
constexpr std::size_t most_faults_kept = 500;

}  // namespace

moment world::stamp() {
  last_stamp_ = std::max(last_stamp_ + 1, now_);
  return last_stamp_;
}

std::optional<moment> world::next_due() const {
  if (later_.empty()) return std::nullopt;
  return later_.begin()->first;
}

void world::advance_to(moment later) {
  assert(later >= now_);
  now_ = later;
  while (!later_.empty() && later_.begin()->first <= now_) {
    make_ready(std::move(later_.begin()->second));
    later_.erase(later_.begin());
  }
}

void world::make_ready(waiting_step one) {
  const auto paused = held_.find(one.of);
  (paused == held_.end() ? ready_ : paused->second).push_back(std::move(one));
}

void world::after(moment delay, owner of, step what) {
  if (delay <= 0) {
    make_ready({of, std::move(what)});
  } else {
    later_.emplace(now_ + delay, waiting_step{of, std::move(what)});
  }
}

void world::run_ready(std::size_t which) {
  std::swap(ready_.at(which), ready_.back());
  const auto chosen = std::move(ready_.back());
  ready_.pop_back();
  chosen.what();
}

void world::lose_steps_of(owner gone) {
  // Taken out first: what a step holds may call back when it goes.
  std::vector<waiting_step> lost;
  if (const auto held = held_.find(gone); held != held_.end()) lost = std::exchange(held->second, {});
  const auto kept =
      std::stable_partition(ready_.begin(), ready_.end(), [&](const auto& one) { return one.of != gone; });
  std::move(kept, ready_.end(), std::back_inserter(lost));
  ready_.erase(kept, ready_.end());
  for (auto next = later_.begin(); next != later_.end();) {
    if (next->second.of != gone) {
      ++next;
      continue;
    }
    lost.push_back(std::move(next->second));
    next = later_.erase(next);
  }
}

void world::pause(owner who) {
  auto& held = held_[who];
  const auto kept =
      std::stable_partition(ready_.begin(), ready_.end(), [&](const auto& one) { return one.of != who; });
  std::move(kept, ready_.end(), std::back_inserter(held));
  ready_.erase(kept, ready_.end());
}

void world::go_on(owner who) {
  auto held = held_.extract(who);
  for (auto& one : held.mapped()) ready_.push_back(std::move(one));
}

bool world::strikes(fault what, const std::string& detail) {
  if (faults_over_ || !drawn.has(what) || !random.chance(drawn.fault_percent)) return false;
  note(what, detail);
  return true;
}

void world::note(fault what, const std::string& detail) {
  ++struck[static_cast<std::size_t>(what)];
  if (faults.size() < most_faults_kept) faults.push_back({stamp(), std::string(name_of(what)), detail});
  trace([&] { return "fault " + std::string(name_of(what)) + " " + detail; });
}

moment world::latency(moment longest) {
  if (longest == 0 || random.chance(30)) return 0;
  return random.between(0, random.chance(80) ? longest / 4 : longest);
}

void world::write_trace(const std::string& text) {
  *trace_to_ << steps << ' ' << now_ << "us " << text << '\n';
}

}  // namespace holdfast::simulation
