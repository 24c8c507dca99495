#include "storage/journal_place.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "storage/base64url.hpp"

namespace holdfast::storage {

namespace {

constexpr std::size_t check_sum_bytes = 4;
constexpr std::size_t smallest_position_bytes = 8;
/// Check sum, smallest position and width.
constexpr std::size_t place_head_bytes = check_sum_bytes + smallest_position_bytes + 1;
constexpr unsigned widest_difference_bits = 64;

constexpr std::size_t place_bytes(unsigned width) {
  return place_head_bytes + width * shard_count / 8;
}
static_assert((place_bytes(widest_difference_bits) * 4 + 2) / 3 <= largest_place_text_bytes);

void append_big_endian(std::string& to, std::uint64_t number, std::size_t bytes) {
  for (auto i = bytes; i > 0; --i) to += static_cast<char>(number >> (8 * (i - 1)) & 255);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

/// FNV-1a of both, folded to 32 bits.
std::uint64_t check_sum(std::string_view store_id, std::string_view place) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const auto part : {store_id, place}) {
    for (const char byte : part) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
  }
  return (hash ^ hash >> 32) & 0xffffffff;
}

/// Numbers of a few bits each, one behind the other.
class bit_writer {
 public:
  explicit bit_writer(std::string& to) : to_(to) {}
  void put(std::uint64_t number, unsigned width) {
    if (width > 32) {
      put(number >> 32, width - 32);
      width = 32;
    }
    bits_ = bits_ << width | (number & ((std::uint64_t{1} << width) - 1));
    for (held_ += width; held_ >= 8; held_ -= 8) to_ += static_cast<char>(bits_ >> (held_ - 8) & 255);
  }

 private:
  std::string& to_;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

class bit_reader {
 public:
  explicit bit_reader(std::string_view from) : from_(from) {}
  std::uint64_t take(unsigned width) {
    std::uint64_t number = 0;
    for (; width > 0; --width, ++at_) {
      const auto byte = static_cast<unsigned char>(from_[at_ / 8]);
      number = number << 1 | (byte >> (7 - at_ % 8) & 1);
    }
    return number;
  }

 private:
  std::string_view from_;
  std::size_t at_ = 0;
};

}  // namespace

std::string to_text(const journal_place& place, std::string_view store_id) {
  const auto [least, most] = std::minmax_element(place.begin(), place.end());
  const auto width = static_cast<unsigned>(std::bit_width(*most - *least));
  std::string body;
  body.reserve(place_bytes(width));
  append_big_endian(body, *least, smallest_position_bytes);
  body += static_cast<char>(width);
  bit_writer differences(body);
  for (const auto at : place) differences.put(at - *least, width);
  std::string bytes;
  bytes.reserve(place_bytes(width));
  append_big_endian(bytes, check_sum(store_id, body), check_sum_bytes);
  return to_base64url(bytes.append(body));
}

std::optional<journal_place> journal_place_of(std::string_view text, std::string_view store_id) {
  if (text.size() > largest_place_text_bytes) return std::nullopt;
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() < place_head_bytes) return std::nullopt;
  const auto sum = big_endian(std::string_view(*bytes).substr(0, check_sum_bytes));
  auto body = std::string_view(*bytes).substr(check_sum_bytes);
  if (sum != check_sum(store_id, body)) return std::nullopt;
  const auto least = big_endian(body.substr(0, smallest_position_bytes));
  const unsigned width = static_cast<unsigned char>(body[smallest_position_bytes]);
  if (width > widest_difference_bits || bytes->size() != place_bytes(width)) return std::nullopt;
  bit_reader differences(body.substr(smallest_position_bytes + 1));
  journal_place place;
  place.reserve(shard_count);
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    place.push_back(least + differences.take(width));
    if (place.back() < least) return std::nullopt;
  }
  return place;
}

}  // namespace holdfast::storage
