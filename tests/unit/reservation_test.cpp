// The rule of a reservation as tables: every command in every state, every rejection, and what
// each state looks like from outside.
#include "domain/reservation.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace holdfast::domain;

namespace {

constexpr timestamp at(int ms) {
  return timestamp(std::chrono::milliseconds(ms));
}

const zoned_timestamp delivery{at(5000), std::chrono::minutes(540)};
const zoned_timestamp other_delivery{at(6000), std::chrono::minutes(540)};

order usual_order() {
  order what;
  what.user_id = 1;
  what.user_address = "서울";
  what.product_id = 2;
  what.product_name = "fold";
  what.price = {1'300'000, "KRW"};
  what.card_last_four = "1234";
  return what;
}
order other_order() {
  auto what = usual_order();
  what.price.amount_minor = 1;
  return what;
}

/// The vocabulary of the tables below. A trailing 2 contradicts the one without it.
const std::vector<std::pair<std::string, reservation_command>> commands = {
    {"place", place{usual_order()}},
    {"place2", place{other_order()}},
    {"captured", record_charge{charge_result::captured, "ch_1"}},
    {"captured2", record_charge{charge_result::captured, "ch_2"}},
    {"declined", record_charge{charge_result::declined, "insufficient_funds"}},
    {"not_charged", record_charge{charge_result::not_charged, ""}},
    {"interrupted", record_charge{charge_result::interrupted, ""}},
    {"unknown", record_charge{charge_result::unknown, ""}},
    {"receipt", record_receipt{"0-1", delivery}},
    {"receipt2", record_receipt{"0-2", other_delivery}},
    {"cancel", cancel{cancel_reason::customer}},
    {"void", record_void{"0-1", delivery}},
    {"void_empty", record_void{"", std::nullopt}},
    {"void2", record_void{"0-2", other_delivery}},
    {"refund", record_refund{"re_1"}},
    {"refund2", record_refund{"re_2"}},
    {"park", park{"refund keeps failing"}},
    {"resume", resume{}},
    {"cancel_by_operator", cancel{cancel_reason::by_operator}},
    {"retried", intervene{operator_action::retry, "mina", "the bank is back"}},
    {"stopped", intervene{operator_action::cancel, "mina", "sold out"}},
};

const reservation_command& command_named(const std::string& name) {
  for (const auto& [each, command] : commands) {
    if (each == name) return command;
  }
  FAIL("no command is named " << name);
  return commands.front().second;
}

/// One letter for each event.
char letter_of(const reservation_event& event) {
  constexpr std::string_view letters = "PUCDFIQVRXKMO";
  static_assert(std::variant_size_v<reservation_event> == letters.size());
  return letters[event.index()];
}

/// `-` for nothing new, the events' letters, or the rejection's number.
std::string text_of(const reservation_decision& decision) {
  if (decision.refused != rejection::none) {
    CHECK(decision.events.empty());
    return std::to_string(static_cast<int>(decision.refused));
  }
  if (decision.events.empty()) return "-";
  std::string letters;
  for (const auto& event : decision.events) letters.push_back(letter_of(event));
  return letters;
}

/// What a reservation becomes by these commands, the first at 1 ms, the second at 2 ms ...
reservation after(const std::string& names) {
  reservation state;
  std::istringstream in(names);
  int ms = 0;
  for (std::string name; in >> name;) {
    const auto decision = decide(state, command_named(name), at(++ms));
    CHECK(decision.refused == rejection::none);
    for (const auto& event : decision.events) state = evolve(std::move(state), event);
  }
  return state;
}

/// Every kind of state that can be reached, by the shortest way to it.
const std::map<std::string, std::string> states = {
    {"none", ""},
    {"ordered", "place"},
    {"unresolved", "place unknown"},
    {"paid", "place captured"},
    {"issued", "place captured receipt"},
    {"stopping", "place cancel"},
    {"stopping_unresolved", "place unknown cancel"},
    {"undoing_paid", "place captured cancel"},
    {"undoing_late_capture", "place cancel captured"},
    {"undoing_issued", "place captured receipt cancel"},
    {"voided", "place captured cancel void_empty"},
    {"voided_number", "place captured receipt cancel void"},
    {"refunded", "place captured cancel void_empty refund"},
    {"refunded_number", "place captured receipt cancel void refund"},
    {"refunded_late_number", "place captured cancel void refund"},
    {"declined", "place declined"},
    {"declined_settled", "place unknown declined"},
    {"failed", "place not_charged"},
    {"failed_settled", "place unknown not_charged"},
    {"interrupted", "place interrupted"},
    {"interrupted_settled", "place unknown interrupted"},
    {"stopped", "place cancel not_charged"},
    {"stopped_interrupted", "place cancel interrupted"},
    {"stopped_declined", "place cancel declined"},
    {"by_operator", "place captured cancel_by_operator void_empty refund"},
    {"parked_ordered", "place park"},
    {"parked_unresolved", "place unknown park"},
    {"parked_paid", "place captured park"},
    {"parked_stopping", "place cancel park"},
    {"parked_undoing_paid", "place captured cancel park"},
    {"parked_voided", "place captured cancel void_empty park"},
    {"overcome_paid", "place unknown park captured"},
    {"overcome_issued", "place captured park receipt"},
    {"overcome_declined", "place unknown park declined"},
    {"overcome_refunded", "place captured cancel void park refund"},
};

/// The columns: the first eighteen commands, in their order.
const std::string transitions = R"(
                      place   captured    not_charged receipt cancel  void_empty  refund2 resume
                      |   place2  captured2   interrupted receipt2    |   void2   |   park|
                      |   |   |   |   declined|   unknown |   |   void|   |   refund  |   |
none                  P   P   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1
ordered               -   2   C   C   DX  FX  FX  U   9   9   Q   9   9   9   11  11  K   -
unresolved            -   2   C   C   DX  FX  FX  -   9   9   Q   9   9   9   11  11  K   -
paid                  -   2   -   8   8   8   8   -   I   I   Q   9   9   9   11  11  K   -
issued                -   2   -   8   8   8   8   -   -   9   Q   9   9   9   11  11  12  -
stopping              -   2   C   C   DX  FX  FX  U   -   -   -   9   9   9   11  11  K   -
stopping_unresolved   -   2   C   C   DX  FX  FX  -   -   -   -   9   9   9   11  11  K   -
undoing_paid          -   2   -   8   8   8   8   -   -   -   -   V   V   V   11  11  K   -
undoing_late_capture  -   2   -   8   8   8   8   -   -   -   -   V   V   V   11  11  K   -
undoing_issued        -   2   -   8   8   8   8   -   -   -   -   V   V   9   11  11  K   -
voided                -   2   -   8   8   8   8   -   -   -   -   -   -   -   RX  RX  K   -
voided_number         -   2   -   8   8   8   8   -   -   -   -   -   -   -   RX  RX  K   -
refunded              -   2   -   8   8   8   8   -   9   9   -   -   -   -   -   10  12  -
refunded_number       -   2   -   8   8   8   8   -   -   9   -   -   -   -   -   10  12  -
refunded_late_number  -   2   -   8   8   8   8   -   -   9   -   -   -   -   -   10  12  -
declined              -   2   8   8   -   8   8   -   9   9   -   9   9   9   11  11  12  -
declined_settled      -   2   8   8   -   8   8   -   9   9   -   9   9   9   11  11  12  -
failed                -   2   8   8   8   -   -   -   9   9   -   9   9   9   11  11  12  -
failed_settled        -   2   8   8   8   -   -   -   9   9   -   9   9   9   11  11  12  -
interrupted           -   2   8   8   8   -   -   -   9   9   -   9   9   9   11  11  12  -
interrupted_settled   -   2   8   8   8   -   -   -   9   9   -   9   9   9   11  11  12  -
stopped               -   2   8   8   8   -   -   -   9   9   -   9   9   9   11  11  12  -
stopped_interrupted   -   2   8   8   8   -   -   -   9   9   -   9   9   9   11  11  12  -
stopped_declined      -   2   8   8   -   8   8   -   9   9   -   9   9   9   11  11  12  -
by_operator           -   2   -   8   8   8   8   -   9   9   -   -   -   -   -   10  12  -
parked_ordered        -   2   C   C   DX  FX  FX  U   9   9   QM  9   9   9   11  11  -   M
parked_unresolved     -   2   C   C   DX  FX  FX  -   9   9   QM  9   9   9   11  11  -   M
parked_paid           -   2   -   8   8   8   8   -   I   I   QM  9   9   9   11  11  -   M
parked_stopping       -   2   C   C   DX  FX  FX  U   -   -   M   9   9   9   11  11  -   M
parked_undoing_paid   -   2   -   8   8   8   8   -   -   -   M   V   V   V   11  11  -   M
parked_voided         -   2   -   8   8   8   8   -   -   -   M   -   -   -   RX  RX  -   M
overcome_paid         -   2   -   8   8   8   8   -   I   I   QM  9   9   9   11  11  -   M
overcome_issued       -   2   -   8   8   8   8   -   -   9   QM  9   9   9   11  11  -   M
overcome_declined     -   2   8   8   -   8   8   -   9   9   -   9   9   9   11  11  12  -
overcome_refunded     -   2   -   8   8   8   8   -   -   9   -   -   -   -   -   10  12  -
)";
constexpr std::size_t transition_columns = 18;
/// The empty one after the opening quote counts.
constexpr int header_lines = 4;

