// What an owner of shards knows of them from its own last batches, so that the next one need not ask. Another
// owner may have written since: whoever goes by this has to let the database compare the shard's epoch and
// position in the transaction that writes, and to forget it all where they differ. As long as they do not,
// nobody has written to the shard, and what is known of its entities holds too.
//
// Bounded. Belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <unordered_map>

#include "storage/journal.hpp"

namespace holdfast::storage {

struct postgres_shard {
  epoch owner_epoch = 0;
  std::uint64_t counter = 0;
  position last_position = 0;
  entity_id last_entity = 0;
};

struct postgres_entity {
  std::uint64_t last_sequence = 0;
  /// Whether it has a row in `unfinished`, where that is known.
  std::optional<bool> listed;
};

class postgres_known {
 public:
  const std::optional<postgres_shard>& shard(shard_id shard) const { return shards_.at(shard).state; }

  /// An entity that is greater than all of its shard has no record. Nothing where it has to be looked up.
  std::optional<postgres_entity> entity(entity_id entity) const {
    const auto& known = shards_.at(shard_of(entity));
    if (const auto found = known.entities.find(entity); found != known.entities.end()) return found->second;
    if (known.state && entity > known.state->last_entity) return postgres_entity{0, false};
    return std::nullopt;
  }

  /// Read anew: whatever was known of its entities may be old.
  void read(shard_id shard, const postgres_shard& state) { shards_.at(shard) = {state, {}}; }
  /// As it is after a batch of our own.
  void written(shard_id shard, const postgres_shard& state) { shards_.at(shard).state = state; }
  void written(entity_id entity, const postgres_entity& state) {
    auto& entities = shards_.at(shard_of(entity)).entities;
    if (entities.size() >= most_entities_of_a_shard) entities.clear();
    entities[entity] = state;
  }

 private:
  static constexpr std::size_t most_entities_of_a_shard = 512;
  struct known_shard {
    std::optional<postgres_shard> state;
    std::unordered_map<entity_id, postgres_entity> entities;
  };

  std::array<known_shard, shard_count> shards_;
};

}  // namespace holdfast::storage
