#include "tests/chaos/recorder.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::chaos {

namespace {

/// So that several customers meet at the same reservation, while it is young and later.
constexpr std::size_t reservations_in_reach = 300;
constexpr std::size_t most_complaints = 20;

}  // namespace

proof::moment recorder::now() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_)
      .count();
}

void recorder::add(proof::operation done) {
  const std::lock_guard lock(mutex_);
  const bool placed = done.kind == proof::operation_kind::place && done.reservation != 0;
  if (placed) reservations_.push_back(done.reservation);
  operations_.push_back(std::move(done));
}

void recorder::add_fault(const std::string& name, const std::string& detail) {
  const auto at = now();
  const std::lock_guard lock(mutex_);
  faults_.push_back({at, name, detail});
}

void recorder::complain(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (complaints_.size() < most_complaints) complaints_.push_back(what);
}

proof::reservation_id recorder::any_reservation(std::mt19937_64& random) const {
  const std::lock_guard lock(mutex_);
  if (reservations_.empty()) return 0;
  const auto reach = std::min(reservations_.size(), reservations_in_reach);
  return reservations_[reservations_.size() - 1 - random() % reach];
}

std::vector<proof::operation> recorder::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

std::vector<proof::fault_line> recorder::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

std::vector<std::string> recorder::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

std::uint64_t recorder::answered_with(std::uint32_t status) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::uint64_t>(std::count_if(operations_.begin(), operations_.end(),
                                                  [&](const auto& one) { return one.status == status; }));
}

}  // namespace holdfast::chaos
