// Small helpers for header and query text, which is ASCII. Pure functions, no locale.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace holdfast::http::ascii {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// Looked up in a table: hosts and targets are looked at byte by byte with every request.
class character_set {
 public:
  constexpr explicit character_set(std::string_view some, std::string_view others = {}) {
    for (const char c : some) has_[static_cast<unsigned char>(c)] = true;
    for (const char c : others) has_[static_cast<unsigned char>(c)] = true;
  }

  constexpr bool has(char c) const { return has_[static_cast<unsigned char>(c)]; }
  constexpr bool has_all_of(std::string_view text) const {
    return std::all_of(text.begin(), text.end(), [this](char c) { return has(c); });
  }

 private:
  std::array<bool, 256> has_{};
};

inline constexpr std::string_view alphanumerics =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Without spaces and tabs at both ends.
inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// What stands before the separator and what behind it; all and nothing where there is none.
inline std::pair<std::string_view, std::string_view> split(std::string_view text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

inline bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The value of digits, `ceiling` where it is greater than that; nothing for anything else.
inline std::optional<std::uint64_t> number_up_to(std::string_view digits, std::uint64_t ceiling) {
  if (!all_digits(digits)) return std::nullopt;
  std::uint64_t value = 0;
  const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), value).ec;
  return error == std::errc() ? std::min(value, ceiling) : ceiling;
}

}  // namespace holdfast::http::ascii
