// What holds for every reservation, whatever comes and in whatever order: outcomes late, repeated
// and contradicting each other, cancellations, parking and resuming. Random histories, and an
// exhaustive walk: times and the version apart, the states that can be reached are few.
#include "domain/reservation.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

using namespace holdfast::domain;

namespace {

constexpr timestamp at(std::size_t ms) {
  return timestamp(std::chrono::milliseconds(ms));
}

const zoned_timestamp delivery{at(5000), std::chrono::minutes(540)};
constexpr const char* desk_number = "0-1";

order usual_order() {
  order what;
  what.user_id = 1;
  what.price.amount_minor = 1'300'000;
  return what;
}
order other_order() {
  auto what = usual_order();
  what.user_id = 2;
  return what;
}

const std::vector<reservation_command>& vocabulary() {
  static const std::vector<reservation_command> words = {
      place{usual_order()},
      place{other_order()},
      record_charge{charge_result::captured, "ch_1"},
      record_charge{charge_result::captured, "ch_2"},
      record_charge{charge_result::declined, "card_declined"},
      record_charge{charge_result::not_charged, ""},
      record_charge{charge_result::interrupted, ""},
      record_charge{charge_result::unknown, ""},
      record_receipt{desk_number, delivery},
      record_receipt{"0-2", delivery},
      cancel{cancel_reason::customer},
      cancel{cancel_reason::by_operator},
      record_void{desk_number, delivery},
      record_void{"", std::nullopt},
      record_refund{"re_1"},
      record_refund{"re_2"},
      park{"it keeps failing"},
      resume{},
      intervene{operator_action::retry, "mina", "the bank is back"},
      intervene{operator_action::cancel, "mina", "sold out"},
  };
  return words;
}

/// What the provider and the desk may answer to a step.
std::vector<reservation_command> answers_to(step next, const reservation& state) {
  switch (next) {
    case step::none:
      return {};
    case step::charge:
      return {record_charge{charge_result::captured, "ch_1"},
              record_charge{charge_result::declined, "card_declined"},
              record_charge{charge_result::not_charged, ""}, record_charge{charge_result::unknown, ""}};
    case step::settle:
      return {record_charge{charge_result::captured, "ch_1"},
              record_charge{charge_result::declined, "card_declined"},
              record_charge{charge_result::not_charged, ""}, record_charge{charge_result::interrupted, ""}};
    case step::issue_receipt:
      return {record_receipt{desk_number, delivery}};
    case step::void_receipt:
      if (state.receipt == receipt_status::receipt_issued) return {record_void{state.receipt_no, delivery}};
      return {record_void{desk_number, delivery}, record_void{"", std::nullopt}};
    case step::refund:
      return {record_refund{"re_1"}};
  }
  return {};
}

/// A reservation as its actor holds it, and its journal.
struct live {
  reservation state;
  std::vector<reservation_event> journal;

