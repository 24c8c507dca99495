// The checker of the proof: a good history passes, and for each invariant histories that break it
// are found out. A checker that finds nothing proves nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "domain/receipt.hpp"
#include "storage/event_codec.hpp"
#include "tests/proof/checker.hpp"
#include "tests/proof/contract.hpp"
#include "tests/proof/history_json.hpp"
#include "tests/proof/names.hpp"
#include "tests/support/seeded_reservations.hpp"

using namespace holdfast;
using proof::history;
using proof::ledger_line;
using proof::operation;
using proof::operation_kind;
using proof::operation_outcome;

namespace {

constexpr domain::reservation_id paid = 1;
constexpr domain::reservation_id refunded = 257;

proof::observation observe(const domain::reservation& state, domain::reservation_id id) {
  return {id, state.version, state.status, state.payment, state.receipt, state.receipt_no};
}

domain::reservation state_at(const std::string& name, domain::reservation_id id, std::uint64_t version) {
  domain::reservation state;
  for (const auto& event : testing::seeded_events(name, id)) {
    if (state.version < version) state = domain::evolve(state, event);
  }
  return state;
}

template <class Event>
proof::journal_line line_of(const std::vector<Event>& events, domain::reservation_id id, storage::position at,
                            std::uint64_t first) {
  storage::journal_record record;
  record.shard = storage::shard_of(id);
  record.at = at;
  record.entity = id;
  record.first_sequence = first;
  record.event_count = static_cast<std::uint32_t>(events.size());
  record.record = storage::encode_events(events);
  return {record, 1, static_cast<proof::moment>(at) * 10};
}

/// A record for each event, behind what the shard has.
void journal(history& into, const std::string& name, domain::reservation_id id) {
  std::uint64_t sequence = 1;
  for (const auto& event : testing::seeded_events(name, id)) {
    into.reservations.push_back(line_of(std::vector{event}, id, into.reservations.size() + 1, sequence++));
  }
}

void receipt(history& into, domain::reservation_id id, const std::vector<domain::receipts::event>& events) {
  std::uint64_t sequence = 1;
  for (const auto& event : events) {
    into.receipts.push_back(line_of(std::vector{event}, id, into.receipts.size() + 1, sequence++));
  }
}

domain::receipts::issued issued(std::uint64_t number) {
  domain::receipts::issued event;
  event.number = number;
  return event;
}

void book(history& into, enum ledger_line::kind what, domain::reservation_id id) {
  const bool charge = what == ledger_line::kind::charge;
  into.ledger.push_back({what, std::to_string(id) + (charge ? "-charge" : "-refund"), id,
                         testing::seeded_transaction(id), testing::seeded_price.amount_minor,
                         testing::seeded_price.currency, 5});
}

operation& operate(history& into, operation_kind kind, domain::reservation_id id, proof::moment from,
                   std::uint32_t status) {
  auto& one = into.operations.emplace_back();
  one.number = into.operations.size();
  one.kind = kind;
  one.reservation = id;
  one.invoked = from;
  one.completed = from + 10;
  one.outcome = operation_outcome::ok;
  one.status = status;
  return one;
}

operation& place(history& into, domain::reservation_id id, proof::moment from, const std::string& key) {
  auto& one = operate(into, operation_kind::place, id, from, 201);
  one.key = key;
  one.request = "same fields";
  one.answer = "the answer";
  one.price_minor = testing::seeded_price.amount_minor;
  one.currency = testing::seeded_price.currency;
  return one;
}

void show(history& into, const std::string& name, domain::reservation_id id) {
  std::string records;
  for (const auto& line : into.reservations) {
    if (line.record.entity == id) records += line.record.record;
  }
  into.view.push_back({observe(testing::seeded_state(name, id), id), records});
}

/// To one reader, event by event.
void publish(history& into, const std::string& name, domain::reservation_id id) {
  std::uint64_t version = 0;
  for (const auto& event : testing::seeded_events(name, id)) {
    const auto type = proof::published_name_of(event);
    ++version;
    if (!type.empty()) into.events.push_back({id, version, std::string(type), 0, 90});
  }
}

/// One that is paid and has its receipt, and one that was cancelled; both placed, repeated, read.
history good_history() {
  history all;
  all.facts = {.producer = "test",
               .seed = 7,
               .replay = "again",
               .at_rest = true,
               .has_ledger = true,
               .has_receipts = true,
               .has_view = true,
               .has_parked = true,
               .has_calls = true,
               .event_readers = 1};
  journal(all, "issued", paid);
  journal(all, "refunded", refunded);
  receipt(all, paid, {issued(1)});
  receipt(all, refunded, {domain::receipts::voided{}});
  book(all, ledger_line::kind::charge, paid);
  book(all, ledger_line::kind::charge, refunded);
  book(all, ledger_line::kind::refund, refunded);
  all.calls.push_back({proof::provider_call::kind::charge, paid, "1-charge", 3, "captured"});
  place(all, paid, 0, "a");
  place(all, refunded, 20, "b");
  operate(all, operation_kind::cancel, refunded, 40, 204);
  place(all, paid, 60, "a").replayed = true;
  operate(all, operation_kind::read, paid, 80, 200).shown = {
      observe(testing::seeded_state("issued", paid), paid)};
  operate(all, operation_kind::read, refunded, 80, 200).shown = {
      observe(testing::seeded_state("refunded", refunded), refunded)};
  show(all, "issued", paid);
  show(all, "refunded", refunded);
  publish(all, "issued", paid);
  publish(all, "refunded", refunded);
  return all;
}

/// The same, of a node whose claims were seen.
history owned_history() {
  auto all = good_history();
  all.facts.has_claims = true;
  for (auto& line : all.reservations) line.node = "a";
  for (auto& line : all.receipts) line.node = "a";
  all.reservation_claims.push_back({0, 1, "a", 1});
  all.receipt_claims.push_back({0, 1, "a", 1});
  return all;
}

bool broken(const history& what, int invariant) {
  const auto judged = proof::check(what);
  for (const auto& one : judged.violations) {
    if (one.invariant == invariant) return true;
  }
  MESSAGE(proof::to_text(judged, what.facts));
  return false;
}

bool says(const history& what, const std::string& words) {
  return proof::to_text(proof::check(what), what.facts).find(words) != std::string::npos;
}

operation& refuse(operation& one, std::uint32_t status, const std::string& code) {
  one.outcome = operation_outcome::failed;
  one.status = status;
  one.code = code;
  return one;
}

/// Takes out what `is` holds for.
template <class T, class Is>
void lose(std::vector<T>& from, Is is) {
  from.erase(std::remove_if(from.begin(), from.end(), is), from.end());
}

}  // namespace

