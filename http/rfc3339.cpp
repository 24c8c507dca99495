#include "http/rfc3339.hpp"

#include <chrono>
#include <cstdlib>

namespace holdfast::http {

rfc3339_text::rfc3339_text(domain::timestamp at) {
  put_local(at);
  put('Z');
}

rfc3339_text::rfc3339_text(const domain::zoned_timestamp& at) {
  put_local(at.at + at.utc_offset);
  const auto minutes = at.utc_offset.count();
  put(minutes < 0 ? '-' : '+');
  const auto distance = static_cast<unsigned>(std::abs(minutes));
  put(distance / 60, 2);
  put(':');
  put(distance % 60, 2);
}

void rfc3339_text::put(unsigned number, int digits) {
  for (int i = digits; i-- > 0; number /= 10) {
    bytes_[size_ + static_cast<std::size_t>(i)] = static_cast<char>('0' + number % 10);
  }
  size_ += static_cast<std::size_t>(digits);
}

void rfc3339_text::put_local(domain::timestamp local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date{day};
  const auto milliseconds = static_cast<unsigned>((local - day).count());
  put(static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put('-');
  put(static_cast<unsigned>(date.month()), 2);
  put('-');
  put(static_cast<unsigned>(date.day()), 2);
  put('T');
  put(milliseconds / 3'600'000, 2);
  put(':');
  put(milliseconds / 60'000 % 60, 2);
  put(':');
  put(milliseconds / 1'000 % 60, 2);
  put('.');
  put(milliseconds % 1'000, 3);
}

}  // namespace holdfast::http