  rejection apply(const reservation_command& command) {
    const auto decision = decide(state, command, at(journal.size() + 1));
    for (const auto& event : decision.events) {
      state = evolve(std::move(state), event);
      journal.push_back(event);
    }
    return decision.refused;
  }
};

template <class Event>
long count_of(const std::vector<reservation_event>& journal) {
  return std::count_if(journal.begin(), journal.end(),
                       [](const auto& event) { return std::holds_alternative<Event>(event); });
}

template <class Event>
std::size_t position_of(const std::vector<reservation_event>& journal) {
  const auto found = std::find_if(journal.begin(), journal.end(),
                                  [](const auto& event) { return std::holds_alternative<Event>(event); });
  return static_cast<std::size_t>(found - journal.begin());
}

/// What every history keeps to. A word on what is broken, empty if nothing is.
std::string fault_in(const std::vector<reservation_event>& journal) {
  const auto captures = count_of<payment_captured>(journal);
  const auto refunds = count_of<payment_refunded>(journal);
  const auto ends = count_of<reservation_cancelled>(journal);
  const auto settled_for_nothing = count_of<payment_declined>(journal) + count_of<payment_failed>(journal);
  if (journal.empty()) return {};
  if (!std::holds_alternative<reservation_placed>(journal.front()))
    return "does not begin with its placement";
  if (count_of<reservation_placed>(journal) != 1) return "placed twice";
  if (captures + settled_for_nothing > 1) return "more than one outcome of the payment";
  if (count_of<payment_unresolved>(journal) > 1) return "unresolved twice";
  if (refunds > captures) return "refunded without a capture";
  if (count_of<receipt_issued>(journal) > captures) return "a receipt without a capture, or two of them";
  if (count_of<receipt_voided>(journal) > captures) return "a void without a capture, or two of them";
  if (count_of<cancellation_requested>(journal) > 1) return "cancellation requested twice";
  if (refunds == 1 && position_of<payment_refunded>(journal) < position_of<receipt_voided>(journal)) {
    return "refunded before the receipt was void";
  }
  if (refunds == 1 && count_of<cancellation_requested>(journal) == 0) return "refunded without being asked";
  if (ends > 1) return "cancelled twice";
  if (ends == 0) return {};
  if (!std::holds_alternative<reservation_cancelled>(journal.back())) return "something after the end";
  if (refunds != captures) return "ended with the money kept";
  if (refunds + settled_for_nothing != 1) return "ended with an open payment";
  return {};
}

/// At rest, said without next_step.
bool nothing_left_to_do(const reservation& state) {
  if (state.parked) return false;
  return state.status == reservation_status::none ||
         state.status == reservation_status::reservation_cancelled ||
         (state.status == reservation_status::reservated && state.receipt == receipt_status::receipt_issued);
}

bool is_cancelled_for_good(const reservation& state) {
  const bool money_is_back = state.payment == payment_status::payment_cancelled &&
                             state.receipt == receipt_status::receipt_cancelled;
  const bool nothing_was_paid = (state.payment == payment_status::payment_declined ||
                                 state.payment == payment_status::payment_failed) &&
                                state.receipt == receipt_status::none;
  return state.status == reservation_status::reservation_cancelled && !state.parked &&
         (money_is_back || nothing_was_paid);
}

/// A saga takes at most so many steps: charge or settle, receipt; or settle, void, refund.
constexpr int most_steps = 5;

/// Carries out next_step to its end, over every answer there may be. False where one of the ways
/// does not end, or ends in a state that `good` refuses.
bool all_ways_end_well(const live& from, const std::function<bool(const live&)>& good,
                       int steps_left = most_steps) {
  const auto next = next_step(from.state);
  if (next == step::none) return good(from);
  if (steps_left == 0) return false;
  for (const auto& answer : answers_to(next, from.state)) {
    auto then = from;
    if (then.apply(answer) != rejection::none) return false;
    if (then.journal.size() == from.journal.size()) return false;
    if (!all_ways_end_well(then, good, steps_left - 1)) return false;
  }
  return true;
}

/// The state without what differs between histories that are otherwise the same.
std::string shape_of(const reservation& state) {
  std::string shape;
  for (auto part :
       {static_cast<int>(state.status), static_cast<int>(state.payment), static_cast<int>(state.receipt),
        static_cast<int>(state.reason), static_cast<int>(state.unresolved), static_cast<int>(state.parked)}) {
    shape += std::to_string(part) + ",";
  }
  return shape + state.transaction_id + "," + state.refund_id + "," + state.receipt_no + "," +
         (state.expected_delivery_at ? "dated" : "") + "," + std::to_string(state.what.user_id);
}

/// One history for each state that can be reached.
const std::vector<live>& reachable() {
  static const auto all = [] {
    std::vector<live> found{{}};
    std::set<std::string> shapes{shape_of({})};
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (const auto& command : vocabulary()) {
        auto then = found[i];
        then.apply(command);
        if (shapes.insert(shape_of(then.state)).second) found.push_back(then);
      }
    }
    return found;
  }();
  return all;
}

