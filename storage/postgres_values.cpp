#include "storage/postgres_values.hpp"

#include <cassert>
#include <utility>

namespace holdfast::storage {
namespace {

// From PostgreSQL's catalog (pg_type.dat); fixed for good.
constexpr std::uint32_t bytea_oid = 17;
constexpr std::uint32_t bigint_oid = 20;

void add_big_endian(std::string& to, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    to += static_cast<char>(value >> shift & 0xff);
  }
}

/// One dimension, no nulls, counted from 1 (array_recv in PostgreSQL's arrayfuncs.c). None has no dimension.
std::string array_head(std::uint32_t element_oid, std::size_t count) {
  std::string head;
  add_big_endian(head, count == 0 ? 0 : 1, 4);
  add_big_endian(head, 0, 4);
  add_big_endian(head, element_oid, 4);
  if (count > 0) {
    add_big_endian(head, count, 4);
    add_big_endian(head, 1, 4);
  }
  return head;
}

}  // namespace

postgres_values& postgres_values::number(std::uint64_t value) {
  std::string bytes;
  add_big_endian(bytes, value, 8);
  encoded_.push_back(std::move(bytes));
  return *this;
}

postgres_values& postgres_values::bytes(std::string value) {
  encoded_.push_back(std::move(value));
  return *this;
}

postgres_values& postgres_values::numbers(const std::vector<std::uint64_t>& values) {
  auto array = array_head(bigint_oid, values.size());
  for (const auto value : values) {
    add_big_endian(array, 8, 4);
    add_big_endian(array, value, 8);
  }
  encoded_.push_back(std::move(array));
  return *this;
}

postgres_values& postgres_values::byte_strings(const std::vector<std::string_view>& values) {
  auto array = array_head(bytea_oid, values.size());
  for (const auto value : values) {
    add_big_endian(array, value.size(), 4);
    array += value;
  }
  encoded_.push_back(std::move(array));
  return *this;
}

std::uint64_t postgres_rows::number(std::size_t row, int column) const {
  const auto size = PQgetlength(result_.get(), static_cast<int>(row), column);
  assert(size == 8 || size == 0);
  const auto* bytes = PQgetvalue(result_.get(), static_cast<int>(row), column);
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

std::string postgres_rows::bytes(std::size_t row, int column) const {
  const auto size = PQgetlength(result_.get(), static_cast<int>(row), column);
  return {PQgetvalue(result_.get(), static_cast<int>(row), column), static_cast<std::size_t>(size)};
}

}  // namespace holdfast::storage
