// The rule of a receipt as a table: every command in every state.
#include "domain/receipt.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace holdfast::domain;
using namespace holdfast::domain::receipts;

namespace {

constexpr timestamp at(int ms) {
  return timestamp(std::chrono::milliseconds(ms));
}
const zoned_timestamp delivery{at(5000), std::chrono::minutes(540)};

const issue issue_seven{7, delivery};
const issue issue_eight{8, {at(6000), std::chrono::minutes(0)}};
const issue issue_without_number{0, delivery};

receipt apply(receipt state, const command& wish, timestamp now) {
  for (const auto& event : decide(state, wish, now).events) state = evolve(std::move(state), event);
  return state;
}

/// `I7` issued with 7, `V` voided, `-` nothing new, or the rejection's number.
std::string text_of(const decision& decided) {
  if (decided.refused != rejection::none) {
    CHECK(decided.events.empty());
    return std::to_string(static_cast<int>(decided.refused));
  }
  if (decided.events.empty()) return "-";
  REQUIRE(decided.events.size() == 1);
  if (const auto* fact = std::get_if<issued>(&decided.events[0])) return "I" + std::to_string(fact->number);
  return "V";
}

}  // namespace

TEST_CASE("every command in every state") {
  const auto fresh = receipt{};
  const auto issued_seven = apply(fresh, issue_seven, at(1));
  const auto voided_seven = apply(issued_seven, void_receipt{}, at(2));
  const auto tombstone = apply(fresh, void_receipt{}, at(1));
  struct row {
    const char* name;
    receipt state;
    const char* issue_seven;
    const char* issue_eight;
    const char* issue_without_number;
    const char* void_receipt;
  };
  const row table[] = {
      {"fresh", fresh, "I7", "I8", "2", "V"},
      {"issued", issued_seven, "-", "-", "-", "V"},
      {"voided", voided_seven, "1", "1", "1", "-"},
      {"tombstone", tombstone, "1", "1", "1", "-"},
  };
  for (const auto& each : table) {
    CAPTURE(each.name);
    CHECK(text_of(decide(each.state, issue_seven, at(9))) == each.issue_seven);
    CHECK(text_of(decide(each.state, issue_eight, at(9))) == each.issue_eight);
    CHECK(text_of(decide(each.state, issue_without_number, at(9))) == each.issue_without_number);
    CHECK(text_of(decide(each.state, void_receipt{}, at(9))) == each.void_receipt);
  }
}

TEST_CASE("issued: its number, date and time") {
  const auto state = apply({}, issue_seven, at(3));
  CHECK(state.version == 1);
  CHECK(state.status == status::issued);
  CHECK(state.number == 7);
  CHECK(state.expected_delivery_at == delivery);
  CHECK(state.modified_at == at(3));
}

TEST_CASE("issuing twice is the same receipt with the same number") {
  const auto once = apply({}, issue_seven, at(3));
  CHECK(apply(once, issue_eight, at(4)) == once);
}

TEST_CASE("a void one keeps its number, and one voided before it was issued has none and never gets one") {
  const auto voided = apply(apply({}, issue_seven, at(1)), void_receipt{}, at(2));
  CHECK(voided.status == status::voided);
  CHECK(voided.number == 7);
  CHECK(voided.expected_delivery_at == delivery);
  CHECK(voided.modified_at == at(2));
  CHECK(voided.version == 2);

  const auto tombstone = apply({}, void_receipt{}, at(1));
  CHECK(tombstone.number == 0);
  CHECK(apply(tombstone, issue_seven, at(2)) == tombstone);
}

TEST_CASE("a receipt's number names its book") {
  CHECK(receipt_no(0, 1) == "0-1");
  CHECK(receipt_no(255, 1'000'000) == "255-1000000");
  CHECK(receipt_no(0, std::numeric_limits<std::uint64_t>::max()) == "0-18446744073709551615");
}
