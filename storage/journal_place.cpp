#include "storage/journal_place.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "storage/base64url.hpp"
#include "storage/big_endian.hpp"

namespace holdfast::storage {

namespace {

/// Check sum, smallest position and width.
constexpr std::size_t place_head_bytes = sizeof(std::uint32_t) + sizeof(position) + sizeof(std::uint8_t);
constexpr unsigned widest_difference_bits = 64;

constexpr std::size_t bytes_with_width(unsigned width) {
  return place_head_bytes + width * shard_count / 8;
}
static_assert((bytes_with_width(widest_difference_bits) * 4 + 2) / 3 <= largest_place_text_bytes);

/// FNV-1a of both, folded to 32 bits.
std::uint32_t check_sum(std::string_view store_id, std::string_view place) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const auto part : {store_id, place}) {
    for (const char byte : part) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
  }
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
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
  const auto width = static_cast<std::uint8_t>(std::bit_width(*most - *least));
  auto body = big_endian::put_all(*least, width);
  body.reserve(bytes_with_width(width));
  bit_writer differences(body);
  for (const auto at : place) differences.put(at - *least, width);
  return to_base64url(big_endian::put_all(check_sum(store_id, body)).append(body));
}

std::optional<journal_place> journal_place_of(std::string_view text, std::string_view store_id) {
  if (text.size() > largest_place_text_bytes) return std::nullopt;
  const auto bytes = from_base64url(text);
  if (!bytes) return std::nullopt;
  std::string_view rest = *bytes;
  std::uint32_t sum = 0;
  if (!big_endian::take_all(rest, sum) || sum != check_sum(store_id, rest)) return std::nullopt;
  position least = 0;
  std::uint8_t width = 0;
  if (!big_endian::take_all(rest, least, width)) return std::nullopt;
  if (width > widest_difference_bits || bytes->size() != bytes_with_width(width)) return std::nullopt;
  bit_reader differences(rest);
  journal_place place;
  place.reserve(shard_count);
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    place.push_back(least + differences.take(width));
    if (place.back() < least) return std::nullopt;
  }
  return place;
}

}  // namespace holdfast::storage
