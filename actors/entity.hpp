// An entity in memory: the fold of its events, and what waits until they are durable. Generic
// over the aggregate; owned by one actor, used by it alone.
//
// Optimistic, never early: a decision evolves the state at once, and every reply, child and
// notification is an effect that runs when the append it depends on is durable.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/aggregates.hpp"
#include "storage/journal.hpp"

namespace holdfast::actors {

template <class Aggregate>
class entity {
 public:
  using state_type = typename Aggregate::state;
  using events_type = std::vector<typename Aggregate::event>;

  explicit entity(storage::entity_id id) : id_(id) {}

  storage::entity_id id() const { return id_; }
  const state_type& state() const { return state_; }
  /// Its records, one behind the other: the row of the view.
  const std::string& records() const { return records_; }
  /// Whether everything decided is durable.
  bool settled() const { return durable_version_ == state_.version; }
  bool appends_under_way() const { return !under_way_.empty(); }
  /// How far it is durable: its version, 0 where nothing is, and its records up to there.
  std::uint64_t durable_version() const { return durable_version_; }
  std::string durable_records() const { return records_.substr(0, durable_size_); }

  /// Applies a record read from the journal. What is wrong with it, if anything.
  std::optional<std::string> replay(const storage::journal_record& record) {
    auto events = Aggregate::decode(record.record);
    if (!events) return events.error().message;
    for (const auto& event : *events) Aggregate::evolve(state_, event);
    records_ += record.record;
    durable_version_ = state_.version;
    durable_size_ = records_.size();
    return std::nullopt;
  }

  /// Evolves by what was decided. It is appended with what is decided next: see commit().
  void gather(events_type events) {
    for (const auto& event : events) Aggregate::evolve(state_, event);
    if (gathered_.empty()) {
      gathered_ = std::move(events);
    } else {
      std::move(events.begin(), events.end(), std::back_inserter(gathered_));
    }
  }
  bool has_gathered() const { return !gathered_.empty(); }

  /// Gathers these. The entry to append with all that is gathered, for the owner to send and to call
  /// appended() or nothing at all about: a refused entity is thrown away and replayed.
  storage::journal_entry commit(events_type events, storage::epoch owner_epoch,
                                const tracing::trace_context& of = {}) {
    gather(std::move(events));
    const auto all = std::exchange(gathered_, {});
    assert(!all.empty());
    storage::journal_entry entry;
    entry.shard = storage::shard_of(id_);
    entry.owner_epoch = owner_epoch;
    entry.entity = id_;
    entry.expected_sequence = state_.version - all.size();
    entry.event_count = static_cast<std::uint32_t>(all.size());
    entry.record = Aggregate::encode(all, of);
    entry.unfinished = !Aggregate::finished(state_);
    records_ += entry.record;
    under_way_.emplace_back(state_.version, records_.size());
    return entry;
  }

  /// The append that led to this version is durable: runs what waited for it, in order.
  void appended(std::uint64_t version) {
    assert(version > durable_version_ && version <= state_.version);
    durable_version_ = version;
    while (!under_way_.empty() && under_way_.front().first <= version) {
      durable_size_ = under_way_.front().second;
      under_way_.erase(under_way_.begin());
    }
    while (!effects_.empty() && effects_.front().first <= durable_version_) {
      auto effect = std::move(effects_.front().second);
      effects_.erase(effects_.begin());
      effect();
    }
  }

  /// Runs the effect when all that is decided now is durable: at once where it is already.
  void when_durable(std::function<void()> effect) {
    if (settled()) return effect();
    effects_.emplace_back(state_.version, std::move(effect));
  }

 private:
  storage::entity_id id_;
  state_type state_{};
  std::string records_;
  std::uint64_t durable_version_ = 0;
  std::size_t durable_size_ = 0;
  /// Decided, and not in an append yet.
  events_type gathered_;
  /// Appends under way, the oldest first: the versions that they lead to, and how long the records are then.
  std::vector<std::pair<std::uint64_t, std::size_t>> under_way_;
  /// With the version that each waits for; rarely more than two.
  std::vector<std::pair<std::uint64_t, std::function<void()>>> effects_;
};

}  // namespace holdfast::actors
