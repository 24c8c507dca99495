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
  put_two(distance / 60);
  put(':');
  put_two(distance % 60);
}

void rfc3339_text::put_two(unsigned number) {
  put(static_cast<char>('0' + number / 10 % 10));
  put(static_cast<char>('0' + number % 10));
}

void rfc3339_text::put_local(domain::timestamp local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date{day};
  const auto milliseconds = static_cast<unsigned>((local - day).count());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  put_two(year / 100);
  put_two(year);
  put('-');
  put_two(static_cast<unsigned>(date.month()));
  put('-');
  put_two(static_cast<unsigned>(date.day()));
  put('T');
  put_two(milliseconds / 3'600'000);
  put(':');
  put_two(milliseconds / 60'000 % 60);
  put(':');
  put_two(milliseconds / 1'000 % 60);
  put('.');
  put_two(milliseconds / 10 % 100);
  put(static_cast<char>('0' + milliseconds % 10));
}

}  // namespace holdfast::http
