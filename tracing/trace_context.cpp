#include "tracing/trace_context.hpp"

#include <optional>
#include <random>

namespace holdfast::tracing {

namespace {

constexpr std::size_t traceparent_length = 55;
/// Sampled; others have to be zero.
constexpr std::uint8_t known_flags = 1;

/// Lower case only.
std::optional<std::uint64_t> read_hex(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && !(c >= 'a' && c <= 'f')) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return value;
}

void append_hex(std::string& to, std::uint64_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) to += "0123456789abcdef"[value >> shift & 15];
}

}  // namespace

trace_context parse_traceparent(std::string_view header) {
  if (header.size() < traceparent_length) return {};
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  const auto version = read_hex(header.substr(0, 2));
  const auto high = read_hex(header.substr(3, 16));
  const auto low = read_hex(header.substr(19, 16));
  const auto span = read_hex(header.substr(36, 16));
  const auto flags = read_hex(header.substr(53, 2));
  if (!version || !high || !low || !span || !flags) return {};
  if (*version == 0xff || (*high | *low) == 0 || *span == 0) return {};
  const auto more = header.substr(traceparent_length);
  if (!more.empty() && (*version == 0 || more.front() != '-')) return {};
  return {*high, *low, *span, static_cast<std::uint8_t>(*flags & known_flags)};
}

std::string to_traceparent(const trace_context& context) {
  std::string text;
  if (!context.present()) return text;
  text.reserve(traceparent_length);
  text += "00-";
  append_hex(text, context.trace_high, 16);
  append_hex(text, context.trace_low, 16);
  text += '-';
  append_hex(text, context.span_id, 16);
  text += '-';
  append_hex(text, context.flags, 2);
  return text;
}

std::string trace_id_text(const trace_context& context) {
  std::string text;
  append_hex(text, context.trace_high, 16);
  append_hex(text, context.trace_low, 16);
  return text;
}

std::string span_id_text(std::uint64_t id) {
  std::string text;
  append_hex(text, id, 16);
  return text;
}

std::uint64_t random_id() {
  thread_local std::mt19937_64 generator{[] {
    std::random_device entropy;
    std::seed_seq seed{entropy(), entropy(), entropy(), entropy()};
    return std::mt19937_64{seed};
  }()};
  for (;;) {
    if (const std::uint64_t id = generator(); id != 0) return id;
  }
}

trace_context begin_trace() {
  return {random_id(), random_id(), 0, known_flags};
}

}  // namespace holdfast::tracing
