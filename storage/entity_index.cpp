#include "storage/entity_index.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::storage {
namespace {

/// Entities kept in memory, in each of two generations; one takes some 70 bytes.
constexpr std::size_t generation_entities = 32 * 1024;

}  // namespace

entity_index::entity_index(const rocksdb_store& store) : store_(store) {
  const auto indexed = store.indexed();
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    const auto id = static_cast<shard_id>(shard);
    reached_[shard] = store.last_number(family::records, id);
    // An older format has every row.
    if (indexed && (*indexed)[shard] < reached_[shard]) read_records_behind(id, (*indexed)[shard]);
  }
}

void entity_index::read_records_behind(shard_id shard, position indexed) {
  auto rows = store_.scan(family::records, shard);
  for (rows->Seek(layout::number_key(shard, indexed + 1)); rows->Valid(); rows->Next()) {
    const auto at = layout::number_of(rows->key().ToStringView());
    const auto record = layout::decode_record(rows->value().ToStringView());
    if (!record) {
      store_.fail("damaged record at position " + std::to_string(at) + " of shard " + std::to_string(shard));
    }
    auto [found, first] = behind_.try_emplace(record->entity);
    if (first) {
      const auto stored = stored_row(record->entity);
      found->second.listed = stored && stored->unfinished;
    }
    found->second.row = {record->first_sequence + record->event_count - 1, at, record->unfinished};
  }
  store_.check(rows->status());
}

// --- For the writer ---

entity_id entity_index::largest_of(shard_id shard) const {
  auto largest = store_.last_number(family::entities, shard);
  for (const auto& [entity, behind] : behind_) {
    if (shard_of(entity) == shard) largest = std::max(largest, entity);
  }
  return largest;
}

const layout::entity_row& entity_index::last_of(entity_id entity, entity_id largest_of_shard) {
  auto found = younger_.find(entity);
  if (found == younger_.end()) found = younger_.emplace(entity, load(entity, largest_of_shard)).first;
  return found->second.row;
}

entity_index::entry entity_index::load(entity_id entity, entity_id largest_of_shard) {
  for (const auto* known : {&behind_, &older_}) {
    if (const auto found = known->find(entity); found != known->end()) return found->second;
  }
  // A new one, as most are: nothing to look for.
  if (entity > largest_of_shard) return {};
  const auto row = stored_row(entity);
  return row ? entry{*row, row->unfinished} : entry{};
}

void entity_index::put(entity_id entity, const layout::entity_row& row) {
  younger_[entity].row = row;
  changed_.push_back(entity);
  reached_[shard_of(entity)] = row.last_position;
}

/// A key of the unfinished index is put and deleted by turns, never twice the same: that is what
/// SingleDelete asks for, and it makes both vanish at the flush.
void entity_index::add_rows_if_due(rocksdb::WriteBatch& batch) {
  if (behind_.size() + changed_.size() < most_rows_behind) return;
  rows_in_batch_ = true;
  const auto add = [&](entity_id entity, const entry& one) {
    const auto key = layout::number_key(shard_of(entity), entity);
    batch.Put(store_.handle(family::entities), key, layout::encode(one.row));
    if (one.row.unfinished && !one.listed) {
      batch.Put(store_.handle(family::unfinished), key, "");
    } else if (!one.row.unfinished && one.listed) {
      batch.SingleDelete(store_.handle(family::unfinished), key);
    }
  };
  std::sort(changed_.begin(), changed_.end());
  changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
  for (const auto entity : changed_) add(entity, younger_.at(entity));
  for (const auto& [entity, one] : behind_) {
    if (!std::binary_search(changed_.begin(), changed_.end(), entity)) add(entity, one);
  }
  store_.add_indexed(batch, reached_);
}

void entity_index::batch_written() {
  if (std::exchange(rows_in_batch_, false)) {
    for (const auto entity : changed_) younger_.at(entity).listed = younger_.at(entity).row.unfinished;
    for (const auto& [entity, one] : behind_) {
      for (auto* known : {&younger_, &older_}) {
        if (const auto found = known->find(entity); found != known->end()) {
          found->second.listed = found->second.row.unfinished;
        }
      }
    }
    const std::lock_guard lock(mutex_);
    behind_.clear();
  } else {
    const std::lock_guard lock(mutex_);
    for (const auto entity : changed_) behind_[entity] = younger_.at(entity);
  }
  changed_.clear();
  // Not before: what was just put must be found, in memory or in the store.
  if (younger_.size() > generation_entities) older_ = std::exchange(younger_, {});
}

// --- For readers ---

/// In memory first: what is no longer behind was in the store before that.
position entity_index::last_position_of(entity_id entity) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = behind_.find(entity); found != behind_.end()) {
      return found->second.row.last_position;
    }
  }
  const auto row = stored_row(entity);
  return row ? row->last_position : 0;
}

std::vector<entity_id> entity_index::unfinished(shard_id shard, entity_id after, std::uint32_t limit) const {
  std::vector<entity_id> all;
  std::vector<entity_id> overruled;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [entity, one] : behind_) {
      if (shard_of(entity) != shard || entity <= after) continue;
      overruled.push_back(entity);
      if (one.row.unfinished) all.push_back(entity);
    }
  }
  std::sort(overruled.begin(), overruled.end());
  std::uint32_t listed = 0;
  auto rows = store_.scan(family::unfinished, shard);
  for (rows->Seek(layout::number_key(shard, after + 1)); rows->Valid() && listed < limit; rows->Next()) {
    const auto entity = layout::number_of(rows->key().ToStringView());
    if (std::binary_search(overruled.begin(), overruled.end(), entity)) continue;
    all.push_back(entity);
    ++listed;
  }
  store_.check(rows->status());
  std::sort(all.begin(), all.end());
  if (all.size() > limit) all.resize(limit);
  return all;
}

std::optional<layout::entity_row> entity_index::stored_row(entity_id entity) const {
  const auto bytes = store_.get(family::entities, layout::number_key(shard_of(entity), entity));
  if (!bytes) return std::nullopt;
  const auto row = layout::decode_entity(*bytes);
  if (!row) store_.fail("damaged row of entity " + std::to_string(entity));
  return row;
}

}  // namespace holdfast::storage
