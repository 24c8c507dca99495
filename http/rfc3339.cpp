#include "http/rfc3339.hpp"

#include <chrono>
#include <cstdlib>

namespace holdfast::http {

namespace {

char* put(char* to, char c) {
  *to = c;
  return to + 1;
}

/// The last two digits.
char* put_two(char* to, unsigned number) {
  to[0] = static_cast<char>('0' + number / 10 % 10);
  to[1] = static_cast<char>('0' + number % 10);
  return to + 2;
}

}  // namespace

rfc3339_text::rfc3339_text(domain::timestamp at) {
  const char* end = put(put_local(at), 'Z');
  size_ = static_cast<std::size_t>(end - bytes_.data());
}

rfc3339_text::rfc3339_text(const domain::zoned_timestamp& at) {
  char* to = put_local(at.at + at.utc_offset);
  const auto minutes = at.utc_offset.count();
  to = put(to, minutes < 0 ? '-' : '+');
  const auto distance = static_cast<unsigned>(std::abs(minutes));
  to = put_two(to, distance / 60);
  to = put(to, ':');
  to = put_two(to, distance % 60);
  size_ = static_cast<std::size_t>(to - bytes_.data());
}

char* rfc3339_text::put_local(domain::timestamp local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date{day};
  const auto milliseconds = static_cast<unsigned>((local - day).count());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  char* to = bytes_.data();
  to = put_two(to, year / 100);
  to = put_two(to, year);
  to = put(to, '-');
  to = put_two(to, static_cast<unsigned>(date.month()));
  to = put(to, '-');
  to = put_two(to, static_cast<unsigned>(date.day()));
  to = put(to, 'T');
  to = put_two(to, milliseconds / 3'600'000);
  to = put(to, ':');
  to = put_two(to, milliseconds / 60'000 % 60);
  to = put(to, ':');
  to = put_two(to, milliseconds / 1'000 % 60);
  to = put(to, '.');
  to = put_two(to, milliseconds / 10 % 100);
  return put(to, static_cast<char>('0' + milliseconds % 10));
}

}  // namespace holdfast::http