TEST_CASE("a good history is found good") {
  const auto judged = proof::check(good_history());
  CAPTURE(proof::to_text(judged, {}));
  CHECK(judged.good());
  CHECK(judged.reservations == 2);
  CHECK(judged.operations == 6);
}

TEST_CASE("1: an acknowledged placement that the journal lost") {
  auto bad = good_history();
  lose(bad.reservations, [](const auto& line) { return line.record.entity == paid; });
  CHECK(broken(bad, 1));
}

TEST_CASE("1: an acknowledged cancellation that the journal lost") {
  auto bad = good_history();
  operate(bad, operation_kind::cancel, paid, 40, 202);
  CHECK(broken(bad, 1));
}

TEST_CASE("1: an outcome that was told and is not the journal's") {
  auto bad = good_history();
  bad.operations[0].status = 402;
  bad.operations[0].code = "payment-declined";
  CHECK(broken(bad, 1));
}

TEST_CASE("1: a version that was shown and that the journal lost") {
  auto bad = good_history();
  bad.operations[4].shown[0].version = 9;
  CHECK(broken(bad, 1));
}

TEST_CASE("1: another price than was asked for") {
  auto bad = good_history();
  bad.operations[0].price_minor += 1;
  CHECK(broken(bad, 1));
}

TEST_CASE("2: charged twice") {
  auto bad = good_history();
  book(bad, ledger_line::kind::charge, paid);
  CHECK(broken(bad, 2));
}

TEST_CASE("2: charged another amount") {
  auto bad = good_history();
  bad.ledger[0].amount_minor += 1;
  CHECK(broken(bad, 2));
}

TEST_CASE("3: confirmed without a capture") {
  auto bad = good_history();
  bad.ledger.erase(bad.ledger.begin());
  CHECK(broken(bad, 3));
}

