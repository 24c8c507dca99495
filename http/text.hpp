// Putting text together out of pieces: its length is known before the first byte is copied. Pure functions.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::http {

// Inlined, so that the lengths of literals are known.

/// Each where the one before it ends; where the last one ends.
template <std::convertible_to<std::string_view>... Pieces>
[[gnu::always_inline]] inline char* copy_to(char* to, const Pieces&... pieces) {
  const auto copy = [&to](std::string_view piece) { to = std::copy(piece.begin(), piece.end(), to); };
  (copy(pieces), ...);
  return to;
}

template <std::convertible_to<std::string_view>... Pieces>
[[gnu::always_inline]] inline std::size_t size_of(const Pieces&... pieces) {
  return (std::string_view(pieces).size() + ... + 0);
}

template <std::convertible_to<std::string_view>... Pieces>
[[gnu::always_inline]] inline void append(std::string& out, const Pieces&... pieces) {
  const auto before = out.size();
  out.resize(before + size_of(pieces...));
  copy_to(out.data() + before, pieces...);
}

template <std::convertible_to<std::string_view>... Pieces>
[[gnu::always_inline]] inline std::string joined(const Pieces&... pieces) {
  std::string text(size_of(pieces...), '\0');
  copy_to(text.data(), pieces...);
  return text;
}

/// A number's digits.
class decimal {
 public:
  explicit decimal(std::uint64_t number)
      : end_(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr) {}
  decimal(const decimal&) = delete;
  decimal& operator=(const decimal&) = delete;

  std::string_view view() const { return {digits_.data(), end_}; }

 private:
  std::array<char, 20> digits_;
  const char* end_;
};

}  // namespace holdfast::http
