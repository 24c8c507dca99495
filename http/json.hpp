// Writing JSON: RapidJSON's writer over a buffer that each thread keeps, so that a body costs one
// allocation, its own.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::http {

using json_writer = rapidjson::Writer<rapidjson::StringBuffer>;

/// What a thread's buffer may keep between two bodies, in bytes.
inline constexpr std::size_t largest_kept_buffer_bytes = 256 * 1024;

namespace json {

inline void key(json_writer& out, std::string_view name) {
  out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}
inline void value(json_writer& out, std::string_view text) {
  out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
inline void field(json_writer& out, std::string_view name, std::string_view text) {
  key(out, name);
  value(out, text);
}
inline void field(json_writer& out, std::string_view name, std::uint64_t number) {
  key(out, name);
  out.Uint64(number);
}
inline void null_field(json_writer& out, std::string_view name) {
  key(out, name);
  out.Null();
}
/// Null where the text is empty.
inline void field_or_null(json_writer& out, std::string_view name, std::string_view text) {
  text.empty() ? null_field(out, name) : field(out, name, text);
}

/// What `write` writes, as text. Not to be nested.
template <class Write>
std::string text_of(Write&& write) {
  thread_local rapidjson::StringBuffer buffer;
  thread_local json_writer writer;
  buffer.Clear();
  writer.Reset(buffer);
  write(writer);
  std::string text(buffer.GetString(), buffer.GetSize());
  if (text.size() > largest_kept_buffer_bytes) {
    buffer.Clear();
    buffer.ShrinkToFit();
  }
  return text;
}

}  // namespace json
}  // namespace holdfast::http