TEST_CASE("3: captured without a reservation, or with one that was not paid") {
  auto unknown = good_history();
  book(unknown, ledger_line::kind::charge, 513);
  CHECK(broken(unknown, 3));
  auto failed = good_history();
  journal(failed, "failed", 513);
  show(failed, "failed", 513);
  book(failed, ledger_line::kind::charge, 513);
  CHECK(broken(failed, 3));
}

TEST_CASE("3: confirmed, and its money given back") {
  auto bad = good_history();
  book(bad, ledger_line::kind::refund, paid);
  CHECK(broken(bad, 3));
}

TEST_CASE("4: cancelled, and never or twice refunded") {
  auto never = good_history();
  never.ledger.pop_back();
  CHECK(broken(never, 4));
  auto twice = good_history();
  book(twice, ledger_line::kind::refund, refunded);
  CHECK(broken(twice, 4));
}

TEST_CASE("4: cancelled, and its receipt is not void") {
  auto bad = good_history();
  bad.receipts.pop_back();
  CHECK(broken(bad, 4));
}

TEST_CASE("5: one key, two reservations") {
  auto bad = good_history();
  place(bad, refunded, 90, "a").replayed = true;
  CHECK(broken(bad, 5));
}

TEST_CASE("5: one key, two answers") {
  auto bad = good_history();
  bad.operations[3].answer = "another";
  CHECK(broken(bad, 5));
}

TEST_CASE("5: one key, two bodies") {
  auto bad = good_history();
  bad.operations[3].request = "other fields";
  CHECK(broken(bad, 5));
}

TEST_CASE("5: a key is said to be in use after it was answered") {
  auto bad = good_history();
  auto& again = place(bad, 0, 90, "a");
  again.outcome = operation_outcome::failed;
  again.status = 409;
  again.code = "key-in-use";
  CHECK(broken(bad, 5));
}

TEST_CASE("5: a key is refused for fields that nobody sent") {
  auto bad = good_history();
  auto& again = place(bad, 0, 90, "a");
  again.outcome = operation_outcome::failed;
  again.status = 422;
  again.code = "key-reused";
  CHECK(broken(bad, 5));
}

TEST_CASE("5: placed once, journalled twice, and nobody heard of the second") {
  auto bad = good_history();
  for (auto& one : bad.operations) {
    if (one.kind == operation_kind::place) one.user_id = 7;
  }
  // The seeded user has the keys a and b.
  CHECK(proof::check(bad).good());
  journal(bad, "failed", 513);
  show(bad, "failed", 513);
  CHECK(broken(bad, 5));
}

TEST_CASE("6: a gap in a book of receipts") {
  auto bad = good_history();
  bad.receipts[0] = line_of(std::vector<domain::receipts::event>{issued(2)}, paid, 1, 1);
  CHECK(broken(bad, 6));
}

TEST_CASE("6: one number twice, or two receipts of one reservation") {
  auto shared = good_history();
  bool replaced = false;
  for (auto& line : shared.receipts) {
    if (line.record.entity != refunded) continue;
    line = line_of(std::vector<domain::receipts::event>{issued(1), domain::receipts::voided{}}, refunded,
                   line.record.at, 1);
    replaced = true;
  }
  REQUIRE(replaced);
  CHECK(broken(shared, 6));
  auto two = good_history();
  two.receipts.push_back(line_of(std::vector<domain::receipts::event>{issued(2)}, paid, 3, 2));
  CHECK(broken(two, 6));
}

TEST_CASE("6: another number than the desk's") {
  auto bad = good_history();
  lose(bad.receipts, [](const auto& line) { return line.record.entity == paid; });
  CHECK(broken(bad, 6));
}

TEST_CASE("7: a read misses what was acknowledged before it") {
  auto stale = good_history();
  operate(stale, operation_kind::read, refunded, 90, 200).shown = {
      observe(state_at("refunded", refunded, 2), refunded)};
  CHECK(broken(stale, 7));
  auto missing = good_history();
  operate(missing, operation_kind::read, paid, 90, 404);
  CHECK(broken(missing, 7));
}

TEST_CASE("7: overlapping operations may be seen in either order") {
  auto good = good_history();
  auto& read = operate(good, operation_kind::read, refunded, 45, 200);
  read.shown = {observe(state_at("refunded", refunded, 2), refunded)};
  CHECK(proof::check(good).good());
}

TEST_CASE("7: a version is shown otherwise than it is") {
  auto bad = good_history();
  bad.operations[4].shown[0].payment = domain::payment_status::payment_failed;
  CHECK(broken(bad, 7));
}

