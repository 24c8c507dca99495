// A journal as its port allows it to be: writes one after the other, each durable a while before
// it is acknowledged, reads at any moment in between, and the faults of a disk. What is durable
// outlives a crash; of what waits to be written a crash keeps as much as chance will have.
//
// Refers to the world, which must outlive it. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/memory_journal.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

class simulated_journal final : public storage::journal {
 public:
  simulated_journal(world& in, std::string name);

  std::string store_id() const override { return name_; }
  void claim(std::vector<storage::shard_id> shards,
             storage::journal_callback<std::vector<storage::shard_claim>> done) override;
  void append(std::vector<storage::journal_entry> entries,
              storage::journal_callback<std::vector<storage::append_verdict>> done) override;
  void read_entity(storage::entity_id entity,
                   storage::journal_callback<std::vector<storage::journal_record>> done) override;
  void read_shard(storage::shard_id shard, storage::position from, std::uint32_t limit,
                  storage::journal_callback<std::vector<storage::journal_record>> done) override;
  void list_unfinished(storage::shard_id shard, storage::entity_id after, std::uint32_t limit,
                       storage::journal_callback<std::vector<storage::entity_id>> done) override;
  void read_ends(storage::journal_callback<std::vector<storage::position>> done) override;

  /// The process ends: what waits may still reach the disk, the first so many whole entries of it.
  void crash();
  /// Drops what was asked since then, by actors that went down.
  void forget() { waiting_.clear(); }

  // --- For the judge ---

  /// All records, shard by shard, with when they were written and under which epoch.
  std::vector<proof::journal_line> lines() const;
  bool all_written() const { return waiting_.empty(); }
  /// Every entity that is unfinished.
  std::vector<storage::entity_id> unfinished() const;

 private:
  using verdicts = storage::journal_result<std::vector<storage::append_verdict>>;
  struct waiting_call {
    std::vector<storage::shard_id> claimed;
    std::vector<storage::journal_entry> entries;
    storage::journal_callback<std::vector<storage::shard_claim>> claim_done;
    storage::journal_callback<std::vector<storage::append_verdict>> append_done;
  };
  struct written_by {
    moment at = 0;
    storage::epoch owner_epoch = 0;
  };

  void take(waiting_call call);
  void serve_next();
  verdicts write(std::vector<storage::journal_entry> entries);
  storage::journal_error error(const std::string& what) const;
  moment write_latency();
  template <class Result, class Read>
  void read(std::string what, storage::journal_callback<Result> done, Read read);

  world& world_;
  std::string name_;
  /// Answers at once. Reading it for the judge changes nothing.
  mutable storage::memory_journal kept_;
  std::deque<waiting_call> waiting_;
  std::map<std::pair<storage::shard_id, storage::position>, written_by> written_;
  std::set<storage::shard_id> shards_written_;
  /// After a failed write nothing more is accepted.
  bool broken_ = false;
  /// Of the write that failed, where it may have reached the disk: nobody reads it before a crash.
  std::vector<storage::journal_entry> in_doubt_;
};

}  // namespace holdfast::simulation
