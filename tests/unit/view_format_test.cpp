#include "storage/view_format.hpp"

#include <doctest/doctest.h>

using namespace holdfast::storage;
using holdfast::domain::timestamp;
using std::chrono::milliseconds;

TEST_CASE("a row comes back from its bytes") {
  const view_row row{
      257, 3, std::string("\0x\xff", 3), 9, timestamp(milliseconds(-5)), timestamp(milliseconds(7))};
  const auto bytes = encode_row(row);
  CHECK(decode_header(bytes) == header_of(row));
  const auto stored = decode_row(bytes);
  REQUIRE(stored.has_value());
  CHECK(stored->id == 257);
  CHECK(stored->version == 3);
  CHECK(stored->records == row.records);
}

TEST_CASE("bytes that are too short are no row") {
  const auto bytes = encode_row({});
  CHECK(bytes.size() == row_header_bytes);
  CHECK(decode_row(bytes).has_value());
  CHECK(!decode_row(bytes.substr(1)).has_value());
  CHECK(!decode_row("").has_value());
}

TEST_CASE("the bytes of places are ordered as the places are") {
  const view_cursor ascending[] = {
      {timestamp(milliseconds(-2)), 9},  {timestamp(milliseconds(-1)), 1},
      {timestamp(milliseconds(0)), 0},   {timestamp(milliseconds(0)), 255},
      {timestamp(milliseconds(0)), 256}, {timestamp(milliseconds(1'700'000'000'000)), 1}};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    CHECK(decode_place(encode_place(ascending[i])) == ascending[i]);
    if (i > 0) {
      CHECK(encode_place(ascending[i - 1]) < encode_place(ascending[i]));
    }
  }
}

TEST_CASE("only what was paid has a place among the receipts") {
  row_header row;
  row.id = 4;
  row.created_at = timestamp(milliseconds(1));
  CHECK(!place_of(row, view_collection::receipts));
  row.paid_at = timestamp(milliseconds(2));
  CHECK(place_of(row, view_collection::receipts) == view_cursor{timestamp(milliseconds(2)), 4});
  CHECK(place_of(row, view_collection::of_user) == view_cursor{timestamp(milliseconds(1)), 4});
}
