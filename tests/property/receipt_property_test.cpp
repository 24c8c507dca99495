// What holds for every receipt, in whatever order it is issued and voided; and for a book of them.
#include "domain/receipt.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

using namespace holdfast::domain;
using namespace holdfast::domain::receipts;

namespace {

constexpr timestamp at(std::uint64_t ms) {
  return timestamp(std::chrono::milliseconds(ms));
}

command random_command(std::uint64_t next_number) {
  if (*rc::gen::inRange(0, 2) == 0) return void_receipt{};
  return issue{next_number, {at(next_number), std::chrono::minutes(540)}};
}

}  // namespace

TEST_CASE("a receipt is issued at most once, voided at most once, and replay equals live") {
  CHECK(rc::check([] {
    receipt live;
    std::vector<event> journal;
    const auto commands = *rc::gen::inRange<std::uint64_t>(0, 12);
    for (std::uint64_t i = 1; i <= commands; ++i) {
      const auto wish = random_command(i);
      const auto decided = decide(live, wish, at(i));
      for (const auto& fact : decided.events) {
        live = evolve(std::move(live), fact);
        journal.push_back(fact);
      }
      const auto again = decide(live, wish, at(i));
      RC_ASSERT(again.events.empty());
      RC_ASSERT(again.refused == decided.refused);
    }
    receipt replayed;
    for (const auto& fact : journal) replayed = evolve(std::move(replayed), fact);
    RC_ASSERT(replayed == live);
    RC_ASSERT(live.version == journal.size());

    const auto issues = std::count_if(journal.begin(), journal.end(),
                                      [](const event& fact) { return std::holds_alternative<issued>(fact); });
    RC_ASSERT(issues <= 1);
    RC_ASSERT(journal.size() - static_cast<std::size_t>(issues) <= 1);
    RC_ASSERT((live.number != 0) == (issues == 1));
    if (!journal.empty() && std::holds_alternative<voided>(journal.front())) RC_ASSERT(journal.size() == 1);
  }));
}

TEST_CASE("a book that hands out its next number where one is used stays gapless") {
  CHECK(rc::check([] {
    std::map<int, receipt> book;
    std::vector<std::uint64_t> numbers;
    const auto commands = *rc::gen::inRange(0, 40);
    for (int i = 0; i < commands; ++i) {
      auto& one = book[*rc::gen::inRange(0, 8)];
      for (const auto& fact : decide(one, random_command(numbers.size() + 1), at(1)).events) {
        if (const auto* used = std::get_if<issued>(&fact)) numbers.push_back(used->number);
        one = evolve(std::move(one), fact);
      }
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) RC_ASSERT(numbers[i] == i + 1);
  }));
}
