// What the operators' commands print of what customers wrote.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <cstdio>
#include <memory>
#include <string>

#include "record_printer.hpp"

namespace holdfast::testing {
namespace {

/// One record with this name, as it is printed.
std::string printed(output_format format, const std::string& name) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  rapidjson::Document record;
  record.SetObject();
  record.AddMember("name", rapidjson::Value(name.data(), static_cast<rapidjson::SizeType>(name.size())),
                   record.GetAllocator());
  record.AddMember("price", -5, record.GetAllocator());
  record_printer out(format, {{"name", "/name"}, {"price", "/price"}}, file.get());
  out.add(record);
  out.end();
  std::string text(static_cast<std::size_t>(std::ftell(file.get())), '\0');
  std::rewind(file.get());
  REQUIRE(std::fread(text.data(), 1, text.size(), file.get()) == text.size());
  return text;
}

TEST_CASE("a spreadsheet gets no formula of a customer's, and numbers as they are") {
  for (const std::string formula : {"=1+1", "+A1", "-A1", "@SUM(A1)"}) {
    CHECK(printed(output_format::csv, formula) == "name,price\r\n'" + formula + ",-5\r\n");
  }
  CHECK(printed(output_format::csv, "=\"a\",b") == "name,price\r\n\"'=\"\"a\"\",b\",-5\r\n");
  CHECK(printed(output_format::csv, "fold") == "name,price\r\nfold,-5\r\n");
}

TEST_CASE("a terminal gets no control characters of a customer's") {
  CHECK(printed(output_format::table, "a\x1b]52;c\x07\n257\x7f") ==
        "name           price\na?]52;c??257?  -5\n");
  // CSI as one character of C1, and a letter that begins with the same byte.
  CHECK(printed(output_format::table,
                "\xC2\x9B"
                "2J \xC2\xA3") == "name   price\n?2J \xC2\xA3  -5\n");
}

}  // namespace
}  // namespace holdfast::testing
