// A journal that lies in several others, each with some of the shards, so that the store grows sideways. An
// append that concerns several of them is durable when all have answered; each judges its own entries.
//
// Threading: as the port says; callbacks come on the threads of the parts. Owns the parts. One that fails
// fails the whole, as the port says of a journal: from then on every claim and append is answered with that
// failure, whatever the other parts have of it. One that is slow holds up the answers behind its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "storage/journal.hpp"

namespace holdfast::storage {

/// The shards from the first to the last, both included, are in this journal.
struct journal_part {
  shard_id first = 0;
  shard_id last = 0;
  std::unique_ptr<journal> where;
};

class spread_journal final : public journal {
 public:
  /// Together the parts have every shard exactly once, in ascending order. Where a shard lies must never
  /// change: nobody else knows that its records are elsewhere.
  explicit spread_journal(std::vector<journal_part> parts);
  ~spread_journal() override;
  spread_journal(const spread_journal&) = delete;
  spread_journal& operator=(const spread_journal&) = delete;

  /// Of all parts: another part, or another order of them, is another store.
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
  class answers;
  template <class Answer, class Item, class ShardOf, class Ask>
  void spread(std::vector<Item> items, const ShardOf& shard_of_item, const Ask& ask,
              journal_callback<std::vector<Answer>> done);
  std::size_t part_of(shard_id shard) const;
  journal& journal_of(shard_id shard) const { return *parts_[part_of(shard)].where; }

  const std::unique_ptr<answers> answers_;
  /// Behind the answers, so that they end first: they call back.
  std::vector<journal_part> parts_;
};

}  // namespace holdfast::storage
