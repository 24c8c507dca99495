#include "tests/simulation/plan.hpp"

#include "tests/simulation/random.hpp"

namespace holdfast::simulation {

namespace {

constexpr std::array<std::string_view, fault_count> names{"crash",
                                                          "append-fails",
                                                          "append-unacknowledged",
                                                          "journal-slow",
                                                          "journal-read-fails",
                                                          "list-fails",
                                                          "declines",
                                                          "provider-errors",
                                                          "charged-without-answer",
                                                          "lands-late",
                                                          "keys-forgotten",
                                                          "refund-fails",
                                                          "provider-slow",
                                                          "provider-down",
                                                          "provider-down-for-hours",
                                                          "view-down",
                                                          "view-flushed",
                                                          "view-slow",
                                                          "view-write-unacknowledged",
                                                          "clock-jumps",
                                                          "actor-dies",
                                                          "desk-dies",
                                                          "node-paused",
                                                          "node-hands-over",
                                                          "node-joins",
                                                          "journal-cut-off",
                                                          "leases-unreachable",
                                                          "leases-slow",
                                                          "lease-answer-lost",
                                                          "link-cut",
                                                          "link-breaks",
                                                          "message-lost",
                                                          "message-twice",
                                                          "network-slow",
                                                          "clock-skew"};

/// One in so many seeds has a fault that costs hours of virtual time.
constexpr std::uint64_t rarely = 40;
/// The others are one node by itself.
constexpr std::uint32_t clusters_percent = 50;

template <class T, std::size_t count>
T one_of(random_source& random, const std::array<T, count>& all) {
  return all[random.below(count)];
}

}  // namespace

std::string_view name_of(fault what) {
  return names.at(static_cast<std::size_t>(what));
}

plan::plan(std::uint64_t of_seed) : seed(of_seed) {
  random_source random(seed * 2 + 1);
  const auto share = one_of(random, std::array<std::uint32_t, 4>{0, 20, 40, 70});
  nodes = random.chance(clusters_percent) ? static_cast<std::uint32_t>(random.between(3, 5)) : 1;
  const auto faults_possible = clustered() ? fault_count : first_cluster_fault;
  for (std::size_t i = 0; i < faults_possible; ++i) faults.set(i, random.chance(share));
  faults.set(static_cast<std::size_t>(fault::crash), random.chance(70));
  faults.set(static_cast<std::size_t>(fault::provider_down_for_hours), random.below(rarely) == 0);
  fault_percent = one_of(random, std::array<std::uint32_t, 4>{2, 10, 25, 50});
  customers = static_cast<std::uint32_t>(random.between(1, 6));
  operations_each = static_cast<std::uint32_t>(random.between(2, 20));
  keys = static_cast<std::uint32_t>(random.between(1, 8));
  shards = static_cast<std::uint32_t>(random.between(1, 3));
  longest_thought =
      one_of(random, std::array<moment, 5>{0, millisecond, 30 * millisecond, 300 * millisecond, 3 * second});
  faults_until = one_of(random, std::array<moment, 3>{second, 4 * second, 12 * second});
  crashes = has(fault::crash) ? static_cast<std::uint32_t>(random.between(1, 3)) : 0;
  journal_latency = one_of(random, std::array<moment, 3>{0, 100, 5 * millisecond});
  provider_latency = one_of(random, std::array<moment, 3>{0, 20 * millisecond, 500 * millisecond});
  view_latency = one_of(random, std::array<moment, 3>{0, millisecond, 50 * millisecond});
  leaning = one_of(random, std::array<lean, 4>{lean::none, lean::half, lean::actors, lean::ports});
  hasty_percent = one_of(random, std::array<std::uint32_t, 3>{0, 0, 1});
  using std::chrono::milliseconds;
  payment_wait = one_of(random, std::array{milliseconds(5000), milliseconds(400), milliseconds(20)});
  cancel_wait = one_of(random, std::array{milliseconds(2000), milliseconds(100)});
  view_interval = one_of(random, std::array{milliseconds(20), milliseconds(0)});
  bounds.residents = one_of(random, std::array<std::size_t, 4>{bounds.residents, 3, 4, 8});
  bounds.resume_window = one_of(random, std::array<std::uint32_t, 3>{bounds.resume_window, 2, 3});
  bounds.come_back_after = one_of(random, std::array{bounds.come_back_after, std::chrono::seconds(1)});
  bounds.sleepers = one_of(random, std::array<std::size_t, 3>{bounds.sleepers, 1, 3});
  bounds.wakes_at_once = one_of(random, std::array<std::uint32_t, 2>{bounds.wakes_at_once, 1});
  if (clustered()) draw_cluster(random);
}

void plan::draw_cluster(random_source& random) {
  using std::chrono::milliseconds;
  if (random.chance(30)) last_roles = {random.chance(50), random.chance(50), random.chance(50)};
  lease = one_of(random, std::array{milliseconds(5000), milliseconds(3000)});
  beat_interval = one_of(random, std::array{milliseconds(200), milliseconds(500)});
  hand_over_wait = one_of(random, std::array{milliseconds(200), milliseconds(20), milliseconds(7000)});
  crashes *= 2;
  // A cluster's heart beats too often for that.
  faults.reset(static_cast<std::size_t>(fault::provider_down_for_hours));
  patience = one_of(random, std::array<moment, 4>{0, 300 * millisecond, second, 3 * second});
  network_latency = one_of(random, std::array<moment, 3>{0, millisecond, 50 * millisecond});
  lease_latency = one_of(random, std::array<moment, 3>{0, millisecond, 50 * millisecond});
}

}  // namespace holdfast::simulation
