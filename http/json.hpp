// Writing JSON, into a buffer that each thread keeps, so that a body costs one allocation, its own.
//
// RapidJSON's writer looks at every character and puts each into its stream by itself, which was a third
// of the instructions of a read. Most of what is written here are names, dates and links in which nothing
// has to be escaped: they are copied.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "http/text.hpp"

namespace holdfast::http {

/// What a writer's buffer may keep between two bodies, in bytes.
inline constexpr std::size_t largest_kept_buffer_bytes = 256 * 1024;

/// Puts the commas; that values, names and ends come in an order that makes a document is the caller's.
/// A value; not thread-safe.
class json_writer {
 public:
  std::string_view text() const { return {bytes_.get(), size_}; }
  void clear() {
    if (capacity_ > largest_kept_buffer_bytes) *this = json_writer();
    size_ = 0;
    comma_ = false;
  }

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }

  // Inlined, so that the lengths of names are known.

  /// Of a member; has nothing that has to be escaped.
  [[gnu::always_inline]] void name(std::string_view name) {
    end_at(copy_to(separate(room(name.size() + 4)), "\"", name, "\":"));
    comma_ = false;
  }
  /// A member whose name and text, in pieces, have nothing that has to be escaped.
  template <std::convertible_to<std::string_view>... Pieces>
  [[gnu::always_inline]] void plain_member(std::string_view name, const Pieces&... pieces) {
    char* const to = separate(room(name.size() + size_of(pieces...) + 6));
    end_at(copy_to(to, "\"", name, "\":\"", pieces..., "\""));
  }
  [[gnu::always_inline]] void null_member(std::string_view name) {
    end_at(copy_to(separate(room(name.size() + 8)), "\"", name, "\":null"));
  }

  /// Any text in UTF-8, in pieces.
  template <std::convertible_to<std::string_view>... Pieces>
  void string(const Pieces&... pieces) {
    char* to = separate(room(longest_escape_bytes * size_of(pieces...) + 3));
    *to++ = '"';
    ((to = copy_escaped(to, pieces)), ...);
    *to++ = '"';
    end_at(to);
  }

  /// Text, in pieces, that has nothing that has to be escaped.
  template <std::convertible_to<std::string_view>... Pieces>
  void plain_string(const Pieces&... pieces) {
    end_at(copy_to(separate(room(size_of(pieces...) + 3)), "\"", pieces..., "\""));
  }

  /// What is JSON already, in pieces: a value.
  template <std::convertible_to<std::string_view>... Pieces>
  void verbatim(const Pieces&... pieces) {
    end_at(copy_to(separate(room(size_of(pieces...) + 1)), pieces...));
  }

  void number(std::uint64_t number) { write_number(number); }
  void number(std::int64_t number) { write_number(number); }
  /// Finite. Has a fraction, or an exponent, always, so that whoever reads it takes it for what it is.
  void number(double number) {
    const auto before = size_;
    write_number(number);
    if (text().substr(before).find_first_of(".e") != std::string_view::npos) return;
    end_at(copy_to(room(2), ".0"));
  }
  void boolean(bool value) { value ? verbatim("true") : verbatim("false"); }
  void null() { verbatim("null"); }

 private:
  /// "\u001F"
  static constexpr std::size_t longest_escape_bytes = 6;
  /// A double at its longest, and a comma.
  static constexpr std::size_t longest_number_bytes = 32;
  static constexpr std::size_t smallest_buffer_bytes = 4096;

  /// Room behind the text for so many bytes; end_at() says how many of them were used.
  char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) grow(bytes);
    return bytes_.get() + size_;
  }
  void end_at(const char* end) {
    size_ = static_cast<std::size_t>(end - bytes_.get());
    comma_ = true;
  }
  void grow(std::size_t bytes) {
    const auto capacity = std::max({2 * capacity_, size_ + bytes, smallest_buffer_bytes});
    std::unique_ptr<char[]> larger(new char[capacity]);
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  char* separate(char* to) const {
    if (comma_) *to++ = ',';
    return to;
  }
  static char* copy_escaped(char* to, std::string_view text) {
    for (const char character : text) {
      *to++ = character;
      if (escaped[static_cast<unsigned char>(character)]) to = escape(to - 1, character);
    }
    return to;
  }

  void begin(char bracket) {
    char* to = separate(room(2));
    *to++ = bracket;
    end_at(to);
    comma_ = false;
  }
  void end(char bracket) {
    char* to = room(1);
    *to++ = bracket;
    end_at(to);
  }
  template <class Number>
  void write_number(Number number) {
    char* to = separate(room(longest_number_bytes));
    end_at(std::to_chars(to, to + longest_number_bytes - 1, number).ptr);
  }

  /// RFC 8259, section 7.
  static constexpr auto escaped = [] {
    std::array<bool, 256> bytes{};
    std::fill_n(bytes.begin(), 0x20, true);
    bytes['"'] = bytes['\\'] = true;
    return bytes;
  }();
  static char* escape(char* to, char character) {
    const auto byte = static_cast<unsigned char>(character);
    *to++ = '\\';
    if (byte >= 0x20) {
      *to = character;
      return to + 1;
    }
    constexpr std::string_view short_names = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    static_assert(short_names.size() == 0x20);
    *to++ = short_names[byte];
    if (short_names[byte] != 'u') return to;
    return copy_to(to, byte < 0x10 ? "000" : "001", std::string_view(&"0123456789ABCDEF"[byte & 0xf], 1));
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  /// Whether the next value or name stands behind another one.
  bool comma_ = false;
};

namespace json {

// Names have nothing that has to be escaped, and are inlined: see json_writer.

[[gnu::always_inline]] inline void field(json_writer& out, std::string_view name, std::string_view text) {
  out.name(name);
  out.string(text);
}
[[gnu::always_inline]] inline void field(json_writer& out, std::string_view name, std::uint64_t number) {
  out.name(name);
  out.number(number);
}
/// Text that has nothing that has to be escaped.
[[gnu::always_inline]] inline void plain_field(json_writer& out, std::string_view name,
                                               std::string_view text) {
  out.plain_member(name, text);
}
[[gnu::always_inline]] inline void null_field(json_writer& out, std::string_view name) {
  out.null_member(name);
}
/// Null where the text is empty.
[[gnu::always_inline]] inline void field_or_null(json_writer& out, std::string_view name,
                                                 std::string_view text) {
  text.empty() ? null_field(out, name) : field(out, name, text);
}

/// What `write` writes, as text. Not to be nested.
template <class Write>
std::string text_of(Write&& write) {
  thread_local json_writer writer;
  writer.clear();
  write(writer);
  std::string text(writer.text());
  writer.clear();
  return text;
}

}  // namespace json
}  // namespace holdfast::http
