// Where something stands in a trace: W3C Trace Context, Level 1 (www.w3.org/TR/trace-context-1). What a
// request brought in its header `traceparent` goes along as this value. Plain values and pure functions, but
// for the random ids: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::tracing {

struct trace_context {
  /// 16 bytes; zero where there is no trace.
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  /// The span that whatever follows is part of; zero where a trace begins.
  std::uint64_t span_id = 0;
  std::uint8_t flags = 0;

  bool present() const { return (trace_high | trace_low) != 0; }
  /// Whether its spans are wanted.
  bool sampled() const { return present() && (flags & 1) != 0; }
  bool operator==(const trace_context&) const = default;
};

/// No trace where the header is not a valid one. Of versions that are not known yet the first 55 characters
/// count, as the recommendation has it.
trace_context parse_traceparent(std::string_view header);

/// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"; empty where there is no trace.
std::string to_traceparent(const trace_context& context);

/// 32 and 16 lower-case hexadecimal digits.
std::string trace_id_text(const trace_context& context);
std::string span_id_text(std::uint64_t id);

/// Unique, not secret; never zero.
std::uint64_t random_id();

/// A trace that begins here, without a span yet.
trace_context begin_trace();

}  // namespace holdfast::tracing
