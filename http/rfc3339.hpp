// Dates as RFC 3339 writes them, with milliseconds. Pure, and without an allocation.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "domain/types.hpp"

namespace holdfast::http {

class rfc3339_text {
 public:
  /// In UTC: "2026-11-22T15:30:00.123Z".
  explicit rfc3339_text(domain::timestamp at);
  /// As clocks showed it there: "2026-11-23T00:30:00.123+09:00".
  explicit rfc3339_text(const domain::zoned_timestamp& at);

  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  /// Up to the milliseconds; where that ends.
  char* put_local(domain::timestamp local);

  std::array<char, 32> bytes_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::http
