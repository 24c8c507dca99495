#include "storage/postgres_reads.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace holdfast::storage {
namespace {

constexpr postgres_statement entity_records{
    "entity_records",
    "SELECT shard::bigint, position, entity, first_sequence, event_count::bigint, record FROM records "
    "WHERE entity = $1::bigint ORDER BY first_sequence"};
constexpr postgres_statement shard_records{
    "shard_records",
    "SELECT shard::bigint, position, entity, first_sequence, event_count::bigint, record FROM records "
    "WHERE shard = $1::bigint AND position >= $2::bigint ORDER BY position LIMIT $3::bigint"};
constexpr postgres_statement unfinished_entities{
    "unfinished_entities",
    "SELECT entity FROM unfinished WHERE shard = $1::bigint AND entity > $2::bigint ORDER BY entity "
    "LIMIT $3::bigint"};
constexpr postgres_statement kept_keys{
    "kept_keys",
    "SELECT key, entity, fingerprint FROM keys WHERE shard = $1::bigint AND key > $2::bytea ORDER BY key "
    "LIMIT $3::bigint"};
constexpr postgres_statement shard_ends{"shard_ends", "SELECT shard::bigint, last_position FROM shards"};

/// No number of the journal is greater, and `bigint` has a sign.
std::uint64_t within_bigint(std::uint64_t number) {
  return std::min<std::uint64_t>(number, std::numeric_limits<std::int64_t>::max());
}

std::vector<journal_record> records_of(const postgres_rows& rows) {
  std::vector<journal_record> records;
  records.reserve(rows.count());
  for (std::size_t row = 0; row < rows.count(); ++row) {
    records.push_back({static_cast<shard_id>(rows.number(row, 0)), rows.number(row, 1), rows.number(row, 2),
                       rows.number(row, 3), static_cast<std::uint32_t>(rows.number(row, 4)),
                       rows.bytes(row, 5)});
  }
  return records;
}

}  // namespace

std::vector<journal_record> read_entity(postgres_connection& connection, entity_id entity) {
  const auto answers =
      connection.exchange({{entity_records, postgres_values().number(within_bigint(entity))}});
  return records_of(answers.at(0));
}

std::vector<journal_record> read_shard(postgres_connection& connection, shard_id shard, position from,
                                       std::uint32_t limit) {
  const auto answers = connection.exchange(
      {{shard_records, postgres_values().number(shard).number(within_bigint(from)).number(limit)}});
  return records_of(answers.at(0));
}

std::vector<entity_id> list_unfinished(postgres_connection& connection, shard_id shard, entity_id after,
                                       std::uint32_t limit) {
  const auto answers = connection.exchange(
      {{unfinished_entities, postgres_values().number(shard).number(within_bigint(after)).number(limit)}});
  std::vector<entity_id> entities;
  for (std::size_t row = 0; row < answers.at(0).count(); ++row)
    entities.push_back(answers.at(0).number(row, 0));
  return entities;
}

std::vector<kept_key> list_keys(postgres_connection& connection, shard_id shard, const std::string& after,
                                std::uint32_t limit) {
  const auto answers =
      connection.exchange({{kept_keys, postgres_values().number(shard).bytes(after).number(limit)}});
  const auto& rows = answers.at(0);
  std::vector<kept_key> keys;
  for (std::size_t row = 0; row < rows.count(); ++row) {
    keys.push_back({rows.number(row, 1), {rows.bytes(row, 0), rows.number(row, 2)}});
  }
  return keys;
}

std::vector<position> read_ends(postgres_connection& connection) {
  const auto rows = connection.ask({shard_ends});
  std::vector<position> ends(shard_count, 0);
  for (std::size_t row = 0; row < rows.count(); ++row) ends.at(rows.number(row, 0)) = rows.number(row, 1);
  return ends;
}

}  // namespace holdfast::storage
