// The process's log: one line for each message on standard error, readable text for people or
// JSON for machines. No card number may ever be passed to it.
// Threading: start and stop from the main thread; spdlog's default logger is thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

enum class log_level : std::uint8_t { trace, debug, info, warn, error, off };
enum class log_format : std::uint8_t { text, json };

/// Makes spdlog's default logger write to standard error in this format from this level on.
void start_logging(log_level level, log_format format);

/// Writes out what is buffered.
void flush_logging();

/// Text for a person on a terminal, JSON where something collects standard error.
log_format default_log_format();

/// The inside of a JSON string (RFC 8259): quotes, backslashes and control characters escaped,
/// bytes that are no UTF-8 replaced by U+FFFD.
std::string escape_json(std::string_view text);

}  // namespace holdfast
