// How reservations are spread: an id names its shard, and a shard counts its ids from 1.
// Pure arithmetic; change none of it once a journal exists.
#pragma once

#include <cstdint>

#include "domain/types.hpp"

namespace holdfast::storage {

using shard_id = std::uint16_t;
using entity_id = domain::reservation_id;

/// The number of shards of every store, fixed for good.
inline constexpr std::uint32_t shard_count = 256;

/// id = (sequence - 1) * S + shard + 1, sequence from 1.
constexpr entity_id id_of(shard_id shard, std::uint64_t sequence) {
  return (sequence - 1) * shard_count + shard + 1;
}
constexpr shard_id shard_of(entity_id id) {
  return static_cast<shard_id>((id - 1) % shard_count);
}
constexpr std::uint64_t sequence_of(entity_id id) {
  return (id - 1) / shard_count + 1;
}

/// The shard that placements with this idempotency key go to (FNV-1a, 64 bit).
constexpr shard_id shard_of_key(const char* bytes, std::size_t size) {
  std::uint64_t hash = 14695981039346656037ull;
  for (std::size_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 1099511628211ull;
  }
  return static_cast<shard_id>((hash ^ (hash >> 32)) % shard_count);
}

}  // namespace holdfast::storage
