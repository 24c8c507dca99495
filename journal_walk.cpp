#include "journal_walk.hpp"

#include <algorithm>

#include "storage/event_codec.hpp"

namespace holdfast {

namespace {

using storage::entity_id;
using storage::journal_record;
using storage::position;
using storage::shard_id;

constexpr std::uint32_t records_read_at_once = 1024;
constexpr std::uint32_t keys_read_at_once = 1024;

template <class Events>
Events decoded(tl::expected<Events, storage::codec_error> events, const journal_record& record) {
  if (!events) throw transfer_failure(place_of(record) + ": " + events.error().message);
  if (events->size() != record.event_count || events->empty()) {
    throw transfer_failure(place_of(record) + ": it says that it has " + std::to_string(record.event_count) +
                           " events and has " + std::to_string(events->size()));
  }
  return std::move(*events);
}

}  // namespace

std::vector<position> ends_of(storage::journal& journal) {
  return answer_to<std::vector<position>>([&](auto done) { journal.read_ends(std::move(done)); });
}

std::uint64_t sum_of(const std::vector<position>& ends) {
  std::uint64_t all = 0;
  for (const auto end : ends) all += end;
  return all;
}

std::string place_of(const journal_record& record) {
  return "position " + std::to_string(record.at) + " of shard " + std::to_string(record.shard);
}

void for_each_record(storage::journal& journal, shard_id shard, position end,
                     const std::function<void(journal_record&)>& each) {
  for (position next = 1; next <= end;) {
    const auto limit = static_cast<std::uint32_t>(std::min<position>(records_read_at_once, end - next + 1));
    auto records = answer_to<std::vector<journal_record>>(
        [&](auto done) { journal.read_shard(shard, next, limit, std::move(done)); });
    if (records.empty()) {
      throw transfer_failure("shard " + std::to_string(shard) + " lacks position " + std::to_string(next));
    }
    for (auto& record : records) {
      if (record.at != next++) throw transfer_failure("before " + place_of(record) + " a record is missing");
      each(record);
    }
  }
}

std::map<entity_id, storage::idempotency_claim> keys_of(storage::journal& journal, shard_id shard) {
  std::map<entity_id, storage::idempotency_claim> keys;
  for (std::string after;;) {
    const auto some = answer_to<std::vector<storage::kept_key>>(
        [&](auto done) { journal.list_keys(shard, after, keys_read_at_once, std::move(done)); });
    for (const auto& one : some) keys[one.entity] = one.claim;
    if (some.size() < keys_read_at_once) return keys;
    after = some.back().claim.key;
  }
}

std::vector<domain::reservation_event> reservation_events(const journal_record& record) {
  return decoded(storage::decode_reservation_events(record.record), record);
}
std::vector<domain::receipts::event> receipt_events(const journal_record& record) {
  return decoded(storage::decode_receipt_events(record.record), record);
}

const domain::reservation& folded_shard::take(const journal_record& record) {
  auto& state = states_[record.entity];
  if (state.version + 1 != record.first_sequence) {
    throw transfer_failure(place_of(record) + ": events of reservation " + std::to_string(record.entity) +
                           " before it are missing");
  }
  for (const auto& event : reservation_events(record)) domain::apply(state, event);
  return state;
}

const domain::reservation* folded_shard::find(entity_id id) const {
  const auto found = states_.find(id);
  return found == states_.end() ? nullptr : &found->second;
}

}  // namespace holdfast