TEST_CASE("7: cancelled without anybody asking, or before") {
  auto nobody = good_history();
  lose(nobody.operations, [](const auto& one) { return one.kind == operation_kind::cancel; });
  CHECK(broken(nobody, 7));
  auto before = good_history();
  operate(before, operation_kind::read, refunded, 5, 200).shown = {
      observe(state_at("refunded", refunded, 3), refunded)};
  CHECK(broken(before, 7));
}

TEST_CASE("5: a key is said to be in use after it was said to go on by itself") {
  auto bad = good_history();
  bad.operations[0].status = 202;
  auto& again = refuse(place(bad, 0, 50, "a"), 409, "key-in-use");
  CHECK(broken(bad, 5));
  again.invoked = 5;
  CHECK(proof::check(bad).good());
}

TEST_CASE("5: a key is said to be under way when everything is at rest") {
  auto bad = good_history();
  auto& again = place(bad, paid, 90, "a");
  again.status = 202;
  again.replayed = again.audit = true;
  CHECK(broken(bad, 5));
}

TEST_CASE("7: a placement was refused as overloaded, and was journalled") {
  auto bad = good_history();
  refuse(place(bad, 0, 90, ""), 503, "overloaded").user_id = 8;
  CHECK(proof::check(bad).good());
  // Of the seeded user, and the answers that named these reservations are gone.
  lose(bad.operations, [](const auto& one) { return one.kind == operation_kind::place && one.user_id == 0; });
  bad.operations.back().user_id = testing::seeded_state("issued", paid).what.user_id;
  CHECK(broken(bad, 7));
  bad.operations.back().outcome = operation_outcome::unknown;
  bad.operations.back().code = "unavailable";
  bad.faults.push_back({1, "crash", ""});
  CHECK_FALSE(says(bad, "was refused"));
}

TEST_CASE("7: a cancellation was refused as overloaded, or not found, and cancelled") {
  auto overloaded = good_history();
  refuse(overloaded.operations[2], 503, "overloaded");
  CHECK(broken(overloaded, 7));
  auto not_found = good_history();
  not_found.operations[2].status = 404;
  not_found.operations[2].invoked = 1;
  not_found.operations[2].completed = 2;
  CHECK(broken(not_found, 7));
}

TEST_CASE("8: a gap in a shard's positions, and an epoch that falls") {
  auto gap = good_history();
  for (auto& line : gap.reservations) line.record.at += line.record.at > 2 ? 1 : 0;
  CHECK(broken(gap, 8));
  auto stale = good_history();
  stale.reservations[0].owner_epoch = 2;
  CHECK(broken(stale, 8));
}

TEST_CASE("8: an epoch that several nodes used, or that nobody or somebody else claimed") {
  auto shared = owned_history();
  shared.reservations[1].node = "b";
  CHECK(broken(shared, 8));
  auto of_nobody = owned_history();
  of_nobody.reservation_claims.clear();
  CHECK(broken(of_nobody, 8));
  auto of_another = owned_history();
  of_another.reservation_claims[0].node = "b";
  CHECK(broken(of_another, 8));
  auto receipts = owned_history();
  receipts.receipt_claims[0].node = "b";
  CHECK(broken(receipts, 8));
  // Where nobody saw the claims, what was appended has to do.
  auto unseen = owned_history();
  unseen.facts.has_claims = false;
  unseen.reservation_claims.clear();
  CHECK(proof::check(unseen).good());
  unseen.reservations[1].node = "b";
  CHECK(broken(unseen, 8));
}

TEST_CASE("8: a claim that does not raise its epoch") {
  auto same = owned_history();
  same.reservation_claims.push_back({0, 1, "b", 1000});
  CHECK(broken(same, 8));
  auto raised = owned_history();
  raised.reservation_claims.push_back({0, 2, "b", 1000});
  CHECK(proof::check(raised).good());
}

TEST_CASE("8: an append of a stale epoch is accepted") {
  auto stale = owned_history();
  const auto last = stale.reservations.back().at;
  stale.reservation_claims.push_back({0, 2, "b", last - 1});
  CHECK(broken(stale, 8));
  stale.reservation_claims.back().at = last + 1;
  CHECK(proof::check(stale).good());
}

