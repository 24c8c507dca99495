#include "logging.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace holdfast {
namespace {

TEST_CASE("a message of any bytes fits inside a JSON string") {
  struct row {
    std::string text;
    std::string escaped;
  };
  const std::string replaced = "\xEF\xBF\xBD";
  const std::vector<row> table{
      {"", ""},
      {"plain", "plain"},
      {"say \"hi\" \\ bye", R"(say \"hi\" \\ bye)"},
      {"a\nb\rc\td", R"(a\nb\rc\td)"},
      {std::string("\0\x01\x1f\x7f", 4), "\\u0000\\u0001\\u001f\x7f"},
      {"서울 \xF0\x9F\x93\xB1", "서울 \xF0\x9F\x93\xB1"},
      // Not UTF-8: a lone continuation, a cut sequence, overlong forms, a surrogate, beyond U+10FFFF.
      {"\x80", replaced},
      {"\xEC\x84", replaced + replaced},
      {"\xC0\xAF", replaced + replaced},
      {"\xE0\x80\x80", replaced + replaced + replaced},
      {"\xED\xA0\x80", replaced + replaced + replaced},
      {"\xF4\x90\x80\x80", replaced + replaced + replaced + replaced},
      {"\xFFz", replaced + "z"},
  };
  for (const row& each : table) {
    CAPTURE(each.escaped);
    CHECK(escape_json(each.text) == each.escaped);
  }
}

}  // namespace
}  // namespace holdfast
