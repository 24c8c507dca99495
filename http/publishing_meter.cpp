#include "http/publishing_meter.hpp"

namespace holdfast::http {

namespace {

std::uint64_t records_between(const storage::journal_place& place, const storage::journal_place& ends) {
  std::uint64_t records = 0;
  for (std::size_t shard = 0; shard < ends.size(); ++shard) {
    if (place[shard] < ends[shard]) records += ends[shard] - place[shard];
  }
  return records;
}

}  // namespace

void publishing_meter::at(const storage::journal_place& place) {
  const std::lock_guard lock(mutex_);
  place_ = place;
  failing_ = false;
}

void publishing_meter::looked(const storage::journal_place& ends, clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!place_) return;
  counted_.lag_records = records_between(*place_, ends);
  if (goal_ && records_between(*place_, goal_->place) == 0) {
    complete_until_ = goal_->seen_at;
    goal_.reset();
  }
  if (counted_.lag_records == 0) complete_until_ = now;
  if (!goal_) goal_ = goal{ends, now};
}

void publishing_meter::wrote(std::size_t events) {
  const std::lock_guard lock(mutex_);
  counted_.published += events;
}

void publishing_meter::failed(publishing_obstacle what) {
  const std::lock_guard lock(mutex_);
  ++counted_.errors[static_cast<std::size_t>(what)];
  failing_ = true;
}

publishing_figures publishing_meter::read(clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  auto figures = counted_;
  if (failing_ || figures.lag_records > 0) figures.behind_for = now - complete_until_;
  return figures;
}

}  // namespace holdfast::http
