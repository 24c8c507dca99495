#include "http/rfc3339.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string_view>

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

/// What stands before the milliseconds.
struct second_text {
  std::chrono::sys_seconds second = std::chrono::sys_seconds::min();
  std::array<char, std::string_view("2026-11-22T06:30:00.").size()> text{};
};

second_text text_of(std::chrono::sys_seconds second) {
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date{day};
  const auto seconds = static_cast<unsigned>((second - day).count());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  second_text result{second, {}};
  char* to = result.text.data();
  to = put_two(to, year / 100);
  to = put_two(to, year);
  to = put(to, '-');
  to = put_two(to, static_cast<unsigned>(date.month()));
  to = put(to, '-');
  to = put_two(to, static_cast<unsigned>(date.day()));
  to = put(to, 'T');
  to = put_two(to, seconds / 3'600);
  to = put(to, ':');
  to = put_two(to, seconds / 60 % 60);
  to = put(to, ':');
  to = put_two(to, seconds % 60);
  put(to, '.');
  return result;
}

/// Up to the milliseconds; where that ends. `last` is the second of the date before: the dates of a document,
/// and of a list, lie close together.
char* put_local(char* to, domain::timestamp local, second_text& last) {
  const auto second = std::chrono::floor<std::chrono::seconds>(local);
  if (second != last.second) last = text_of(second);
  to = std::copy(last.text.begin(), last.text.end(), to);
  const auto milliseconds = static_cast<unsigned>((local - second).count());
  to = put_two(to, milliseconds / 10);
  return put(to, static_cast<char>('0' + milliseconds % 10));
}

}  // namespace

date_text<24> rfc3339_text(domain::timestamp at) {
  thread_local second_text last;
  date_text<24> text;
  put(put_local(text.data(), at, last), 'Z');
  return text;
}

date_text<29> rfc3339_text(const domain::zoned_timestamp& at) {
  // Of its own: deliveries are weeks ahead.
  thread_local second_text last;
  date_text<29> text;
  char* to = put_local(text.data(), at.at + at.utc_offset, last);
  const auto minutes = at.utc_offset.count();
  to = put(to, minutes < 0 ? '-' : '+');
  const auto distance = static_cast<unsigned>(std::abs(minutes));
  to = put_two(to, distance / 60);
  to = put(to, ':');
  put_two(to, distance % 60);
  return text;
}

}  // namespace holdfast::http
