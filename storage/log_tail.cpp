#include "storage/log_tail.hpp"

#include <algorithm>
#include <cassert>

#include "storage/journal_batch.hpp"

namespace holdfast::storage {

// --- A part ---

std::string_view tail_part::shard::record(position at) const {
  const bool here = !records.empty() && at >= first && at - first < records.size();
  return here ? records[at - first] : std::string_view();
}

std::optional<std::string> tail_part::add(std::string batch) {
  bytes_ += batch.size();
  std::string_view rest = batches_.emplace_back(std::move(batch));
  const auto number = take_number(rest);
  if (!number) return "a batch without a number";
  while (!rest.empty()) {
    const auto row = take_row(rest);
    if (!row || !add_row(row->in, row->key, row->value)) {
      return "a row of batch " + std::to_string(*number) + " is damaged";
    }
  }
  last_batch_ = *number;
  return std::nullopt;
}

bool tail_part::add_row(family in, std::string_view key, std::string_view value) {
  const auto shard = layout::shard_of_key(key);
  if (!shard || *shard >= shard_count) return false;
  switch (in) {
    case family::records:
      return add_record(*shard, layout::number_of(key), value);
    case family::meta:
      shards_[*shard].row = value;
      return true;
    case family::keys:
      keys_.insert_or_assign(key, value);
      return true;
    default:
      return false;
  }
}

bool tail_part::add_record(shard_id to, position at, std::string_view value) {
  const auto record = layout::decode_record(value);
  if (!record) return false;
  auto& shard = shards_[to];
  if (shard.records.empty()) shard.first = at;
  if (at != shard.first + shard.records.size()) return false;
  shard.records.push_back(value);
  auto& one = shard.entities[record->entity];
  one.is_new = one.is_new || record->first_sequence == 1;
  one.row = {record->first_sequence + record->event_count - 1, at, record->unfinished};
  return true;
}

void tail_part::add_entity(entity_id id, const layout::entity_row& row) {
  shards_[shard_of(id)].entities[id].row = row;
}

const tail_part::entity* tail_part::find(entity_id id) const {
  const auto& entities = shards_[shard_of(id)].entities;
  const auto found = entities.find(id);
  return found == entities.end() ? nullptr : &found->second;
}

// --- Both parts ---

/// The first thing that `look` finds.
template <class Look>
auto log_tail::look(Look look) const {
  const std::lock_guard lock(mutex_);
  auto found = look(*younger_);
  return found || !older_ ? found : look(*older_);
}

std::optional<std::string> log_tail::add(std::string batch) {
  const std::lock_guard lock(mutex_);
  return younger_->add(std::move(batch));
}

void log_tail::add_entity(entity_id id, const layout::entity_row& row) {
  const std::lock_guard lock(mutex_);
  younger_->add_entity(id, row);
}

std::size_t log_tail::bytes() const {
  const std::lock_guard lock(mutex_);
  return younger_->bytes();
}

std::optional<layout::entity_row> log_tail::entity(entity_id id) const {
  return look([id](const tail_part& part) {
    const auto* found = part.find(id);
    return found == nullptr ? std::nullopt : std::optional(found->row);
  });
}

std::optional<std::string> log_tail::row_of_shard(shard_id shard) const {
  return look([shard](const tail_part& part) {
    const auto row = part.of(shard).row;
    return row.empty() ? std::nullopt : std::optional<std::string>(row);
  });
}

std::optional<std::string> log_tail::row_of_key(std::string_view key) const {
  return look([key](const tail_part& part) {
    const auto found = part.keys().find(key);
    return found == part.keys().end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

position log_tail::last_position(shard_id shard) const {
  const auto last = look([shard](const tail_part& part) -> std::optional<position> {
    const auto& here = part.of(shard);
    return here.records.empty() ? std::nullopt : std::optional(here.first + here.records.size() - 1);
  });
  return last.value_or(0);
}

entity_id log_tail::largest_entity(shard_id shard) const {
  entity_id largest = 0;
  look([&](const tail_part& part) {
    for (const auto& [id, one] : part.of(shard).entities) largest = std::max(largest, id);
    return false;
  });
  return largest;
}

std::shared_ptr<const tail_part> log_tail::hand_over() {
  const std::lock_guard lock(mutex_);
  assert(!older_);
  older_ = std::exchange(younger_, std::make_unique<tail_part>());
  return older_;
}

void log_tail::forget_older() {
  std::shared_ptr<const tail_part> gone;
  const std::lock_guard lock(mutex_);
  gone.swap(older_);
}

std::optional<std::string> log_tail::record(shard_id shard, position at) const {
  return look([=](const tail_part& part) {
    const auto row = part.of(shard).record(at);
    return row.empty() ? std::nullopt : std::optional<std::string>(row);
  });
}

std::pair<position, std::vector<std::string>> log_tail::records(shard_id shard, position from,
                                                                std::uint32_t limit) const {
  const std::lock_guard lock(mutex_);
  position begin = 0;
  std::vector<std::string> found;
  for (const auto* part : {older_.get(), static_cast<const tail_part*>(younger_.get())}) {
    if (part == nullptr || part->of(shard).records.empty()) continue;
    const auto& here = part->of(shard);
    if (begin == 0) begin = here.first;
    for (auto at = std::max(from, here.first); found.size() < limit; ++at) {
      const auto row = here.record(at);
      if (row.empty()) break;
      found.emplace_back(row);
    }
  }
  return {begin, std::move(found)};
}

std::map<std::string, std::string> log_tail::keys(shard_id shard, std::string_view after) const {
  std::map<std::string, std::string> found;
  look([&](const tail_part& part) {
    for (const auto& [key, value] : part.keys()) {
      if (layout::shard_of_key(key) == shard && key > after) found.emplace(key, value);
    }
    return false;
  });
  return found;
}

std::unordered_map<entity_id, bool> log_tail::unfinished(shard_id shard, entity_id after) const {
  std::unordered_map<entity_id, bool> found;
  look([&](const tail_part& part) {
    for (const auto& [id, one] : part.of(shard).entities) {
      if (id > after) found.try_emplace(id, one.row.unfinished);
    }
    return false;
  });
  return found;
}

}  // namespace holdfast::storage
