#include "stored_reservations.hpp"

#include <map>
#include <vector>

#include "blocking_calls.hpp"
#include "storage/event_codec.hpp"

namespace holdfast {

namespace {

using records = storage::journal_result<std::vector<storage::journal_record>>;

constexpr std::uint32_t records_at_once = 1024;

std::string damaged(domain::reservation_id id, const std::string& how) {
  return "reservation " + std::to_string(id) + " in the journal: " + how;
}

tl::expected<void, std::string> fold(stored_reservation& into, const storage::journal_record& record) {
  if (record.first_sequence != into.state.version + 1) {
    return tl::unexpected(damaged(into.id, "events are missing"));
  }
  const auto events = storage::decode_reservation_events(record.record);
  if (!events) return tl::unexpected(damaged(into.id, events.error().message));
  for (const auto& event : *events) {
    into.state = domain::evolve(std::move(into.state), event);
  }
  return {};
}

tl::expected<void, std::string> walk_shard(storage::journal& journal, storage::shard_id shard,
                                           const std::function<void(const stored_reservation&)>& each) {
  std::map<domain::reservation_id, stored_reservation> all;
  for (storage::position next = 1;;) {
    const auto read = wait_for_answer<records>(
        [&](auto done) { journal.read_shard(shard, next, records_at_once, std::move(done)); });
    if (!read) return tl::unexpected(read.error().message);
    for (const auto& record : *read) {
      if (record.at != next++) {
        return tl::unexpected("shard " + std::to_string(shard) + " of the journal lacks position " +
                              std::to_string(next - 1));
      }
      auto& reservation = all[record.entity];
      reservation.id = record.entity;
      if (auto folded = fold(reservation, record); !folded) return folded;
    }
    if (read->size() < records_at_once) break;
  }
  for (const auto& [id, reservation] : all) each(reservation);
  return {};
}

}  // namespace

tl::expected<void, std::string> for_each_stored_reservation(
    storage::journal& journal, const std::function<void(const stored_reservation&)>& each) {
  for (std::uint32_t shard = 0; shard < storage::shard_count; ++shard) {
    auto walked = walk_shard(journal, static_cast<storage::shard_id>(shard), each);
    if (!walked) return walked;
  }
  return {};
}

tl::expected<stored_reservation, std::string> read_stored_reservation(storage::journal& journal,
                                                                      domain::reservation_id id) {
  const auto read = wait_for_answer<records>([&](auto done) { journal.read_entity(id, std::move(done)); });
  if (!read) return tl::unexpected(read.error().message);
  stored_reservation reservation{id, {}};
  for (const auto& record : *read) {
    if (auto folded = fold(reservation, record); !folded) return tl::unexpected(folded.error());
  }
  return reservation;
}

}  // namespace holdfast
