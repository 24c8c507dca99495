#include "domain/card.hpp"

#include <cstring>
#include <utility>

namespace holdfast::domain {

secret::secret(std::string&& value) : value_(std::move(value)) {
  if (is_short(value_)) overwrite(value);
  // One that was cleared may have brought what it held before.
  if (value_.empty()) overwrite(value_);
}

secret& secret::operator=(const secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    wipe();
    take(other);
  }
  return *this;
}

void secret::overwrite(std::string& bytes) noexcept {
  // Grown to its capacity first, so that no digit stays behind the end. The empty statement might
  // read the bytes, for all that the compiler knows, so it can't leave out the stores.
  bytes.resize(bytes.capacity());
  std::memset(bytes.data(), 0, bytes.size());
  asm volatile("" : : "r"(bytes.data()) : "memory");
  bytes.clear();
}

std::optional<secret> parse_card_number(std::string_view text) {
  std::string digits(longest_card_digits, '0');
  char* to = digits.data();
  const char* const end = to + digits.size();
  bool well_formed = true;
  for (char c : text) {
    if (c == '-' || c == ' ') continue;
    well_formed = c >= '0' && c <= '9' && to != end;
    if (!well_formed) break;
    *to++ = c;
  }
  digits.resize(static_cast<std::size_t>(to - digits.data()));
  secret number(std::move(digits));
  if (!well_formed || number.reveal().size() < shortest_card_digits) return std::nullopt;
  return number;
}

bool may_contain_card_number(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-' || c == ' ') continue;
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits == shortest_card_digits) return true;
  }
  return false;
}

std::string last_four_digits(const secret& card_number) {
  const auto& digits = card_number.reveal();
  return digits.size() < 4 ? std::string{} : digits.substr(digits.size() - 4);
}

}  // namespace holdfast::domain
