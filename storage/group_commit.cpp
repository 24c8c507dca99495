#include "storage/group_commit.hpp"

#include <algorithm>

namespace holdfast::storage {
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
  const auto& last = last_of(entry.entity);
  verdict.at = ++shard.last_position;
  shard.last_entity = std::max(shard.last_entity, entry.entity);
  put_record(entry, last, verdict.at);
  index_.put(entry.entity, {last.last_sequence + entry.event_count, verdict.at, entry.unfinished});
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
    index_.add_rows_if_due(batch_);
    store_.write(batch_);
    index_.batch_written();
  }
  batch_.Clear();
  claimed_.clear();
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
  state.last_entity = index_.largest_of(shard);
  return state;
}

const layout::entity_row& group_commit::last_of(entity_id entity) {
  return index_.last_of(entity, at(shard_of(entity)).last_entity);
}

void group_commit::put_record(const journal_entry& entry, const layout::entity_row& last, position at) {
  const auto key = layout::number_key(entry.shard, at);
  const auto head = layout::encode_head(
      {entry.entity, last.last_position, last.last_sequence + 1, entry.event_count, entry.unfinished, {}});
  const rocksdb::Slice key_slice = key;
  const rocksdb::Slice parts[] = {head, entry.record};
  batch_.Put(store_.handle(family::records), rocksdb::SliceParts(&key_slice, 1),
             rocksdb::SliceParts(parts, 2));
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
