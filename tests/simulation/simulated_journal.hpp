// A journal as its port allows it to be: writes one after the other, each durable a while before
// it is acknowledged, reads at any moment in between, and the faults of a disk. What is durable
// outlives a crash; of what waits to be written a crash keeps as much as chance will have.
//
// The store is one for all nodes, as a database is, and each node has its own way to it. What a node has
// sent may reach the store while the node stands still, and even when it is gone: then whenever it likes.
// A store of one node alone is part of its process instead.
//
// Both refer to the world, and the ways to the store, which must outlive them. One thread.
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

class journal_store {
 public:
  journal_store(world& in, std::string name);

  using verdicts = std::vector<storage::append_verdict>;
  verdicts append(std::vector<storage::journal_entry> entries, const std::string& node);
  std::vector<storage::shard_claim> claim(const std::vector<storage::shard_id>& shards,
                                          const std::string& node);
  std::vector<storage::journal_record> read_entity(storage::entity_id entity) const;
  std::vector<storage::journal_record> read_shard(storage::shard_id shard, storage::position from,
                                                  std::uint32_t limit) const;
  std::vector<storage::entity_id> list_unfinished(storage::shard_id shard, storage::entity_id after,
                                                  std::uint32_t limit) const;
  std::vector<storage::kept_key> list_keys(storage::shard_id shard, const std::string& after,
                                           std::uint32_t limit) const;
  std::vector<storage::position> read_ends() const;

  /// For those who only read: it answers at once.
  storage::journal& as_journal() { return kept_; }

  // --- For the judge ---

  /// All records, shard by shard, with when they were written, by whom and under which epoch.
  std::vector<proof::journal_line> lines() const;
  const std::vector<proof::claim_line>& claims() const { return claims_; }
  bool has_records(storage::shard_id shard) const { return shards_written_.contains(shard); }
  /// Every entity that is unfinished.
  std::vector<storage::entity_id> unfinished() const;

  const std::string name;

 private:
  struct written_by {
    moment at = 0;
    storage::epoch owner_epoch = 0;
    std::string node;
  };

  world& world_;
  /// Answers at once. Reading it changes nothing.
  mutable storage::memory_journal kept_;
  std::map<std::pair<storage::shard_id, storage::position>, written_by> written_;
  std::vector<proof::claim_line> claims_;
  std::set<storage::shard_id> shards_written_;
};

class simulated_journal final : public storage::journal {
 public:
  simulated_journal(world& in, journal_store& store, owner of, bool shared);

  /// A new process, of this name.
  void start(std::string node) { node_ = std::move(node); }
  /// The process ends: of what waits the first so many whole entries may still reach the store.
  void crash();
  /// Drops what was asked since then, by actors that went down.
  void forget();
  /// Nothing gets through, in either direction, before that moment.
  void cut_off_until(moment when) { cut_off_until_ = when; }
  /// Called when an append of this node's is written, before it hears of it.
  std::function<void()> on_written;

  std::string store_id() const override { return store_.name; }
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
  void list_keys(storage::shard_id shard, std::string after, std::uint32_t limit,
                 storage::journal_callback<std::vector<storage::kept_key>> done) override;
  void read_ends(storage::journal_callback<std::vector<storage::position>> done) override;

 private:
  using verdicts = storage::journal_result<journal_store::verdicts>;
  struct waiting_call {
    std::vector<storage::shard_id> claimed;
    std::vector<storage::journal_entry> entries;
    storage::journal_callback<std::vector<storage::shard_claim>> claim_done;
    storage::journal_callback<std::vector<storage::append_verdict>> append_done;
  };

  void take(waiting_call call);
  void send_next();
  void serve_next();
  void serve_append(waiting_call& call);
  void serve_claim(waiting_call& call);
  void answered();
  void doubt(std::vector<storage::journal_entry> entries);
  void land_some(std::vector<storage::journal_entry> entries, bool& torn);
  void land_later(std::vector<waiting_call> calls);
  storage::journal_error error(const std::string& what) const;
  moment write_latency();
  moment latency();
  template <class Result, class Read>
  storage::journal_result<Result> try_to_read(const std::string& what, Read read);
  template <class Result, class Read>
  void read(std::string what, storage::journal_callback<Result> done, Read read);

  world& world_;
  journal_store& store_;
  const owner owner_;
  /// Other nodes are at the store, too.
  const bool shared_;
  std::string node_;
  moment cut_off_until_ = 0;
  std::deque<waiting_call> waiting_;
  /// Counts the processes: what was sent by an earlier one is not served as this one's.
  std::uint64_t run_ = 0;
  /// After a failed write nothing more is accepted.
  bool broken_ = false;
  /// Of the write that failed, where it may have reached the disk: nobody reads it before a crash.
  std::vector<storage::journal_entry> in_doubt_;
};

}  // namespace holdfast::simulation