const std::string appearances = R"(
none                  none        none              none      none                none          finished   pending
ordered               order       payment_pending   none      none                charge        unfinished pending
unresolved            order       payment_pending   none      none                settle        unfinished pending
paid                  reservated  paid              pending   none                issue_receipt unfinished paid
issued                reservated  paid              issued    none                none          finished   paid
stopping              cancelling  payment_pending   none      customer            settle        unfinished cancelled
stopping_unresolved   cancelling  payment_pending   none      customer            settle        unfinished cancelled
undoing_paid          cancelling  paid              pending   customer            void_receipt  unfinished cancelled
undoing_late_capture  cancelling  paid              pending   customer            void_receipt  unfinished cancelled
undoing_issued        cancelling  paid              issued    customer            void_receipt  unfinished cancelled
voided                cancelling  paid              cancelled customer            refund        unfinished cancelled
voided_number         cancelling  paid              cancelled customer            refund        unfinished cancelled
refunded              cancelled   payment_cancelled cancelled customer            none          finished   cancelled
refunded_number       cancelled   payment_cancelled cancelled customer            none          finished   cancelled
refunded_late_number  cancelled   payment_cancelled cancelled customer            none          finished   cancelled
declined              cancelled   payment_declined  none      payment_declined    none          finished   declined
declined_settled      cancelled   payment_declined  none      payment_declined    none          finished   declined
failed                cancelled   payment_failed    none      payment_unavailable none          finished   unavailable
failed_settled        cancelled   payment_failed    none      payment_unavailable none          finished   unavailable
interrupted           cancelled   payment_failed    none      payment_interrupted none          finished   unavailable
interrupted_settled   cancelled   payment_failed    none      payment_unavailable none          finished   unavailable
stopped               cancelled   payment_failed    none      customer            none          finished   cancelled
stopped_interrupted   cancelled   payment_failed    none      customer            none          finished   cancelled
stopped_declined      cancelled   payment_declined  none      customer            none          finished   cancelled
by_operator           cancelled   payment_cancelled cancelled by_operator         none          finished   cancelled
parked_ordered        order       payment_pending   none      none                none          unfinished pending
parked_unresolved     order       payment_pending   none      none                none          unfinished pending
parked_paid           reservated  paid              pending   none                none          unfinished paid
parked_stopping       cancelling  payment_pending   none      customer            none          unfinished cancelled
parked_undoing_paid   cancelling  paid              pending   customer            none          unfinished cancelled
parked_voided         cancelling  paid              cancelled customer            none          unfinished cancelled
overcome_paid         reservated  paid              pending   none                none          unfinished paid
overcome_issued       reservated  paid              issued    none                none          unfinished paid
overcome_declined     cancelled   payment_declined  none      payment_declined    none          finished   declined
overcome_refunded     cancelled   payment_cancelled cancelled customer            none          finished   cancelled
)";

