// When an append is taken and when it is refused: the one place that all journal adapters share.
// Pure functions; a template over what an adapter knows of its store.
#pragma once

#include <cassert>
#include <optional>

#include "storage/journal.hpp"

namespace holdfast::storage {

/// Longer keys never reach a journal; the request is refused long before.
inline constexpr std::size_t largest_idempotency_key_bytes = 1024;

/// Who claimed an idempotency key, and for which request.
struct key_holder {
  entity_id entity = 0;
  std::uint64_t fingerprint = 0;
};

/// What no caller may ever get wrong: a breach is a bug of the program, so it ends here, on the
/// caller's thread, rather than as damage on the disk.
inline void assert_well_formed(const journal_entry& entry) {
  assert(entry.shard < shard_count);
  assert(entry.entity != 0 && shard_of(entry.entity) == entry.shard);
  assert(entry.event_count > 0);
  assert(entry.record.size() <= largest_record_bytes);
  assert(!entry.key || entry.key->key.size() <= largest_idempotency_key_bytes);
}

/// The verdict on an entry, in order of precedence: the first refusal that applies. `store` tells
/// epoch_of(shard), holder_of(shard, key), last_sequence_of(entity) and counter_of(shard), all as
/// of the entries before this one. Epoch 0 is nobody's: a shard has to be claimed first.
template <class Store>
append_verdict judge(const journal_entry& entry, Store& store) {
  if (entry.owner_epoch == 0 || entry.owner_epoch != store.epoch_of(entry.shard)) {
    return {.status = append_status::stale_epoch};
  }
  if (entry.key) {
    const std::optional<key_holder> holder = store.holder_of(entry.shard, entry.key->key);
    if (holder && holder->entity != entry.entity) {
      return {append_status::key_taken, 0, holder->entity, holder->fingerprint};
    }
  }
  if (entry.expected_sequence != store.last_sequence_of(entry.entity)) {
    return {.status = append_status::stale_sequence};
  }
  if (entry.counter && *entry.counter != store.counter_of(entry.shard) + 1) {
    return {.status = append_status::stale_counter};
  }
  return {};
}

}  // namespace holdfast::storage
