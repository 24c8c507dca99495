#include "http/utf8.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace holdfast::http;

namespace {

/// What stands in the text: it is looked at eight bytes at a time, so its place matters.
bool is_valid_anywhere(std::string_view what, bool expected) {
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t behind = 0; behind < 20; ++behind) {
      // DEL is the last byte that is ASCII, 0x01 the first that is no NUL.
      const std::string text = std::string(before, '\x7f') + std::string(what) +
                               std::string(behind, before % 2 == 0 ? '\x01' : 'a');
      if (is_valid_text(text) != expected) return !expected;
    }
  }
  return expected;
}

}  // namespace

TEST_CASE("well-formed text is valid wherever it stands") {
  for (const char* text :
       {"", "seoul", "\x01", "\x7f", "\xc2\x80", "\xdf\xbf", "서울", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "eight by eight 서울 eight"}) {
    CAPTURE(text);
    CHECK(is_valid_anywhere(text, true));
  }
}

TEST_CASE("a NUL and what is ill-formed are found wherever they stand") {
  using namespace std::string_view_literals;
  for (const auto bytes :
       {"\0"sv, "\0\0\0\0\0\0\0\0"sv, "\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2z"sv,
        "\xff"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv, "\xe2\x82"sv, "\xf0\x8f\xbf\xbf"sv,
        "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xf0\x9f\x98"sv}) {
    CAPTURE(std::string(bytes));
    CHECK_FALSE(is_valid_anywhere(bytes, false));
  }
}
