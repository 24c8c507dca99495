#include "storage/journal_batch.hpp"

#include <utility>

namespace holdfast::storage {
namespace {

using row_family = std::uint8_t;
using key_length = std::uint16_t;
using value_length = std::uint32_t;
using batch_number = std::uint64_t;

}  // namespace

void batch_builder::put(family in, std::string_view key, std::string_view head, std::string_view rest) {
  if (bytes_.empty()) bytes_.resize(sizeof(batch_number));
  const auto at = bytes_.size();
  bytes_.resize(at + sizeof(row_family) + sizeof(key_length) + sizeof(value_length));
  char* to = bytes_.data() + at;
  to = big_endian::put(to, static_cast<row_family>(in));
  to = big_endian::put(to, static_cast<key_length>(key.size()));
  big_endian::put(to, static_cast<value_length>(head.size() + rest.size()));
  bytes_.append(key).append(head).append(rest);
}

std::string batch_builder::finish(std::uint64_t number) {
  big_endian::put(bytes_.data(), number);
  return std::exchange(bytes_, {});
}

std::optional<std::uint64_t> take_number(std::string_view& batch) {
  batch_number number = 0;
  return big_endian::take_all(batch, number) ? std::optional{number} : std::nullopt;
}

std::optional<batch_row> take_row(std::string_view& batch) {
  row_family in = 0;
  key_length key = 0;
  value_length value = 0;
  const bool whole = big_endian::take_all(batch, in, key, value) &&
                     key + std::size_t{value} <= batch.size() &&
                     in <= static_cast<row_family>(family::unfinished);
  if (!whole) return std::nullopt;
  const batch_row row{static_cast<family>(in), batch.substr(0, key), batch.substr(key, value)};
  batch.remove_prefix(key + value);
  return row;
}

}  // namespace holdfast::storage
