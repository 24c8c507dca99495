// The journal of a cluster, in a PostgreSQL database that its nodes share. The database judges: what an
// append depends on is read under the locks of the transaction that appends (storage/postgres_batch.hpp).
//
// Threading: as the port says. One thread writes: it takes all calls that wait and commits them in one
// transaction. Two threads look for entities and one reads shards, each on a connection of its own. Owns its
// threads and connections.
//
// A server that is down, restarting or failing over: calls wait and are tried again until it is back, and a
// commit whose answer was lost is looked for before it is made again, so that nothing is appended twice and
// nothing is answered that did not happen. Only the reading of an entity, which customers wait for, fails by
// itself, after `give_up_reading_after` (2 s by default). What waits is bounded, in bytes of records and in
// entities that are looked for. From close() on nothing waits for a server any more: claims and appends fail,
// and with them the journal, as the port says; whether the last append landed is for a replay to find out.
//
// The server: fsync must be on. synchronous_commit is as the database has it (`local` and the like are its
// operator's choice, all of them survive a crash of the server), but for `off`, which the journal's own
// sessions set to `on`: acknowledged would not be durable, and other users of the server may want it so.
#pragma once

#include <memory>
#include <string>

#include "storage/journal.hpp"
#include "storage/postgres_options.hpp"

namespace holdfast::storage {

class postgres_journal final : public journal {
 public:
  /// Connects, makes or migrates the schema. Fails at once where the server is not there, does not let us
  /// in, can't keep what it acknowledges, or has a schema of a newer version.
  static journal_result<std::unique_ptr<postgres_journal>> open(const postgres_options& options);
  ~postgres_journal() override;
  postgres_journal(const postgres_journal&) = delete;
  postgres_journal& operator=(const postgres_journal&) = delete;

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
  void close() override;

 private:
  class threads;
  explicit postgres_journal(std::unique_ptr<threads> running);
  std::unique_ptr<threads> threads_;
};

}  // namespace holdfast::storage
