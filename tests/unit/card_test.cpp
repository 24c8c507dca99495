// Card numbers: what parses, and that nothing of one stays behind.
#include "domain/card.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <utility>

using namespace holdfast::domain;

namespace {

/// One of 12 characters or so lies inside the string object, a longer one on the heap.
const std::string digits_inside = "123456789012";
const std::string digits_on_heap = "1234567890123456789";

std::string parsed(std::string_view text) {
  const auto number = parse_card_number(text);
  return number ? number->reveal() : "nothing";
}

bool all_zero(const char* bytes, std::size_t size) {
  return std::all_of(bytes, bytes + size, [](char c) { return c == 0; });
}

}  // namespace

TEST_CASE("a card number is 12 to 19 digits, dashes and spaces left out") {
  struct row {
    const char* text;
    const char* expected;
  };
  const row table[] = {
      {"1234123412341234", "1234123412341234"},
      {"1234-1234-1234-1234", "1234123412341234"},
      {"1234 1234 1234 1234", "1234123412341234"},
      {" -1234--1234 - 12341234- ", "1234123412341234"},
      {"000000000000", "000000000000"},
      {"12345678901", "nothing"},
      {"123456789012", "123456789012"},
      {"1234567890123456789", "1234567890123456789"},
      {"1-2-3-4-5-6-7-8-9-0-1-2-3-4-5-6-7-8-9", "1234567890123456789"},
      {"12345678901234567890", "nothing"},
      {"", "nothing"},
      {"- -", "nothing"},
      {"1234x12341234123", "nothing"},
      {"1234123412341234x", "nothing"},
      {"1234.1234.1234.1234", "nothing"},
      {"+123412341234", "nothing"},
      {"1234\t123412341234", "nothing"},
      {"1234_123412341234", "nothing"},
      {"１２３４１２３４１２３４", "nothing"},
      {"1234–1234–1234–1234", "nothing"},
      {"1234\xa0"
       "123412341234",
       "nothing"},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(parsed(text) == expected);
  }
  CHECK(parsed(std::string_view("123412341234\0", 13)) == "nothing");
  CHECK(parsed(std::string(1'000'000, ' ')) == "nothing");
}

TEST_CASE("the last four digits are all that is kept") {
  CHECK(last_four_digits(*parse_card_number("1234-5678-9012-3456")) == "3456");
  CHECK(last_four_digits(secret("1234")) == "1234");
  CHECK(last_four_digits(secret("123")).empty());
  CHECK(last_four_digits(secret()).empty());
}

TEST_CASE("wiping overwrites every byte") {
  for (const auto& digits : {digits_inside, digits_on_heap}) {
    secret number(digits);
    const char* bytes = number.reveal().data();
    number.wipe();
    CHECK(number.empty());
    CHECK(all_zero(bytes, digits.size()));
  }
}

TEST_CASE("a moved-from secret has nothing left") {
  secret from(digits_inside);
  const char* bytes = from.reveal().data();
  const secret to(std::move(from));
  CHECK(to.reveal() == digits_inside);
  CHECK(all_zero(bytes, digits_inside.size()));

  secret assigned_from(digits_inside);
  bytes = assigned_from.reveal().data();
  secret assigned_to;
  assigned_to = std::move(assigned_from);
  CHECK(assigned_to.reveal() == digits_inside);
  CHECK(all_zero(bytes, digits_inside.size()));
}

TEST_CASE("one made of a string that was cleared has nothing of what that held") {
  std::string cleared = digits_on_heap;
  const char* bytes = cleared.data();
  cleared.clear();
  const secret empty(std::move(cleared));
  CHECK(empty.empty());
  CHECK(all_zero(bytes, digits_on_heap.size()));
}

TEST_CASE("assigning a shorter one leaves nothing of the longer") {
  secret number(digits_on_heap);
  const char* bytes = number.reveal().data();
  const secret shorter("4");
  number = shorter;
  REQUIRE(number.reveal().data() == bytes);
  CHECK(all_zero(bytes + 1, digits_on_heap.size() - 1));
}

TEST_CASE("assigning to itself changes nothing") {
  secret number(digits_inside);
  auto& same = number;
  number = same;
  CHECK(number.reveal() == digits_inside);
  number = std::move(same);
  CHECK(number.reveal() == digits_inside);
}

TEST_CASE("a destroyed secret has nothing left") {
  alignas(secret) unsigned char storage[sizeof(secret)];
  auto* number = new (storage) secret(digits_inside);
  number->~secret();
  const std::string left(reinterpret_cast<const char*>(storage), sizeof storage);
  CHECK(left.find("1234") == std::string::npos);
  CHECK(left.find("9012") == std::string::npos);
}

TEST_CASE("text with 12 digits in a row may hold a card number") {
  CHECK(may_contain_card_number("refund to 1234-1234-1234-1234 please"));
  CHECK(may_contain_card_number("123412341234"));
  CHECK(may_contain_card_number("4000 0000 0000 0002"));
  CHECK_FALSE(may_contain_card_number(""));
  CHECK_FALSE(may_contain_card_number("ticket 12345678901, second line"));
  CHECK_FALSE(may_contain_card_number("1234 and 5678 and 9012 and 3456"));
}
