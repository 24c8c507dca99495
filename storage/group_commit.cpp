#include "storage/group_commit.hpp"

#include <algorithm>

namespace holdfast::storage {
namespace {

/// Rows of entities kept in memory, in each of two generations; one takes some 60 bytes.
constexpr std::size_t generation_entities = 32 * 1024;

}  // namespace

shard_claim group_commit::claim(shard_id shard) {
  auto& state = at(shard);
  ++state.row.owner_epoch;
  put_shard(shard);
  return {shard, state.row.owner_epoch, state.last_position, state.last_entity, state.row.counter};
}

append_verdict group_commit::append(const journal_entry& entry) {
  auto verdict = judge(entry, *this);
  if (verdict.status != append_status::appended) {
    return verdict;
  }
  auto& shard = at(entry.shard);
  auto& last = last_of(entry.entity);
  verdict.at = ++shard.last_position;
  shard.last_entity = std::max(shard.last_entity, entry.entity);
  put_record(entry, last, verdict.at);
  put_entity(entry, last, verdict.at);
  if (entry.key && !holder_of(entry.shard, entry.key->key)) {
    put_key(entry);
  }
  if (entry.counter) {
    shard.row.counter = *entry.counter;
    put_shard(entry.shard);
  }
  return verdict;
}

void group_commit::commit() {
  if (batch_.Count() > 0) {
    store_.write(batch_);
  }
  batch_.Clear();
  claimed_.clear();
  // Not before: what was just written must be found, in memory or in the store.
  if (younger_.size() > generation_entities) {
    older_ = std::exchange(younger_, {});
  }
}

std::optional<key_holder> group_commit::holder_of(shard_id shard, const std::string& key) const {
  const auto row_key = layout::claim_key(shard, key);
  if (const auto found = claimed_.find(row_key); found != claimed_.end()) {
    return found->second;
  }
  const auto bytes = store_.get(family::keys, row_key);
  if (!bytes) {
    return std::nullopt;
  }
  const auto holder = layout::decode_holder(*bytes);
  if (!holder) {
    store_.fail("damaged row of an idempotency key in shard " + std::to_string(shard));
  }
  return holder;
}

group_commit::shard_state& group_commit::at(shard_id shard) {
  auto& state = shards_.at(shard);
  if (!state) {
    state = load(shard);
  }
  return *state;
}

group_commit::shard_state group_commit::load(shard_id shard) const {
  shard_state state;
  if (const auto bytes = store_.get(family::meta, layout::shard_key(shard))) {
    const auto row = layout::decode_shard(*bytes);
    if (!row) {
      store_.fail("damaged row of shard " + std::to_string(shard));
    }
    state.row = *row;
  }
  state.last_position = store_.last_number(family::records, shard);
  state.last_entity = store_.last_number(family::entities, shard);
  return state;
}

layout::entity_row& group_commit::last_of(entity_id entity) {
  if (const auto found = younger_.find(entity); found != younger_.end()) {
    return found->second;
  }
  return younger_.emplace(entity, load_entity(entity)).first->second;
}

layout::entity_row group_commit::load_entity(entity_id entity) {
  if (const auto found = older_.find(entity); found != older_.end()) {
    return found->second;
  }
  const auto shard = shard_of(entity);
  if (entity > at(shard).last_entity) {
    return {};  // A new one, as most are: nothing to look for.
  }
  const auto bytes = store_.get(family::entities, layout::number_key(shard, entity));
  if (!bytes) {
    return {};
  }
  const auto row = layout::decode_entity(*bytes);
  if (!row) {
    store_.fail("damaged row of entity " + std::to_string(entity));
  }
  return *row;
}

void group_commit::put_record(const journal_entry& entry, const layout::entity_row& last, position at) {
  const layout::record_row row{entry.entity, last.last_position, last.last_sequence + 1, entry.event_count,
                               entry.record};
  batch_.Put(store_.handle(family::records), layout::number_key(entry.shard, at), layout::encode(row));
}

/// A key of the unfinished index is put and deleted by turns, never twice the same: that is what
/// SingleDelete asks for, and it makes both vanish at the flush.
void group_commit::put_entity(const journal_entry& entry, layout::entity_row& last, position at) {
  const auto key = layout::number_key(entry.shard, entry.entity);
  if (entry.unfinished && !last.unfinished) {
    batch_.Put(store_.handle(family::unfinished), key, "");
  } else if (!entry.unfinished && last.unfinished) {
    batch_.SingleDelete(store_.handle(family::unfinished), key);
  }
  last = {last.last_sequence + entry.event_count, at, entry.unfinished};
  batch_.Put(store_.handle(family::entities), key, layout::encode(last));
}

void group_commit::put_shard(shard_id shard) {
  batch_.Put(store_.handle(family::meta), layout::shard_key(shard), layout::encode(at(shard).row));
}

void group_commit::put_key(const journal_entry& entry) {
  const auto row_key = layout::claim_key(entry.shard, entry.key->key);
  const key_holder holder{entry.entity, entry.key->fingerprint};
  claimed_.emplace(row_key, holder);
  batch_.Put(store_.handle(family::keys), row_key, layout::encode(holder));
}

}  // namespace holdfast::storage
