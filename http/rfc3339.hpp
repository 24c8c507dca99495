// Dates as RFC 3339 writes them, with milliseconds. Pure, and without an allocation.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "domain/types.hpp"

namespace holdfast::http {

template <std::size_t length>
class date_text {
 public:
  std::string_view view() const { return {bytes_.data(), length}; }
  char* data() { return bytes_.data(); }

 private:
  std::array<char, length> bytes_;
};

/// In UTC: "2026-11-22T15:30:00.123Z".
date_text<24> rfc3339_text(domain::timestamp at);
/// As clocks showed it there: "2026-11-23T00:30:00.123+09:00".
date_text<29> rfc3339_text(const domain::zoned_timestamp& at);

}  // namespace holdfast::http