template <class Enum, std::size_t Size>
std::string name_in(const std::string_view (&names)[Size], Enum value) {
  return std::string(names[static_cast<std::size_t>(value)]);
}

std::vector<std::string> appearance_of(const reservation& state) {
  constexpr std::string_view statuses[] = {"none", "order", "reservated", "cancelling", "cancelled"};
  constexpr std::string_view payments[] = {
      "none", "payment_pending", "paid", "payment_cancelled", "payment_declined", "payment_failed"};
  constexpr std::string_view receipts[] = {"none", "pending", "issued", "cancelled"};
  constexpr std::string_view reasons[] = {
      "none", "customer", "payment_declined", "payment_unavailable", "payment_interrupted", "by_operator"};
  constexpr std::string_view steps[] = {"none",          "charge",       "settle",
                                        "issue_receipt", "void_receipt", "refund"};
  constexpr std::string_view outcomes[] = {"pending", "paid", "declined", "unavailable", "cancelled"};
  return {name_in(statuses, state.status),     name_in(payments, state.payment),
          name_in(receipts, state.receipt),    name_in(reasons, state.reason),
          name_in(steps, next_step(state)),    finished(state) ? "finished" : "unfinished",
          name_in(outcomes, outcome_of(state))};
}

/// The lines of a table as words, the state's name first.
std::vector<std::vector<std::string>> rows_of(const std::string& table, int lines_to_skip) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (lines_to_skip-- > 0) continue;
    std::istringstream words(line);
    std::vector<std::string> row;
    for (std::string word; words >> word;) row.push_back(word);
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

