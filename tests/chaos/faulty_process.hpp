// The harness's side of the fault board: makes it, says what the process under test is started with
// so that it obeys it, and sets and lifts its rules while that runs.
// Owned by one run; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/chaos/fault_board.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::chaos {

/// A rule to be set; parts of paths longer than `path_part` are refused.
struct disk_fault {
  std::string folder;
  std::string file;
  disk_step step = disk_step::write;
  disk_action action = disk_action::kill_before;
  std::uint64_t first = 1;
  std::uint64_t count = 1;
};

/// "kill_after the 7th write of reservations .log": for the list of faults.
std::string to_text(const disk_fault& fault);

class faulty_process {
 public:
  faulty_process();
  ~faulty_process();
  faulty_process(const faulty_process&) = delete;
  faulty_process& operator=(const faulty_process&) = delete;

  /// For whoever starts the process.
  testing::environment_variables environment() const;

  /// Counts from now on. Takes the first place that is free; throws where there is none.
  void arm(const disk_fault& fault);
  void disarm();
  /// How many calls did what an armed rule said.
  std::uint64_t applied() const;

  void set_clock_offset_ms(std::int64_t offset) { board_->clock_offset_ms = offset; }

 private:
  testing::temporary_folder folder_;
  fault_board* board_ = nullptr;
};

}  // namespace holdfast::chaos