TEST_CASE("8 and 11: at the end each shard has one owner") {
  auto several = owned_history();
  several.facts.shards_with_several_owners = 1;
  CHECK(broken(several, 8));
  auto none = owned_history();
  none.facts.shards_without_owner = 1;
  CHECK(broken(none, 11));
}

TEST_CASE("9: a row that is missing, old, of other bytes, or of nobody") {
  auto missing = good_history();
  missing.view.pop_back();
  CHECK(broken(missing, 9));
  auto old = good_history();
  old.view[0].shown.version -= 1;
  CHECK(broken(old, 9));
  auto bytes = good_history();
  bytes.view[0].records += "x";
  CHECK(broken(bytes, 9));
  auto nobody = good_history();
  nobody.view[0].shown.reservation = 513;
  CHECK(broken(nobody, 9));
}

TEST_CASE("9: a list shows a row that has become older") {
  auto bad = good_history();
  operate(bad, operation_kind::list, 0, 100, 200).shown = {
      observe(testing::seeded_state("issued", paid), paid)};
  operate(bad, operation_kind::list, 0, 120, 200).shown = {observe(state_at("issued", paid, 1), paid)};
  CHECK(broken(bad, 9));
}

TEST_CASE("10: a record that can't be decoded, and an event that can't follow") {
  auto torn = good_history();
  torn.reservations[0].record.record.pop_back();
  CHECK(broken(torn, 10));
  auto wrong = good_history();
  wrong.reservations[2] =
      line_of(std::vector<domain::reservation_event>{domain::payment_captured{{}, "pi_1_2"}}, paid, 3, 3);
  CHECK(broken(wrong, 10));
}

TEST_CASE("10: the provider is asked to charge twice, or with two keys") {
  auto twice = good_history();
  twice.calls.push_back(twice.calls.front());
  CHECK(broken(twice, 10));
  auto keys = good_history();
  keys.calls.push_back({proof::provider_call::kind::refund, refunded, "257-refund", 4, "no answer"});
  keys.calls.push_back({proof::provider_call::kind::refund, refunded, "257-refund-2", 5, "refunded"});
  CHECK(broken(keys, 10));
}

TEST_CASE("10: a node charges what it has settled itself, or another one that could not know") {
  auto itself = good_history();
  itself.calls.insert(itself.calls.begin(),
                      {proof::provider_call::kind::settle, paid, "1-charge", 2, "not charged", "a"});
  itself.calls[1].node = "a";
  CHECK(broken(itself, 10));
  itself.calls[1].node = "b";
  CHECK(proof::check(itself).good());
}

TEST_CASE("11: half done, never answered, or parked without anybody being told") {
  auto half_done = good_history();
  journal(half_done, "paid", 513);
  show(half_done, "paid", 513);
  book(half_done, ledger_line::kind::charge, 513);
  CHECK(broken(half_done, 11));
  half_done.facts.at_rest = false;
  CHECK(proof::check(half_done).good());
  auto unanswered = good_history();
  unanswered.operations[4].outcome = operation_outcome::pending;
  unanswered.operations[4].completed.reset();
  unanswered.operations[4].shown.clear();
  CHECK(broken(unanswered, 11));
  auto parked = good_history();
  journal(parked, "parked", 513);
  show(parked, "parked", 513);
  book(parked, ledger_line::kind::charge, 513);
  publish(parked, "parked", 513);
  CHECK(broken(parked, 11));
  parked.parked = {513};
  CHECK(proof::check(parked).good());
  parked.facts.may_park = false;
  CHECK(broken(parked, 11));
}

TEST_CASE("11: no clear answer though nothing failed") {
  auto bad = good_history();
  bad.operations[3].outcome = operation_outcome::unknown;
  CHECK(broken(bad, 11));
  bad.faults.push_back({1, "crash", ""});
  CHECK(proof::check(bad).good());
}

TEST_CASE("11: what is asked for at rest is refused, or not answered clearly") {
  for (const auto* code : {"overloaded", "key-in-use", "connection-refused"}) {
    auto bad = good_history();
    refuse(place(bad, 0, 90, "c"), 503, code).audit = true;
    if (std::string(code) == "connection-refused") bad.operations.back().status = 0;
    CHECK(broken(bad, 11));
    bad.operations.back().audit = false;
    CHECK_FALSE(says(bad, "not served"));
  }
  auto cut_off = good_history();
  cut_off.faults.push_back({1, "crash", ""});
  cut_off.operations[5].outcome = operation_outcome::unknown;
  cut_off.operations[5].audit = true;
  CHECK(broken(cut_off, 11));
}