/// A random history: mostly placed first, as the protocol has it.
live random_history() {
  const auto words =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, vocabulary().size()));
  live here;
  if (*rc::gen::inRange(0, 10) != 0) here.apply(place{usual_order()});
  for (auto word : words) here.apply(vocabulary()[word]);
  return here;
}

}  // namespace

TEST_CASE("replaying the journal gives the live state, and the version counts its events") {
  CHECK(rc::check([] {
    const auto here = random_history();
    reservation replayed;
    for (const auto& event : here.journal) replayed = evolve(std::move(replayed), event);
    RC_ASSERT(replayed == here.state);
    RC_ASSERT(replayed.version == here.journal.size());
  }));
}

TEST_CASE("a command repeated right after itself adds nothing and gets the same verdict") {
  CHECK(rc::check([] {
    auto here = random_history();
    const auto word = *rc::gen::inRange<std::size_t>(0, vocabulary().size());
    const auto verdict = here.apply(vocabulary()[word]);
    const auto once = here.state;
    RC_ASSERT(here.apply(vocabulary()[word]) == verdict);
    RC_ASSERT(here.state == once);
  }));
  for (const auto& each : reachable()) {
    for (const auto& command : vocabulary()) {
      auto here = each;
      const auto verdict = here.apply(command);
      const auto once = here.state;
      CHECK(here.apply(command) == verdict);
      CHECK(here.state == once);
    }
  }
}

TEST_CASE("a rejection comes without events") {
  for (const auto& each : reachable()) {
    for (const auto& command : vocabulary()) {
      const auto decision = decide(each.state, command, at(1));
      CHECK((decision.refused == rejection::none || decision.events.empty()));
    }
  }
}

TEST_CASE("no history captures twice, refunds what was not captured, or keeps money at its end") {
  CHECK(rc::check([] {
    const auto here = random_history();
    RC_ASSERT(fault_in(here.journal) == "");
  }));
  for (const auto& each : reachable()) CHECK(fault_in(each.journal) == "");
}

TEST_CASE("the walk over the reachable states finds many and ends") {
  // Two receipts, transactions, refunds and reasons to choose from, each parked or not: about 200.
  CHECK(reachable().size() >= 100);
  CHECK(reachable().size() <= 1000);
}

TEST_CASE("unresolved is said of a pending payment only, parked never of a cancelled reservation") {
  for (const auto& each : reachable()) {
    CAPTURE(shape_of(each.state));
    CHECK((!each.state.unresolved || each.state.payment == payment_status::payment_pending));
    CHECK((!each.state.parked || each.state.status != reservation_status::reservation_cancelled));
  }
}

TEST_CASE("every reachable state has a next step, or is at rest: finished or parked") {
  for (const auto& each : reachable()) {
    CAPTURE(shape_of(each.state));
    CHECK(finished(each.state) == nothing_left_to_do(each.state));
    const bool has_a_step = next_step(each.state) != step::none;
    CHECK((has_a_step || each.state.parked || nothing_left_to_do(each.state)));
    CHECK_FALSE((has_a_step && (each.state.parked || finished(each.state))));
  }
}

TEST_CASE("from every reachable state the saga ends: the receipt issued, or all of it cancelled") {
  for (auto each : reachable()) {
    CAPTURE(shape_of(each.state));
    each.apply(resume{});
    if (each.state.version == 0) continue;
    CHECK(all_ways_end_well(each, [](const live& end) {
      const bool done =
          end.state.receipt == receipt_status::receipt_issued && end.state.payment == payment_status::paid;
      return fault_in(end.journal).empty() && (done || is_cancelled_for_good(end.state));
    }));
  }
}

