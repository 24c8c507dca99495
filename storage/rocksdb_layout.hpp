// Keys and rows of the RocksDB store, as FORMAT.md describes them: integers are big-endian, so
// that keys lie in the order of their numbers.
// Pure functions. A row that can't be decoded is damage.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "storage/append_rules.hpp"
#include "storage/journal.hpp"

namespace holdfast::storage::layout {

/// What a shard starts from, apart from what its records tell.
struct shard_row {
  epoch owner_epoch = 0;
  std::uint64_t counter = 0;
};

/// An entity's last record; the ones before it are found from there.
struct entity_row {
  std::uint64_t last_sequence = 0;
  position last_position = 0;
  bool unfinished = false;
};

/// A record and where the one before it of the same entity stands, 0 for the first.
struct record_row {
  entity_id entity = 0;
  position previous = 0;
  std::uint64_t first_sequence = 0;
  std::uint32_t event_count = 0;
  /// Whether the entity is unfinished after it. Records of format version 1 do not tell.
  bool unfinished = false;
  std::string_view record;
};

/// One for each shard: up to where format version 2 had indexed them.
using positions = std::array<position, shard_count>;

std::string shard_key(shard_id shard);
/// Key of a record (by position) or of an entity: both are numbers within a shard.
std::string number_key(shard_id shard, std::uint64_t number);
std::uint64_t number_of(std::string_view number_key);
/// Of any of these keys; nothing where it is too short.
std::optional<shard_id> shard_of_key(std::string_view key);
std::string claim_key(shard_id shard, std::string_view idempotency_key);

std::string encode(const shard_row& row);
std::string encode(const entity_row& row);
/// All of it but the record itself, which stands behind.
std::string encode_head(const record_row& row);
std::string encode(const key_holder& row);
std::string encode(std::uint64_t batch);

std::optional<shard_row> decode_shard(std::string_view bytes);
std::optional<entity_row> decode_entity(std::string_view bytes);
/// The record points into `bytes`.
std::optional<record_row> decode_record(std::string_view bytes);
std::optional<key_holder> decode_holder(std::string_view bytes);
std::optional<std::uint64_t> decode_batch(std::string_view bytes);
std::optional<positions> decode_positions(std::string_view bytes);

}  // namespace holdfast::storage::layout
