// Reservations with a history of a name, and journals that hold them: what a comparison or a view
// is tried on without running an engine.
// Pure functions, but for append_history(), which waits for the journal.
#pragma once

#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "blocking_calls.hpp"
#include "domain/reservation.hpp"
#include "storage/event_codec.hpp"
#include "storage/journal.hpp"

namespace holdfast::testing {

/// Long ago.
inline constexpr domain::timestamp seeded_at{std::chrono::milliseconds{1'600'000'000'000}};
inline const domain::money seeded_price{1300, "KRW"};

/// Of a seeded reservation that was paid: "pi_257_1".
inline std::string seeded_transaction(domain::reservation_id id) {
  return "pi_" + std::to_string(id) + "_1";
}

/// none, ordered, unresolved, paid, issued, undoing, refunded, declined, failed, parked.
inline std::vector<domain::reservation_command> seeded_commands(const std::string& history,
                                                                domain::reservation_id id) {
  using namespace domain;
  const record_charge captured{charge_result::captured, seeded_transaction(id)};
  const record_receipt issued{"0-1", {seeded_at + std::chrono::hours{24 * 21}, std::chrono::minutes{540}}};
  const std::map<std::string, std::vector<reservation_command>> commands = {
      {"ordered", {}},
      {"unresolved", {record_charge{charge_result::unknown, ""}}},
      {"paid", {captured}},
      {"issued", {captured, issued}},
      {"undoing", {captured, issued, cancel{}}},
      {"refunded", {captured, cancel{}, record_void{}, record_refund{"re_1"}}},
      {"declined", {record_charge{charge_result::declined, "card_declined"}}},
      {"failed", {record_charge{charge_result::not_charged, ""}}},
      {"parked", {captured, park{"the desk says no"}}},
  };
  auto all = commands.at(history);
  order what;
  what.user_id = 7;
  what.price = seeded_price;
  all.insert(all.begin(), place{what});
  return all;
}

inline std::vector<domain::reservation_event> seeded_events(const std::string& history,
                                                            domain::reservation_id id) {
  std::vector<domain::reservation_event> events;
  if (history == "none") return events;
  domain::reservation state;
  for (const auto& command : seeded_commands(history, id)) {
    for (auto& event : domain::decide(state, command, seeded_at).events) {
      state = domain::evolve(std::move(state), event);
      events.push_back(std::move(event));
    }
  }
  return events;
}

inline domain::reservation seeded_state(const std::string& history, domain::reservation_id id) {
  domain::reservation state;
  for (const auto& event : seeded_events(history, id)) state = domain::evolve(std::move(state), event);
  return state;
}

/// Puts the reservation into the journal, a record for each event.
inline void append_history(storage::journal& journal, const std::string& history, domain::reservation_id id) {
  const auto shard = storage::shard_of(id);
  using claims = storage::journal_result<std::vector<storage::shard_claim>>;
  const auto claimed = wait_for_answer<claims>([&](auto done) { journal.claim({shard}, std::move(done)); });
  const auto epoch = claimed.value().front().owner_epoch;

  std::vector<storage::journal_entry> entries;
  domain::reservation state;
  for (const auto& event : seeded_events(history, id)) {
    const auto before = state.version;
    state = domain::evolve(std::move(state), event);
    entries.push_back({.shard = shard,
                       .owner_epoch = epoch,
                       .entity = id,
                       .expected_sequence = before,
                       .event_count = 1,
                       .record = storage::encode_events(std::vector{event}),
                       .unfinished = !domain::finished(state),
                       .key = {},
                       .counter = {}});
  }
  using verdicts = storage::journal_result<std::vector<storage::append_verdict>>;
  const auto appended =
      wait_for_answer<verdicts>([&](auto done) { journal.append(std::move(entries), std::move(done)); });
  for (const auto& each : appended.value()) {
    if (each.status != storage::append_status::appended) {
      throw std::runtime_error("the journal refused a seeded reservation");
    }
  }
}

}  // namespace holdfast::testing
