// What the harness and the preloaded library tell each other while the process under test runs: a
// page of shared memory with rules for its file system calls and an offset of its clock.
//
// The harness owns the file and fills in a rule before it arms it; the library reads rules and
// counts. Every field that changes while both look at it is atomic and free of locks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::chaos {

/// Names the file of the board for the library.
inline constexpr const char* board_variable = "CHAOS_FAULT_BOARD";

enum class disk_step : std::uint8_t { write, sync, rename, remove };

enum class disk_action : std::uint8_t {
  kill_before,
  kill_after,
  /// The first half reaches the file, then the process is killed.
  torn_then_kill,
  /// The first half reaches the file, which the caller is told: it has to write the rest.
  short_write,
  io_error,
  no_space,
  /// Says that it was done.
  skip,
  /// Takes a while first.
  stall
};

inline constexpr int stall_ms = 150;

/// What the path of a file must contain for a rule to be about it: both parts.
using path_part = std::array<char, 64>;

struct disk_rule {
  std::atomic<bool> armed{false};
  path_part folder{};
  path_part file{};
  disk_step step = disk_step::write;
  disk_action action = disk_action::kill_before;
  /// Of the calls since the rule was armed: the first it is about, from 1, and how many from there on.
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  std::atomic<std::uint64_t> seen{0};
  std::atomic<std::uint64_t> applied{0};
};

inline constexpr std::size_t most_disk_rules = 4;

struct fault_board {
  /// Added to what the wall clock says.
  std::atomic<std::int64_t> clock_offset_ms{0};
  std::array<disk_rule, most_disk_rules> rules;
};

static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

}  // namespace holdfast::chaos
