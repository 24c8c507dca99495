// What can happen to a shop, each under its name: it happens for a while, and is over when it returns,
// but for what is said to last until the end of the episode.
// One thread, that of the run.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/own_mounts.hpp"
#include "tests/chaos/shop.hpp"

namespace holdfast::chaos {

/// What faults work on.
struct scene {
  shop& at;
  recorder& into;
  std::mt19937_64& random;
  /// The server's data lies on it; nothing where this machine can't mount.
  memory_disk* disk = nullptr;
  /// Of the next customer that comes in addition.
  std::uint32_t next_customer = 1000;
};

struct fault {
  std::string name;
  void (*strike)(scene&);
  bool needs_redis = false;
  bool needs_memory_disk = false;
};

/// By name, every one.
std::vector<fault> all_faults();

// The parts of that list.
std::vector<fault> process_faults();
std::vector<fault> redis_faults();
std::vector<fault> provider_faults();
std::vector<fault> disk_faults();
std::vector<fault> client_faults();

/// By chance, both included.
std::chrono::milliseconds draw_time(scene& in, std::chrono::milliseconds least,
                                    std::chrono::milliseconds most);
/// Lets so much time pass, less where the server ends meanwhile.
void go_on_for(scene& in, std::chrono::milliseconds time);
void note(scene& in, const std::string& fault, const std::string& detail = {});

}  // namespace holdfast::chaos