rejection refusal_of(const order& what) {
  return decide({}, place{what}, at(1)).refused;
}

}  // namespace

TEST_CASE("every command in every state: its events, nothing new, or its rejection") {
  std::set<std::string> covered;
  for (const auto& row : rows_of(transitions, header_lines)) {
    REQUIRE(row.size() == transition_columns + 1);
    const auto& state = row[0];
    CAPTURE(state);
    REQUIRE(covered.insert(state).second);
    const auto before = after(states.at(state));
    for (std::size_t i = 0; i < transition_columns; ++i) {
      const auto& [name, command] = commands[i];
      CAPTURE(name);
      CHECK(text_of(decide(before, command, at(99))) == row[i + 1]);
    }
  }
  CHECK(covered.size() == states.size());
}

TEST_CASE("every state as it looks from outside: statuses, reason, next step, outcome") {
  std::size_t covered = 0;
  for (const auto& row : rows_of(appearances, 1)) {
    const auto& state = row[0];
    CAPTURE(state);
    CHECK(appearance_of(after(states.at(state))) == std::vector<std::string>(row.begin() + 1, row.end()));
    ++covered;
  }
  CHECK(covered == states.size());
}

TEST_CASE("the tables show every rejection that is not about an order's fields, and every event") {
  std::set<std::string> seen;
  for (const auto& row : rows_of(transitions, header_lines)) seen.insert(row.begin() + 1, row.end());
  for (const auto* expected : {"1", "2",  "8",  "9", "10", "11", "12", "-",  "P", "U",
                               "C", "DX", "FX", "I", "Q",  "QM", "V",  "RX", "K", "M"}) {
    CAPTURE(expected);
    CHECK(seen.count(expected) == 1);
  }
}

TEST_CASE("an order's fields at their limits") {
  const auto largest = static_cast<std::uint64_t>(largest_exact_integer);
  auto what = usual_order();
  what.user_id = what.product_id.emplace(largest);
  what.price.amount_minor = largest_exact_integer;
  CHECK(refusal_of(what) == rejection::none);
  what.user_id = 0;
  what.price.amount_minor = 0;
  CHECK(refusal_of(what) == rejection::none);

  order bare;
  bare.user_id = 1;
  CHECK(refusal_of(bare) == rejection::none);
}

TEST_CASE("the rejections of an order come in their order of precedence") {
  const auto too_large = static_cast<std::uint64_t>(largest_exact_integer) + 1;
  order what;
  what.user_id = too_large;
  what.product_id = too_large;
  what.price = {-1, "won"};
  CHECK(refusal_of(what) == rejection::user_out_of_range);
  what.user_id = 1;
  CHECK(refusal_of(what) == rejection::product_out_of_range);
  what.product_id = 1;
  CHECK(refusal_of(what) == rejection::price_negative);
  what.price.amount_minor = largest_exact_integer + 1;
  CHECK(refusal_of(what) == rejection::price_too_large);
  what.price.amount_minor = largest_exact_integer;
  CHECK(refusal_of(what) == rejection::currency_malformed);
  what.price.currency = "KRW";
  CHECK(refusal_of(what) == rejection::none);

  what.user_id = too_large;
  CHECK(decide(after("place"), place{what}, at(9)).refused == rejection::placed_with_other_fields);
}

