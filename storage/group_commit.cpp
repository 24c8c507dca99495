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
  const auto last = last_of(entry.entity);
  verdict.at = ++shard.last_position;
  shard.last_entity = std::max(shard.last_entity, entry.entity);
  put_record(entry, last, verdict.at);
  entities_[entry.entity] = {last.last_sequence + entry.event_count, verdict.at, entry.unfinished};
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
  if (batch_.empty()) return;
  auto batch = batch_.finish(next_batch_++);
  try {
    log_.append(batch);
  } catch (const std::filesystem::filesystem_error& error) {
    tables_.fail(error.what());
  }
  if (const auto wrong = tail_.add(std::move(batch))) tables_.fail(*wrong);
  entities_.clear();
  claimed_.clear();
}

std::optional<key_holder> group_commit::holder_of(shard_id shard, const std::string& key) const {
  const auto row_key = layout::claim_key(shard, key);
  if (const auto found = claimed_.find(row_key); found != claimed_.end()) {
    return found->second;
  }
  auto bytes = tail_.row_of_key(row_key);
  if (!bytes) bytes = tables_.get(family::keys, row_key);
  if (!bytes) {
    return std::nullopt;
  }
  const auto holder = layout::decode_holder(*bytes);
  if (!holder) {
    tables_.fail_damaged("damaged row of an idempotency key in shard " + std::to_string(shard));
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

/// The tail first: what leaves it is in the tables by then.
group_commit::shard_state group_commit::load(shard_id shard) const {
  shard_state state;
  auto row = tail_.row_of_shard(shard);
  state.last_position = tail_.last_position(shard);
  state.last_entity = tail_.largest_entity(shard);
  if (!row) row = tables_.get(family::meta, layout::shard_key(shard));
  if (row) {
    const auto decoded = layout::decode_shard(*row);
    if (!decoded) {
      tables_.fail_damaged("damaged row of shard " + std::to_string(shard));
    }
    state.row = *decoded;
  }
  if (state.last_position == 0) state.last_position = tables_.last_number(family::records, shard);
  state.last_entity = std::max(state.last_entity, tables_.last_number(family::entities, shard));
  return state;
}

layout::entity_row group_commit::last_of(entity_id entity) {
  // A new one, as every third is: nothing to look for.
  if (entity > at(shard_of(entity)).last_entity) return {};
  if (const auto found = entities_.find(entity); found != entities_.end()) return found->second;
  if (const auto found = tail_.entity(entity)) return *found;
  return tables_.entity(entity).value_or(layout::entity_row{});
}

void group_commit::put_record(const journal_entry& entry, const layout::entity_row& last, position at) {
  const auto head = layout::encode_head(
      {entry.entity, last.last_position, last.last_sequence + 1, entry.event_count, entry.unfinished, {}});
  batch_.put(family::records, layout::number_key(entry.shard, at), head, entry.record);
}

void group_commit::put_shard(shard_id shard) {
  batch_.put(family::meta, layout::shard_key(shard), layout::encode(at(shard).row));
}

void group_commit::put_key(const journal_entry& entry) {
  const auto row_key = layout::claim_key(entry.shard, entry.key->key);
  const key_holder holder{entry.entity, entry.key->fingerprint};
  claimed_.emplace(row_key, holder);
  batch_.put(family::keys, row_key, layout::encode(holder));
}

}  // namespace holdfast::storage