TEST_CASE("11: a key that was taken by other fields is refused at rest too, but only where they stand") {
  auto history = good_history();
  auto& other = refuse(place(history, 0, 70, "a"), 422, "key-reused");
  other.audit = true;
  other.request = "other fields";
  other.price_minor += 1;
  for (auto& one : history.operations) {
    if (one.kind == operation_kind::place) one.user_id = testing::seeded_state("issued", paid).what.user_id;
  }
  CHECK(proof::check(history).good());
  other.price_minor -= 1;
  CHECK(broken(history, 11));
}

TEST_CASE("11: nobody takes commands at the end") {
  auto bad = good_history();
  bad.facts.serves = false;
  CHECK(broken(bad, 11));
}

TEST_CASE("11: an answer that the contract does not know") {
  auto bad = good_history();
  refuse(operate(bad, operation_kind::cancel, paid, 90, 500), 500, "internal");
  bad.operations.back().outcome = operation_outcome::unknown;
  bad.faults.push_back({1, "crash", ""});
  CHECK(broken(bad, 11));
}

TEST_CASE("an answer's outcome is what the contract makes of it") {
  using proof::outcome_of;
  CHECK(outcome_of(201, "") == operation_outcome::ok);
  CHECK(outcome_of(402, "payment-declined") == operation_outcome::ok);
  CHECK(outcome_of(404, "not-found") == operation_outcome::ok);
  CHECK(outcome_of(409, "cancelled") == operation_outcome::ok);
  CHECK(outcome_of(503, "payment-unavailable") == operation_outcome::ok);
  CHECK(outcome_of(409, "key-in-use") == operation_outcome::failed);
  CHECK(outcome_of(422, "key-reused") == operation_outcome::failed);
  CHECK(outcome_of(503, "overloaded") == operation_outcome::failed);
  CHECK(outcome_of(503, "view-unavailable") == operation_outcome::failed);
  CHECK(outcome_of(503, "unavailable") == operation_outcome::unknown);
  CHECK(outcome_of(500, "internal") == operation_outcome::unknown);
  CHECK(outcome_of(418, "teapot") == operation_outcome::unknown);
}

TEST_CASE("12: a card number was found") {
  auto bad = good_history();
  bad.canaries.push_back({"the log", 4711, {"offset 12"}});
  CHECK(broken(bad, 12));
}

TEST_CASE("13: an event was told that the journal does not have") {
  auto lost = good_history();
  lose(lost.reservations,
       [](const auto& line) { return line.record.entity == refunded && line.record.first_sequence > 2; });
  CHECK(broken(lost, 13));
  auto unknown = good_history();
  unknown.events.push_back({513, 1, "ReservationCreated", 0, 95});
  CHECK(broken(unknown, 13));
  auto other = good_history();
  other.events.front().type = "PaymentCreated";
  CHECK(broken(other, 13));
  CHECK(says(other, "PaymentCreated of version 1 was published and is not in the journal"));
}