TEST_CASE("a currency is three capital letters") {
  for (const auto* malformed : {"", "KR", "KRWX", "krw", "K1W", "KR ", "₩"}) {
    CAPTURE(malformed);
    auto what = usual_order();
    what.price.currency = malformed;
    CHECK(refusal_of(what) == rejection::currency_malformed);
  }
}

TEST_CASE("placing again with any other field is refused") {
  const auto placed = after("place");
  const auto refused = [&](auto change) {
    auto what = usual_order();
    change(what);
    return decide(placed, place{what}, at(9)).refused == rejection::placed_with_other_fields;
  };
  CHECK(refused([](order& what) { what.user_id = 9; }));
  CHECK(refused([](order& what) { what.user_address.reset(); }));
  CHECK(refused([](order& what) { what.product_id.reset(); }));
  CHECK(refused([](order& what) { what.product_name = ""; }));
  CHECK(refused([](order& what) { what.price.amount_minor = 0; }));
  CHECK(refused([](order& what) { what.price.currency = "USD"; }));
  CHECK(refused([](order& what) { what.card_last_four = "4321"; }));
}

TEST_CASE("each event changes its own fields and times") {
  const auto ended = after("place captured receipt cancel void refund");
  CHECK(ended.version == 7);
  CHECK(ended.what == usual_order());
  CHECK(ended.transaction_id == "ch_1");
  CHECK(ended.receipt_no == "0-1");
  CHECK(ended.expected_delivery_at == delivery);
  CHECK(ended.refund_id == "re_1");
  CHECK(ended.created_at == at(1));
  CHECK(ended.paid_at == at(2));
  CHECK(ended.receipt_modified_at == at(5));
  CHECK(ended.payment_modified_at == at(6));
  CHECK(ended.modified_at == at(6));
  CHECK_FALSE(ended.unresolved);

  CHECK(after("place captured receipt").receipt_modified_at == at(3));
  CHECK(after("place captured receipt").payment_modified_at == at(2));
  CHECK(after("place declined").decline_reason == "insufficient_funds");
  CHECK(after("place declined").paid_at == timestamp{});
  CHECK(after("place").payment_modified_at == at(1));
}

TEST_CASE("a void brings the number of a receipt that the cancellation overtook, or leaves none") {
  CHECK(after(states.at("refunded_late_number")).receipt_no == "0-1");
  CHECK(after(states.at("refunded_late_number")).expected_delivery_at == delivery);
  CHECK(after(states.at("refunded")).receipt_no.empty());
  CHECK_FALSE(after(states.at("refunded")).expected_delivery_at);
  CHECK(after("place captured receipt cancel void_empty").receipt_no == "0-1");
}

TEST_CASE("parking says why, resuming goes on where it was parked") {
  const auto decision = decide(after("place captured cancel void_empty"), command_named("park"), at(9));
  CHECK(std::get<reservation_parked>(decision.events.at(0)).why == "refund keeps failing");
  for (const auto* state : {"ordered", "unresolved", "paid", "stopping", "undoing_issued", "voided"}) {
    CAPTURE(state);
    CHECK(next_step(after(states.at(state) + " park resume")) == next_step(after(states.at(state))));
  }
  CHECK(finished(after(states.at("overcome_issued") + " resume")));
}

TEST_CASE("what is at rest is parked where an operator's finding asks for it, and goes back to rest") {
  const reservation_command finding = park{"the provider has no such charge", true};
  for (const auto* state : {"issued", "refunded", "declined"}) {
    CAPTURE(state);
    const auto before = after(states.at(state));
    CHECK(decide(before, command_named("park"), at(9)).refused == rejection::nothing_to_park);
    const auto decision = decide(before, finding, at(9));
    REQUIRE(decision.events.size() == 1);
    const auto parked = evolve(before, decision.events.front());
    CHECK_FALSE(finished(parked));
    CHECK(next_step(parked) == step::none);
    CHECK(decide(parked, finding, at(10)).events.empty());
    CHECK(finished(evolve(parked, reservation_resumed{at(11)})));
  }
  CHECK(decide({}, finding, at(9)).refused == rejection::unknown_reservation);
}

