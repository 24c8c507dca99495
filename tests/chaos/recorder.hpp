// What a run does and hears, gathered from all its threads into the parts of a history.
// Any thread may call; owned by the run.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/proof/history.hpp"

namespace holdfast::chaos {

class recorder {
 public:
  /// The run's own clock, which no fault reaches.
  proof::moment now() const;
  /// What the wall clock said at moment 0.
  std::int64_t began_at_ms() const { return began_at_ms_; }

  std::uint64_t next_number() { return ++last_number_; }
  void add(proof::operation done);
  void add_fault(const std::string& name, const std::string& detail);
  /// What may not be, whatever the checker says: an answer outside the contract, a crash of its own.
  void complain(const std::string& what);

  /// One of the reservations that somebody was told of lately, 0 where there is none.
  proof::reservation_id any_reservation(std::mt19937_64& random) const;

  std::vector<proof::operation> operations() const;
  std::vector<proof::fault_line> faults() const;
  std::vector<std::string> complaints() const;
  /// Operations that were answered with this status.
  std::uint64_t answered_with(std::uint32_t status) const;

 private:
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::int64_t began_at_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count();
  std::atomic<std::uint64_t> last_number_{0};
  mutable std::mutex mutex_;
  std::vector<proof::operation> operations_;
  std::vector<proof::fault_line> faults_;
  std::vector<std::string> complaints_;
  std::vector<proof::reservation_id> reservations_;
};

}  // namespace holdfast::chaos
