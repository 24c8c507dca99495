// A command to Redis as it goes over the wire, an array of byte strings: one piece of memory, however many
// arguments it has.
#pragma once

#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace holdfast::storage {

class redis_command {
 public:
  redis_command(std::initializer_list<std::string_view> arguments) {
    for (const auto argument : arguments) add(argument);
  }

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  void add(std::string_view argument) {
    ++count_;
    put_number('$', argument.size());
    bytes_.append(argument);
    bytes_.append("\r\n");
  }

  /// Good until the next argument comes.
  std::string_view wire() {
    const auto body = bytes_.size();
    put_number('*', count_);
    const auto header = bytes_.size() - body;
    bytes_.copy(bytes_.data() + room_for_count - header, header, body);
    bytes_.resize(body);
    return std::string_view(bytes_).substr(room_for_count - header);
  }

 private:
  /// In front, where the number of arguments goes in the end.
  static constexpr std::size_t room_for_count = 24;

  void put_number(char kind, std::size_t number) {
    char text[room_for_count] = {kind};
    char* end = std::to_chars(text + 1, text + sizeof text - 2, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    bytes_.append(text, end);
  }

  std::size_t count_ = 0;
  std::string bytes_ = std::string(room_for_count, '\0');
};

}  // namespace holdfast::storage
