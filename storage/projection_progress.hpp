// How far the view lags behind the journal: what lets a reader know that a row may be older than
// an answer already given, and has to be folded from the journal instead. And how long what this node knows
// of its shards may be told without asking the journal: another node may have them when its leases have run
// out, also while it has not noticed, since it stood still. Thread-safe: the journal writer advances
// `durable`, the projector `projected`, readers look.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "storage/journal.hpp"

namespace holdfast::storage {

class projection_progress {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit projection_progress(std::function<time_point()> clock = std::chrono::steady_clock::now)
      : clock_(std::move(clock)) {}

  /// Leases, by that clock. Without them it serves for good.
  void serve_until(time_point when) { serves_until_.store(when, std::memory_order_release); }
  bool may_serve() const {
    const auto until = serves_until_.load(std::memory_order_acquire);
    return until == time_point::max() || clock_() < until;
  }

  /// The shard was claimed with records up to `at`, of entities that are not known.
  void claimed(shard_id shard, position at) {
    claimed_[shard].store(at, std::memory_order_release);
    raise(durable_[shard], at);
    owned_[shard].store(true, std::memory_order_release);
  }
  /// Its next owner may make records durable that nobody tells of here.
  void left(shard_id shard) { owned_[shard].store(false, std::memory_order_release); }
  bool owned(shard_id shard) const { return owned_[shard].load(std::memory_order_acquire); }
  /// A record of the entity is on its way to the journal. From now on it may be durable, and be shown to
  /// somebody by another node, before this one hears of it.
  void begun(entity_id entity) { recent_[slot_of(entity)].store(not_known_yet, std::memory_order_release); }
  /// It was refused. Called when what came with it is known to be durable.
  void refused(entity_id entity) {
    auto expected = not_known_yet;
    recent_[slot_of(entity)].compare_exchange_strong(expected, last_durable(shard_of(entity)),
                                                     std::memory_order_acq_rel);
  }
  /// The entity's latest record. Must be called before anything up to it is acknowledged.
  void durable(entity_id entity, position at) {
    recent_[slot_of(entity)].store(at, std::memory_order_release);
    raise(durable_[shard_of(entity)], at);
  }
  /// Whether this node keeps the view's rows of the shard.
  void kept(shard_id shard, bool is) { kept_[shard].store(is, std::memory_order_release); }
  /// Of a shard that is kept and not owned: what the journal has of it.
  void seen_in_journal(shard_id shard, position at) {
    if (!owned(shard)) raise(durable_[shard], at);
  }
  void projected(shard_id shard, position to) { projected_[shard].store(to, std::memory_order_release); }

  position last_durable(shard_id shard) const { return durable_[shard].load(std::memory_order_acquire); }

  /// Durable records that are not in the view yet, of the shards whose rows are kept here.
  std::uint64_t lag() const {
    std::uint64_t records = 0;
    for (shard_id shard = 0; shard < shard_count; ++shard) {
      if (!kept_[shard].load(std::memory_order_acquire)) continue;
      // In this order, since what is projected was durable before.
      const auto projected = projected_[shard].load(std::memory_order_acquire);
      const auto durable = last_durable(shard);
      if (durable > projected) records += durable - projected;
    }
    return records;
  }

  /// Whether some durable record of the entity may not be in the view yet: always, where another node owns
  /// its shard, or may by now. Look before reading.
  bool lags(entity_id entity) const {
    if (!owned(shard_of(entity)) || !may_serve()) return true;
    const auto projected = projected_[shard_of(entity)].load(std::memory_order_acquire);
    return projected < recent_[slot_of(entity)].load(std::memory_order_acquire) ||
           projected < claimed_[shard_of(entity)].load(std::memory_order_acquire);
  }

 private:
  /// Two may tell of a shard at once, where it changes hands; the one who knows less must not have the last
  /// word.
  static void raise(std::atomic<position>& known, position to) {
    auto seen = known.load(std::memory_order_relaxed);
    while (seen < to && !known.compare_exchange_weak(seen, to, std::memory_order_release)) {
    }
  }

  /// Entities of a shard that share a slot are taken for one another, which costs a look at the
  /// journal at worst.
  static constexpr std::size_t slots_of_shard = 256;
  static constexpr position not_known_yet = std::numeric_limits<position>::max();
  static std::size_t slot_of(entity_id entity) {
    return shard_of(entity) * slots_of_shard + sequence_of(entity) % slots_of_shard;
  }

  const std::function<time_point()> clock_;
  std::atomic<time_point> serves_until_ = time_point::max();
  std::array<std::atomic<bool>, shard_count> owned_{};
  std::array<std::atomic<bool>, shard_count> kept_{};
  std::array<std::atomic<position>, shard_count> claimed_{};
  std::array<std::atomic<position>, shard_count> durable_{};
  std::array<std::atomic<position>, shard_count> projected_{};
  /// The latest position in each slot since the shard was claimed.
  std::vector<std::atomic<position>> recent_ =
      std::vector<std::atomic<position>>(shard_count * slots_of_shard);
};

}  // namespace holdfast::storage
