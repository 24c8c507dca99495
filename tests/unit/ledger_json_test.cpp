// A ledger in JSON is read entry by entry however it is cut into pieces, and what is none is
// refused with a reason.
#include "payments/ledger_json.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace holdfast::payments;

namespace {

const std::string two_entries =
    R"({"format":1,"entries":[)"
    R"({"idempotencyKey":"257-charge","reservation":257,"amount":1300000,"currency":"KRW","kind":"charge",)"
    R"("time":"2026-11-22T15:30:00.123Z","transactionId":"pi_257_1"},)"
    R"({"transactionId":"pi_9_2","kind":"refund","extra":{"kind":"charge","amount":[1,{"a":2}]},)"
    R"("currency":"USD","amount":0,"reservation":9007199254740991,"idempotencyKey":"\u20ac"}],"more":[[1],{}]})";

struct outcome {
  std::vector<money_movement> movements;
  /// Empty where it was read to its end.
  std::string failure;
};

outcome read(std::string text, std::size_t piece_bytes = 4096) {
  outcome result;
  std::size_t at = 0;
  std::string piece;
  const auto parsed = parse_ledger(
      [&] {
        // A copy, so that what points into an old piece is found out.
        piece = text.substr(std::min(at, text.size()), piece_bytes);
        at += piece.size();
        return std::string_view(piece);
      },
      [&](const money_movement& each) { result.movements.push_back(each); });
  if (!parsed) result.failure = parsed.error();
  return result;
}

std::string entry_with(const std::string& from, const std::string& to) {
  std::string entry =
      R"({"reservation":1,"amount":2,"currency":"KRW","kind":"charge","transactionId":"pi_1_1"})";
  entry.replace(entry.find(from), from.size(), to);
  return R"({"entries":[)" + entry + "]}";
}

}  // namespace

TEST_CASE("a ledger is read, however it is cut, and unknown members are passed over") {
  const std::vector<money_movement> expected{
      {money_movement::kind::charge, 257, {1300000, "KRW"}, "pi_257_1"},
      {money_movement::kind::refund, 9007199254740991, {0, "USD"}, "pi_9_2"}};
  for (const std::size_t bytes : {1, 2, 3, 7, 64, 4096}) {
    CAPTURE(bytes);
    const auto result = read(two_entries, bytes);
    CHECK(result.failure == "");
    CHECK((result.movements == expected));
  }
}

TEST_CASE("an empty ledger is one") {
  CHECK(read(R"({"entries":[]})").failure == "");
  CHECK(read(R"({"entries":[]})").movements.empty());
}

TEST_CASE("a ledger that breaks off anywhere is refused") {
  for (std::size_t size = 0; size < two_entries.size(); ++size) {
    CAPTURE(size);
    CHECK(read(two_entries.substr(0, size)).failure != "");
  }
}

TEST_CASE("what is no ledger is refused with a reason") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"[]", "no entries"},
      {"1", "form"},
      {"{}", "no entries"},
      {R"({"data":[]})", "no entries"},
      {R"({"entries":{}})", "no entries"},
      {R"({"entries":[1]})", "form"},
      {R"({"entries":[[]]})", "form"},
      {R"({"entries":[{}]})", "reservation"},
      {entry_with("\"reservation\":1", "\"reservation\":-1"), "reservation"},
      {entry_with("\"reservation\":1", "\"reservation\":\"1\""), "reservation"},
      {entry_with("\"reservation\":1", "\"reservation\":1.5"), "reservation"},
      {entry_with("\"amount\":2", "\"amount\":-2"), "amount"},
      {entry_with("\"amount\":2", "\"amount\":18446744073709551615"), "amount"},
      {entry_with("\"KRW\"", "\"KR\""), "currency"},
      {entry_with("\"KRW\"", "null"), "currency"},
      {entry_with("\"charge\"", "\"gift\""), "kind"},
      {entry_with("\"pi_1_1\"", "\"\""), "transactionId"},
      {"<html>", "Invalid value"},
      {R"({"entries":[]} x)", "root"},
      {R"({"entries":[],"deep":)" + std::string(1'000'000, '['), "depth"},
  };
  for (const auto& [text, why] : table) {
    CAPTURE(text.substr(0, 100));
    CAPTURE(why);
    const auto failure = read(text).failure;
    CAPTURE(failure);
    CHECK(failure.find(why) != std::string::npos);
  }
}

TEST_CASE("a failure of the source goes through") {
  const auto source = []() -> std::string_view { throw std::runtime_error("broken off"); };
  CHECK_THROWS_WITH(static_cast<void>(parse_ledger(source, [](const auto&) {})), "broken off");
}