TEST_CASE(
    "an operator's retry resumes what is parked, hurries what has a next step, and is no event elsewhere") {
  for (const auto& [state, way] : states) {
    CAPTURE(state);
    const auto before = after(way);
    const auto decision = decide(before, command_named("retried"), at(99));
    const auto resumed = decide(before, command_named("resume"), at(99));
    const bool has_more_to_do = before.version != 0 && next_step(before) != step::none;
    CHECK(text_of(decision) == (text_of(resumed) == "M" ? "OM" : has_more_to_do ? "O" : text_of(resumed)));
    if (decision.events.empty()) continue;
    CHECK(std::get<operator_intervened>(decision.events.front()) ==
          operator_intervened{at(99), operator_action::retry, "mina", "the bank is back"});
  }
}

TEST_CASE(
    "an operator's cancellation is one with the reason operator, and is no event where nothing follows") {
  for (const auto& [state, way] : states) {
    CAPTURE(state);
    const auto before = after(way);
    const auto cancelled = text_of(decide(before, command_named("cancel_by_operator"), at(99)));
    const bool follows = cancelled.starts_with("Q") || cancelled.starts_with("M");
    CHECK(text_of(decide(before, command_named("stopped"), at(99))) ==
          (follows ? "O" + cancelled : cancelled));
  }
  const auto stopped = after("place captured stopped");
  CHECK(stopped.status == reservation_status::cancelling);
  CHECK(stopped.reason == cancel_reason::by_operator);
  CHECK(next_step(stopped) == step::void_receipt);
  CHECK(decide(stopped, command_named("stopped"), at(99)).events.empty());
}

TEST_CASE("what an operator wants of many is done to those that are still as he saw them") {
  for (const auto action : {operator_action::retry, operator_action::cancel}) {
    for (const auto& [state, way] : states) {
      CAPTURE(state);
      const auto before = after(way);
      if (before.version == 0) continue;
      const intervene whatever{action, "mina", "sold out"};
      auto wish = whatever;
      wish.seen_version = before.version;
      CHECK(decide(before, wish, at(99)).events == decide(before, whatever, at(99)).events);
      for (const auto other : {before.version + 1, before.version - 1}) {
        wish.seen_version = other;
        if (other != 0) CHECK(decide(before, wish, at(99)).events.empty());
      }
    }
  }
}

TEST_CASE("an operator has a name and gives a reason, both of a bounded length") {
  const auto refused = [](std::size_t name, std::size_t reason) {
    const intervene wish{operator_action::cancel, std::string(name, 'n'), std::string(reason, 'r')};
    return decide(after("place"), wish, at(9)).refused;
  };
  CHECK(refused(64, 2000) == rejection::none);
  CHECK(refused(0, 0) == rejection::operator_unnamed);
  CHECK(refused(65, 1) == rejection::operator_unnamed);
  CHECK(refused(1, 0) == rejection::reason_missing);
  CHECK(refused(1, 2001) == rejection::reason_missing);
  CHECK(decide({}, command_named("stopped"), at(9)).refused == rejection::unknown_reservation);
}

TEST_CASE("to a customer another's reservation is unknown, whatever has become of it") {
  const cancel another{cancel_reason::customer, usual_order().user_id + 1};
  const cancel own{cancel_reason::customer, usual_order().user_id};
  for (const auto& [name, story] : states) {
    CAPTURE(name);
    const auto state = after(story);
    const auto refused = decide(state, another, at(9));
    CHECK(refused.refused == rejection::unknown_reservation);
    CHECK(refused.events.empty());
    if (state.version == 0) continue;
    CHECK(decide(state, own, at(9)).refused == rejection::none);
    CHECK(decide(state, own, at(9)).events == decide(state, command_named("cancel"), at(9)).events);
  }
}

TEST_CASE("events carry the time they were decided at") {
  for (const auto& event : decide(after("place"), command_named("declined"), at(42)).events) {
    CHECK(time_of(event) == at(42));
  }
}
