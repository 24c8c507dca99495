// What a seed decides before anything runs: how many customers do what, which faults there are at
// all and how often, and how the schedule leans. Every seed has a subset of the faults only, since
// all of them at once hide from each other ("swarm testing", Groce et al., 2012).
// Values; pure.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "actors/engine.hpp"
#include "storage/membership.hpp"
#include "tests/proof/history.hpp"
#include "tests/simulation/random.hpp"

namespace holdfast::simulation {

/// Microseconds of virtual time.
using proof::moment;
inline constexpr moment millisecond = 1000;
inline constexpr moment second = 1000 * millisecond;

enum class fault : std::uint8_t {
  crash,
  append_fails,
  append_unacknowledged,
  journal_slow,
  journal_read_fails,
  list_fails,
  declines,
  provider_errors,
  charged_without_answer,
  lands_late,
  keys_forgotten,
  refund_fails,
  provider_slow,
  provider_down,
  provider_down_for_hours,
  view_down,
  view_flushed,
  view_slow,
  view_write_unacknowledged,
  clock_jumps,
  actor_dies,
  desk_dies,
  // Of clusters only.
  node_paused,
  node_hands_over,
  node_joins,
  journal_cut_off,
  leases_unreachable,
  leases_slow,
  lease_answer_lost,
  link_cut,
  link_breaks,
  message_lost,
  message_twice,
  network_slow,
  clock_skew,
};
inline constexpr std::size_t fault_count = 35;
/// From here on.
inline constexpr std::size_t first_cluster_fault = static_cast<std::size_t>(fault::node_paused);
std::string_view name_of(fault what);

/// Whom the schedule prefers, the actors or the ports.
enum class lean : std::uint8_t { none, half, actors, ports };

struct plan {
  explicit plan(std::uint64_t seed);

  bool clustered() const { return nodes > 1; }
  bool has(fault what) const { return faults.test(static_cast<std::size_t>(what)); }

  std::uint64_t seed;
  std::bitset<fault_count> faults;
  /// Of each call that it may strike.
  std::uint32_t fault_percent = 0;
  std::uint32_t customers = 0;
  std::uint32_t operations_each = 0;
  std::uint32_t keys = 0;
  /// Where keys lead to: few shards, so that reservations share books and numbers.
  std::uint32_t shards = 0;
  /// The longest a customer thinks between two operations.
  moment longest_thought = 0;
  /// How long they wait for a node that stands still; 0: for as long as it takes.
  moment patience = 0;
  /// Faults may begin until then.
  moment faults_until = 0;
  /// 1: no cluster.
  std::uint32_t nodes = 1;
  /// Of the last of the nodes: the others have all.
  storage::member_roles last_roles{};
  std::chrono::milliseconds lease{0};
  std::chrono::milliseconds beat_interval{0};
  std::chrono::milliseconds hand_over_wait{0};
  std::uint32_t crashes = 0;
  /// Ordinary latencies of the ports, at most.
  moment journal_latency = 0;
  moment provider_latency = 0;
  moment view_latency = 0;
  moment network_latency = 0;
  moment lease_latency = 0;
  lean leaning = lean::none;
  /// How often time goes on although somebody has something to do now.
  std::uint32_t hasty_percent = 0;
  std::chrono::milliseconds payment_wait{0};
  std::chrono::milliseconds cancel_wait{0};
  std::chrono::milliseconds view_interval{0};
  /// Often so small that a few reservations reach them.
  actors::shard_bounds bounds;

 private:
  void draw_cluster(random_source& random);
};

}  // namespace holdfast::simulation
