#include "storage/view_format.hpp"

#include <cassert>

#include "storage/big_endian.hpp"

namespace holdfast::storage {
namespace {

/// Raise it with every change of the bytes in this file or of an adapter's keys.
constexpr std::string_view format_version = "4";

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

constexpr std::size_t id_offset = 8;
constexpr std::size_t user_offset = 16;
constexpr std::size_t created_offset = 24;
constexpr std::size_t paid_offset = 32;

/// Numbers in the order of their times.
std::uint64_t ordered(domain::timestamp at) {
  return static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ sign_bit;
}

domain::timestamp get_time(std::string_view bytes) {
  return domain::timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(get_u64(bytes) ^ sign_bit)));
}

}  // namespace

void put_u64(std::string& to, std::uint64_t value) {
  char bytes[sizeof(value)];
  to.append(bytes, big_endian::put(bytes, value));
}

std::uint64_t get_u64(std::string_view bytes) {
  assert(bytes.size() >= 8);
  std::uint64_t value = 0;
  big_endian::take(bytes, value);
  return value;
}

row_header header_of(const view_row& row) {
  return {row.version, row.id, row.user_id, row.created_at, row.paid_at};
}

std::string encode_row(const view_row& row) {
  std::string bytes;
  bytes.reserve(row_header_bytes + row.records.size());
  put_u64(bytes, row.version);
  put_u64(bytes, row.id);
  put_u64(bytes, row.user_id);
  put_u64(bytes, ordered(row.created_at));
  bytes.push_back(row.paid_at ? '\1' : '\0');
  put_u64(bytes, ordered(row.paid_at.value_or(domain::timestamp{})));
  return bytes += row.records;
}

std::optional<row_header> decode_header(std::string_view row) {
  if (row.size() < row_header_bytes) {
    return std::nullopt;
  }
  row_header header;
  header.version = get_u64(row);
  header.id = get_u64(row.substr(id_offset));
  header.user_id = get_u64(row.substr(user_offset));
  header.created_at = get_time(row.substr(created_offset));
  if (row[paid_offset] != '\0') {
    header.paid_at = get_time(row.substr(paid_offset + 1));
  }
  return header;
}

std::optional<stored_row> decode_row(std::string_view row) {
  const auto there = row_in(row);
  if (!there) {
    return std::nullopt;
  }
  return stored_row{there->id, there->version, std::string(there->records)};
}

std::optional<listed_row> row_in(std::string_view row) {
  if (row.size() < row_header_bytes) {
    return std::nullopt;
  }
  return listed_row{get_u64(row.substr(id_offset)), get_u64(row), row.substr(row_header_bytes)};
}

std::optional<view_cursor> place_of(const row_header& row, view_collection collection) {
  if (collection != view_collection::receipts) {
    return view_cursor{row.created_at, row.id};
  }
  if (!row.paid_at) {
    return std::nullopt;
  }
  return view_cursor{*row.paid_at, row.id};
}

char* put_place(char* to, view_cursor place) {
  return big_endian::put(big_endian::put(to, ordered(place.at)), place.id);
}

std::string encode_place(view_cursor place) {
  std::string bytes(place_bytes, '\0');
  put_place(bytes.data(), place);
  return bytes;
}

view_cursor decode_place(std::string_view bytes) {
  assert(bytes.size() == place_bytes);
  return {get_time(bytes), get_u64(bytes.substr(8))};
}

std::string stamp_of(std::string_view store_id) {
  return std::string(format_version) + ':' + std::string(store_id);
}

}  // namespace holdfast::storage
