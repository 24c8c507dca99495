#include "tests/chaos/failpoints.hpp"

#include <array>

namespace holdfast::chaos {

namespace {

struct named_step {
  const char* name;
  const char* folder;
  const char* file;
  disk_step step;
  /// It comes up to so often while a server starts and works for a moment.
  std::uint64_t often;
};

constexpr std::array named_steps{
    named_step{"reservations-log-write", "/reservations", ".log", disk_step::write, 60},
    named_step{"reservations-log-sync", "/reservations", ".log", disk_step::sync, 60},
    named_step{"receipts-log-write", "/receipts", ".log", disk_step::write, 30},
    named_step{"receipts-log-sync", "/receipts", ".log", disk_step::sync, 30},
    named_step{"reservations-manifest-write", "/reservations", "MANIFEST", disk_step::write, 12},
    named_step{"reservations-manifest-sync", "/reservations", "MANIFEST", disk_step::sync, 6},
    named_step{"receipts-manifest-write", "/receipts", "MANIFEST", disk_step::write, 12},
    named_step{"receipts-manifest-sync", "/receipts", "MANIFEST", disk_step::sync, 6},
    named_step{"reservations-table-write", "/reservations", ".sst", disk_step::write, 12},
    named_step{"reservations-table-sync", "/reservations", ".sst", disk_step::sync, 5},
    named_step{"receipts-table-write", "/receipts", ".sst", disk_step::write, 12},
    named_step{"receipts-table-sync", "/receipts", ".sst", disk_step::sync, 5},
    // Of CURRENT, and of the folder of a new store.
    named_step{"reservations-rename", "/reservations", "", disk_step::rename, 3},
    named_step{"receipts-rename", "/receipts", "", disk_step::rename, 3},
    named_step{"reservations-remove", "/reservations", "", disk_step::remove, 3},
    named_step{"receipts-remove", "/receipts", "", disk_step::remove, 3},
    // More often than the others: rows and checkpoints are written all the time.
    named_step{"view-log-write", "/view", ".log", disk_step::write, 15},
    named_step{"view-log-write", "/view", ".log", disk_step::write, 60},
    named_step{"view-write", "/view", "", disk_step::write, 40},
    named_step{"view-rename", "/view", "", disk_step::rename, 2},
};

failpoint at(const named_step& step, disk_action action, std::mt19937_64& random) {
  return {step.name,
          {.folder = step.folder,
           .file = step.file,
           .step = step.step,
           .action = action,
           .first = 1 + random() % step.often,
           .count = 1}};
}

}  // namespace

failpoint draw_failpoint(std::mt19937_64& random) {
  constexpr std::array actions{disk_action::kill_before, disk_action::kill_after,
                               disk_action::torn_then_kill};
  const auto& step = named_steps[random() % named_steps.size()];
  return at(step, actions[random() % actions.size()], random);
}

failpoint draw_torn_tail(std::mt19937_64& random) {
  const auto& step = named_steps[random() % 2 == 0 ? 0 : 2];
  return at(step, disk_action::torn_then_kill, random);
}

}  // namespace holdfast::chaos
