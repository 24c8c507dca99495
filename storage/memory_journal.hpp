// A journal in memory: for tests and for simulation, with faults on demand. It is gone with the
// process, so nothing that serves customers may stand on it.
//
// Threading: as the port says. Without an executor the journal works on one thread of its own.
// With an executor every call becomes one job for it, which does the work and then calls back:
// run at once it makes the journal synchronous; kept and run later it is a slow disk; thrown
// away it is a crash before the write. Jobs may outlive the journal, and whoever runs the
// executor sees to it that all are run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/journal.hpp"
#include "storage/store_id.hpp"

namespace holdfast::storage {

class memory_journal final : public journal {
 public:
  using job = std::function<void()>;
  using executor = std::function<void(job)>;

  explicit memory_journal(executor run = {}, std::string store_id = random_store_id());
  ~memory_journal() override;
  memory_journal(const memory_journal&) = delete;
  memory_journal& operator=(const memory_journal&) = delete;

  /// The next `count` appends write nothing and answer a journal_error with this message.
  void fail_next_appends(std::size_t count, std::string message);
  /// The next `count` appends are written, and answer a journal_error all the same: what a crash
  /// between the write and the answer looks like.
  void lose_next_acknowledgements(std::size_t count, std::string message);

  std::string store_id() const override;
  void claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) override;
  void append(std::vector<journal_entry> entries,
              journal_callback<std::vector<append_verdict>> done) override;
  void read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) override;
  void read_shard(shard_id shard, position from, std::uint32_t limit,
                  journal_callback<std::vector<journal_record>> done) override;
  void list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                       journal_callback<std::vector<entity_id>> done) override;
  void list_keys(shard_id shard, std::string after, std::uint32_t limit,
                 journal_callback<std::vector<kept_key>> done) override;
  void read_ends(journal_callback<std::vector<position>> done) override;

 private:
  class store;
  class worker;
  std::string store_id_;
  std::shared_ptr<store> store_;
  executor run_;
  /// Last, so that what its callbacks may still call is there until it has ended.
  std::unique_ptr<worker> worker_;
};

}  // namespace holdfast::storage