TEST_CASE("from every reachable state a cancellation ends cancelled, refunded and void") {
  for (auto each : reachable()) {
    CAPTURE(shape_of(each.state));
    if (each.state.version == 0) continue;
    CHECK(each.apply(cancel{}) == rejection::none);
    CHECK(all_ways_end_well(each, [](const live& end) {
      return fault_in(end.journal).empty() && is_cancelled_for_good(end.state);
    }));
  }
}

TEST_CASE("a cancellation ends well among repeated, late and parked commands too") {
  CHECK(rc::check([] {
    auto here = random_history();
    RC_PRE(here.state.version != 0);
    here.apply(cancel{});
    // Noise between the steps, and each answer arrives twice.
    for (int i = 0; next_step(here.state) != step::none; ++i) {
      RC_ASSERT(i < most_steps);
      if (*rc::gen::inRange(0, 3) == 0) {
        here.apply(vocabulary()[*rc::gen::inRange<std::size_t>(0, vocabulary().size())]);
        here.apply(resume{});
      }
      const auto next = next_step(here.state);
      if (next == step::none) break;
      const auto answer = *rc::gen::elementOf(answers_to(next, here.state));
      RC_ASSERT(here.apply(answer) == rejection::none);
      RC_ASSERT(here.apply(answer) == rejection::none);
    }
    RC_ASSERT(is_cancelled_for_good(here.state));
    RC_ASSERT(fault_in(here.journal) == "");
  }));
}

TEST_CASE("a charge is asked for only while nothing at all is known of the payment") {
  for (const auto& each : reachable()) {
    if (next_step(each.state) != step::charge) continue;
    CAPTURE(shape_of(each.state));
    CHECK(count_of<payment_unresolved>(each.journal) == 0);
    CHECK(count_of<payment_captured>(each.journal) == 0);
    CHECK(count_of<cancellation_requested>(each.journal) == 0);
    CHECK(each.state.payment == payment_status::payment_pending);
  }
}

TEST_CASE("a refund is asked for only of a captured payment with a void receipt") {
  for (const auto& each : reachable()) {
    if (next_step(each.state) != step::refund) continue;
    CAPTURE(shape_of(each.state));
    CHECK(each.state.payment == payment_status::paid);
    CHECK(each.state.receipt == receipt_status::receipt_cancelled);
    CHECK_FALSE(each.state.transaction_id.empty());
  }
}

TEST_CASE("the placement's outcome, once told, only ever changes from paid to cancelled") {
  for (const auto& each : reachable()) {
    const auto before = outcome_of(each.state);
    for (const auto& command : vocabulary()) {
      auto then = each;
      then.apply(command);
      const auto after = outcome_of(then.state);
      if (before == placement_outcome::pending || before == after) continue;
      CAPTURE(shape_of(each.state));
      CHECK(before == placement_outcome::paid);
      CHECK(after == placement_outcome::cancelled);
    }
  }
}

TEST_CASE("evolve takes any event in any state and counts it") {
  const std::vector<reservation_event> events = {
      reservation_placed{at(1), usual_order()},
      payment_unresolved{at(2)},
      payment_captured{at(3), "ch_1"},
      payment_declined{at(4), "card_declined"},
      payment_failed{at(5)},
      receipt_issued{at(6), desk_number, delivery},
      cancellation_requested{at(7), cancel_reason::customer},
      receipt_voided{at(8), "", std::nullopt},
      payment_refunded{at(9), "re_1"},
      reservation_cancelled{at(10), cancel_reason::customer},
      reservation_parked{at(11), "why"},
      reservation_resumed{at(12)},
      operator_intervened{at(13), operator_action::retry, "mina", "why"},
  };
  CHECK(events.size() == std::variant_size_v<reservation_event>);
  for (const auto& each : reachable()) {
    for (const auto& event : events) {
      const auto then = evolve(each.state, event);
      CHECK(then.version == each.state.version + 1);
      CHECK(then.modified_at == time_of(event));
    }
  }
}