TEST_CASE("13: an event was never told") {
  for (std::size_t i = 0; i < good_history().events.size(); ++i) {
    auto bad = good_history();
    bad.events.erase(bad.events.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(broken(bad, 13));
    // Nobody has read to the end.
    bad.facts.event_readers = 0;
    CHECK(proof::check(bad).good());
  }
  // What one was told does not do for another.
  auto bad = good_history();
  bad.facts.event_readers = 2;
  CHECK(broken(bad, 13));
  for (auto event : good_history().events) {
    event.reader = 1;
    bad.events.push_back(event);
  }
  CHECK(proof::check(bad).good());
}

TEST_CASE("13: events of a reservation were told out of order") {
  auto bad = good_history();
  std::swap(bad.events[0], bad.events[1]);
  CHECK(broken(bad, 13));
  // Again is not out of order, and another reader has an order of his own.
  auto again = good_history();
  again.events.push_back(again.events.front());
  auto other = again.events.front();
  other.reader = 1;
  again.events.push_back(other);
  CHECK(proof::check(again).good());
}

/// An operator has cancelled one that was paid, and was told that it is recorded. Not at rest.
history operated_history() {
  history all;
  all.facts = {.producer = "test", .seed = 7, .replay = "again"};
  journal(all, "issued", paid);
  auto& one = operate(all, operation_kind::operate, paid, 90, 200);
  one.request = "cancel";
  one.answer = proof::answer_of_recorded;
  const std::vector<domain::reservation_event> said{
      domain::operator_intervened{{}, domain::operator_action::cancel, "mina", proof::reason_of(one)},
      domain::cancellation_requested{{}, domain::cancel_reason::by_operator}};
  const auto position = all.reservations.size() + 1;
  all.reservations.push_back(line_of(said, paid, position, position));
  return all;
}

TEST_CASE("what an operator was told stands is in the journal, once, and nothing else is") {
  CHECK(proof::check(operated_history()).good());
  auto lost = operated_history();
  lost.reservations.pop_back();
  CHECK(broken(lost, 1));
  auto never_heard = lost;
  never_heard.operations.back().outcome = operation_outcome::unknown;
  never_heard.operations.back().answer = "";
  CHECK(proof::check(never_heard).good());

  auto refused = operated_history();
  refused.operations.back().outcome = operation_outcome::failed;
  refused.operations.back().answer = "";
  CHECK(broken(refused, 7));
  auto other = operated_history();
  other.operations.back().request = "retry";
  CHECK(broken(other, 7));
  auto of_nobody = operated_history();
  of_nobody.operations.clear();
  CHECK(broken(of_nobody, 7));
  auto elsewhere = operated_history();
  elsewhere.operations.back().reservation = refunded;
  CHECK(broken(elsewhere, 7));

  auto twice = operated_history();
  const auto position = twice.reservations.size() + 1;
  const auto again = domain::operator_intervened{
      {}, domain::operator_action::cancel, "mina", proof::reason_of(twice.operations.back())};
  twice.reservations.push_back(
      line_of(std::vector<domain::reservation_event>{again}, paid, position, position + 1));
  CHECK(says(twice, "is in the journal more than once"));

  auto silent = operated_history();
  silent.operations.clear();
  silent.reservations.back() = line_of(std::vector<domain::reservation_event>{domain::cancellation_requested{
                                           {}, domain::cancel_reason::by_operator}},
                                       paid, position - 1, position - 1);
  CHECK(says(silent, "it is cancelled for an operator who never said so"));

  // Whoever reads after the answer is shown it.
  auto stale = operated_history();
  operate(stale, operation_kind::read, paid, 120, 200).shown = {
      observe(testing::seeded_state("issued", paid), paid)};
  CHECK(says(stale, "and so missed"));
}

TEST_CASE("a story tells the operations, the journal and the ledger of its reservation, in order") {
  auto bad = good_history();
  book(bad, ledger_line::kind::charge, paid);
  const auto judged = proof::check(bad);
  REQUIRE(judged.violations.size() == 1);
  const auto text = proof::to_text(judged, bad.facts);
  CAPTURE(text);
  CHECK(text.find("Invariant 2 is broken for reservation 1") == 0);
  CHECK(text.find("place with key a") != std::string::npos);
  CHECK(text.find("payment_captured pi_1_1") != std::string::npos);
  CHECK(text.find("ledger: charge 1300 KRW") != std::string::npos);
  CHECK(text.find("(2 times)") != std::string::npos);
  CHECK(text.find("key b") == std::string::npos);
  CHECK(text.find("Again: again") != std::string::npos);
}

TEST_CASE("a history that was written to a file is the same when it is read") {
  auto all = owned_history();
  all.parked = {513};
  all.faults.push_back({3, "crash", "here"});
  all.canaries.push_back({"journal", 12, {"offset 1"}});
  all.operations[0].completed.reset();
  std::stringstream first;
  proof::write_history(first, all);
  const auto read = proof::read_history(first);
  REQUIRE_MESSAGE(read.has_value(), read.error());
  std::stringstream second;
  proof::write_history(second, *read);
  CHECK(first.str() == second.str());
  CHECK(read->reservations.front().record == all.reservations.front().record);
  CHECK(read->facts.at_rest);
  CHECK(read->reservation_claims.front().node == "a");
}

TEST_CASE("a line that is no part of a history is named") {
  std::stringstream file(
      "{\"type\":\"fault\",\"at\":1,\"name\":\"x\",\"detail\":\"\"}\n{\"type\":\"fault\"}\n");
  const auto read = proof::read_history(file);
  REQUIRE(!read.has_value());
  CHECK(read.error() == "line 2: at is missing");
}
