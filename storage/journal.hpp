// Port: the journal, the one durable truth. It keeps opaque records of entities, in shards
// whose positions are gapless, and refuses by itself what a stale owner or a stale entity sends.
//
// Threading: every member function may be called from any thread and returns without waiting for a
// disk or a network; an adapter owns the threads it needs. A callback is called exactly once, on a thread of
// the adapter's, in the order of the calls for appends; that of a read perhaps on the caller's, before the
// call returns. Callbacks must not block. Destroying a journal finishes what was begun: every callback
// has been called when the destructor returns.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "storage/shard.hpp"

namespace holdfast::storage {

using epoch = std::uint64_t;

/// Counts a shard's records from 1, without a gap.
using position = std::uint64_t;

/// An idempotency key as it is journalled with the placement that used it.
struct idempotency_claim {
  std::string key;
  /// A digest of the request's fields: same key, other fingerprint is another request.
  std::uint64_t fingerprint = 0;
};

/// Events of one entity, to be appended all or none.
struct journal_entry {
  shard_id shard = 0;
  epoch owner_epoch = 0;
  entity_id entity = 0;
  /// How many events of the entity came before: 0 for its first entry.
  std::uint64_t expected_sequence = 0;
  std::uint32_t event_count = 0;
  /// The encoded events (storage/event_codec.hpp), at most `largest_record_bytes`.
  std::string record;
  /// Keeps the entity in the unfinished index, or takes it out.
  bool unfinished = false;
  /// Claimed in the same batch: refused with key_taken where another entity has the key.
  std::optional<idempotency_claim> key;
  /// Where given, the shard's counter must be at this value less one, and is moved to it.
  std::optional<std::uint64_t> counter;
};

inline constexpr std::size_t largest_record_bytes = 64 * 1024;

enum class append_status : std::uint8_t { appended, stale_epoch, stale_sequence, stale_counter, key_taken };

struct append_verdict {
  append_status status = append_status::appended;
  /// Where the record stands in its shard, if appended.
  position at = 0;
  /// Who has the key and with which fingerprint, if key_taken.
  entity_id key_owner = 0;
  std::uint64_t key_fingerprint = 0;

  bool operator==(const append_verdict&) const = default;
};

/// A record as it was appended.
struct journal_record {
  shard_id shard = 0;
  position at = 0;
  entity_id entity = 0;
  /// The sequence of its first event, from 1.
  std::uint64_t first_sequence = 0;
  std::uint32_t event_count = 0;
  std::string record;

  bool operator==(const journal_record&) const = default;
};

/// An idempotency key and whose it is.
struct kept_key {
  entity_id entity = 0;
  idempotency_claim claim;
};

/// What a new owner of a shard starts from.
struct shard_claim {
  shard_id shard = 0;
  /// Greater than every epoch before; appends of those are refused from now on.
  epoch owner_epoch = 0;
  position last_position = 0;
  /// The greatest entity of the shard, 0 if there is none.
  entity_id last_entity = 0;
  std::uint64_t counter = 0;
};

/// The store itself failed; the message names the path and what the system said. After a
/// failed append nothing more is accepted: the process has to end and replay (fail-stop).
struct journal_error {
  std::string message;
};

template <class T>
using journal_result = tl::expected<T, journal_error>;
template <class T>
using journal_callback = std::function<void(journal_result<T>)>;

class journal {
 public:
  virtual ~journal() = default;

  /// Identifies this store among all that ever were, so that a view knows whose it is.
  virtual std::string store_id() const = 0;

  /// Raises the epochs of the shards and tells where they stand. Durable when it answers.
  virtual void claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) = 0;

  /// Appends the entries in order; one verdict for each, in their order: a refused entry fails
  /// alone. Durable (synced) when it answers. Later entries see the effect of earlier ones.
  virtual void append(std::vector<journal_entry> entries,
                      journal_callback<std::vector<append_verdict>> done) = 0;

  /// All records of an entity, in order; empty where there are none.
  virtual void read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) = 0;

  /// At most `limit` durable records of a shard, from a position on.
  virtual void read_shard(shard_id shard, position from, std::uint32_t limit,
                          journal_callback<std::vector<journal_record>> done) = 0;

  /// At most `limit` unfinished entities of a shard that are greater than `after`, ascending.
  virtual void list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                               journal_callback<std::vector<entity_id>> done) = 0;

  /// At most `limit` idempotency keys of a shard that are greater than `after`, in the order of their bytes.
  virtual void list_keys(shard_id shard, std::string after, std::uint32_t limit,
                         journal_callback<std::vector<kept_key>> done) = 0;

  /// The last durable position of every shard, 0 where it has none; `shard_count` of them. What lets
  /// somebody follow all shards, whoever appends to them.
  virtual void read_ends(journal_callback<std::vector<position>> done) = 0;

  /// Nobody waits for the answers any more: what a store that is away keeps from being done fails soon.
  virtual void close() {}
};

}  // namespace holdfast::storage
