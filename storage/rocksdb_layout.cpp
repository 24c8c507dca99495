#include "storage/rocksdb_layout.hpp"

#include "storage/big_endian.hpp"

namespace holdfast::storage::layout {
namespace {

/// The highest bit of a record's number of events.
constexpr std::uint32_t unfinished_bit = 1u << 31;

using big_endian::put_all;
using big_endian::take_all;

}  // namespace

std::string shard_key(shard_id shard) {
  return put_all(shard);
}

std::string number_key(shard_id shard, std::uint64_t number) {
  return put_all(shard, number);
}

std::uint64_t number_of(std::string_view number_key) {
  shard_id shard = 0;
  std::uint64_t number = 0;
  take_all(number_key, shard, number);
  return number;
}

std::optional<shard_id> shard_of_key(std::string_view key) {
  shard_id shard = 0;
  return take_all(key, shard) ? std::optional{shard} : std::nullopt;
}

std::string claim_key(shard_id shard, std::string_view idempotency_key) {
  return shard_key(shard).append(idempotency_key);
}

std::string encode(const shard_row& row) {
  return put_all(row.owner_epoch, row.counter);
}

std::string encode(const entity_row& row) {
  return put_all(row.last_sequence, row.last_position, std::uint8_t{row.unfinished});
}

std::string encode_head(const record_row& row) {
  return put_all(row.entity, row.previous, row.first_sequence,
                 row.event_count | (row.unfinished ? unfinished_bit : 0));
}

std::string encode(const key_holder& row) {
  return put_all(row.entity, row.fingerprint);
}

std::string encode(std::uint64_t batch) {
  return put_all(batch);
}

std::optional<shard_row> decode_shard(std::string_view bytes) {
  shard_row row;
  const bool whole = take_all(bytes, row.owner_epoch, row.counter) && bytes.empty();
  return whole ? std::optional{row} : std::nullopt;
}

std::optional<entity_row> decode_entity(std::string_view bytes) {
  entity_row row;
  std::uint8_t unfinished = 0;
  const bool whole = take_all(bytes, row.last_sequence, row.last_position, unfinished) && bytes.empty();
  row.unfinished = unfinished == 1;
  return whole && unfinished <= 1 ? std::optional{row} : std::nullopt;
}

std::optional<record_row> decode_record(std::string_view bytes) {
  record_row row;
  const bool whole = take_all(bytes, row.entity, row.previous, row.first_sequence, row.event_count);
  row.unfinished = (row.event_count & unfinished_bit) != 0;
  row.event_count &= ~unfinished_bit;
  row.record = bytes;
  return whole ? std::optional{row} : std::nullopt;
}

std::optional<key_holder> decode_holder(std::string_view bytes) {
  key_holder row;
  const bool whole = take_all(bytes, row.entity, row.fingerprint) && bytes.empty();
  return whole ? std::optional{row} : std::nullopt;
}

std::optional<std::uint64_t> decode_batch(std::string_view bytes) {
  std::uint64_t batch = 0;
  const bool whole = take_all(bytes, batch) && bytes.empty();
  return whole ? std::optional{batch} : std::nullopt;
}

std::optional<positions> decode_positions(std::string_view bytes) {
  positions all{};
  for (auto& one : all) {
    for (int shift = 0;; shift += 7) {
      if (bytes.empty() || shift > 63) return std::nullopt;
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      one |= static_cast<position>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
  }
  return bytes.empty() ? std::optional{all} : std::nullopt;
}

}  // namespace holdfast::storage::layout
