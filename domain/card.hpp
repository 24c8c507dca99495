// The card number: the one secret that passes through Holdfast. It lives in memory from the
// request to the charge, is wiped when it goes, and can't be printed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::domain {

inline constexpr std::size_t shortest_card_digits = 12;
inline constexpr std::size_t longest_card_digits = 19;

/// A string that overwrites its bytes when it is destroyed, assigned to or moved from. An empty one has
/// none left anywhere, so it goes for nothing: most do.
class secret {
 public:
  secret() = default;
  explicit secret(std::string&& value);
  explicit secret(const std::string& value) : value_(value) {}
  secret(const secret& other) = default;
  secret(secret&& other) noexcept { take(other); }
  secret& operator=(const secret& other);
  secret& operator=(secret&& other) noexcept;
  ~secret() { wipe(); }

  bool empty() const { return value_.empty(); }
  /// The bytes themselves: for the payment provider and for nothing else.
  const std::string& reveal() const { return value_; }
  void wipe() noexcept {
    if (!value_.empty()) overwrite(value_);
  }

 private:
  static void overwrite(std::string& bytes) noexcept;
  /// Such a string is copied, not moved: the one that was moved from still holds its bytes.
  static bool is_short(const std::string& bytes) { return bytes.size() <= std::string().capacity(); }
  /// Into one that is empty.
  void take(secret& other) noexcept {
    if (other.value_.empty()) return;
    const bool copied = is_short(other.value_);
    value_ = std::move(other.value_);
    if (copied) overwrite(other.value_);
  }

  std::string value_;
};

/// The digits of a card number as a customer types it, dashes and spaces left out.
/// Nothing where any other character occurs or the count of digits is not 12 to 19.
/// No Luhn check: the provider is the judge of a number.
std::optional<secret> parse_card_number(std::string_view text);

/// Whether 12 digits or more stand in a row somewhere, dashes and spaces between them left out: text that
/// somebody wrote by hand and that is kept must have none.
bool may_contain_card_number(std::string_view text);

/// The last four digits, the only part of a card number that is ever kept.
std::string last_four_digits(const secret& card_number);

}  // namespace holdfast::domain
