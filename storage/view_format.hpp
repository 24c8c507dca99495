// The bytes of a row of the view, the same in every adapter: a header of fixed width with what
// the collections are ordered by, and behind it the records as they came. All integers are big
// endian and times have their sign bit flipped, so that byte order is numeric order.
//
//     version u64 | id u64 | user u64 | created_at i64 | paid u8 | paid_at i64 | records
//
// Pure functions; no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/view.hpp"

namespace holdfast::storage {

inline constexpr std::size_t row_header_bytes = 5 * 8 + 1;
inline constexpr std::uint32_t largest_page_rows = 1'000;
inline constexpr std::uint32_t largest_offset_rows = 10'000;

/// The header of a stored row.
struct row_header {
  std::uint64_t version = 0;
  entity_id id = 0;
  std::uint64_t user_id = 0;
  domain::timestamp created_at{};
  std::optional<domain::timestamp> paid_at;

  bool operator==(const row_header&) const = default;
};

row_header header_of(const view_row& row);
std::string encode_row(const view_row& row);

/// Nothing where the bytes are too short to be a row.
std::optional<row_header> decode_header(std::string_view row);
std::optional<stored_row> decode_row(std::string_view row);
/// The same, with the records where they are.
std::optional<listed_row> row_in(std::string_view row);

/// Where a row stands in a collection. None in the receipts where it was not paid.
std::optional<view_cursor> place_of(const row_header& row, view_collection collection);

/// A place as 16 bytes in the order of (at, id).
std::string encode_place(view_cursor place);
/// The same at `to`; gives the end.
char* put_place(char* to, view_cursor place);
/// `bytes` has 16.
view_cursor decode_place(std::string_view bytes);
inline constexpr std::size_t place_bytes = 16;

void put_u64(std::string& to, std::uint64_t value);
/// `bytes` has at least 8.
std::uint64_t get_u64(std::string_view bytes);

/// What a view notes about whose it is: the journal's store id and the version of this format.
/// A view with another stamp is cleared and built anew.
std::string stamp_of(std::string_view store_id);

}  // namespace holdfast::storage
