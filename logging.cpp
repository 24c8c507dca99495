#include "logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "tracing/logged_trace.hpp"

namespace holdfast {

namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The length of the well-formed UTF-8 sequence (RFC 3629) that `text` begins with, 0 if none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF5 ? 0 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second >= 0xA0) || (lead == 0xF4 && second >= 0x90);
  return overlong || outside ? 0 : length;
}

void append_control(std::string& out, unsigned char control) {
  constexpr char digits[] = "0123456789abcdef";
  switch (control) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += digits[control >> 4];
      out += digits[control & 15];
  }
}

/// The message as the inside of a JSON string, where the pattern says %*.
class escaped_message final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string escaped = escape_json({message.payload.data(), message.payload.size()});
    out.append(escaped.data(), escaped.data() + escaped.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<escaped_message>();
  }
};

/// The id of the trace that the message is about, between two texts; nothing where there is none. A message
/// is formatted by the thread that logs it.
class trace_id_between final : public spdlog::custom_flag_formatter {
 public:
  trace_id_between(std::string before, std::string behind)
      : before_(std::move(before)), behind_(std::move(behind)) {}

  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto& about = tracing::logged_trace::current();
    if (!about.present()) return;
    const std::string text = before_ + tracing::trace_id_text(about) + behind_;
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<trace_id_between>(before_, behind_);
  }

 private:
  const std::string before_;
  const std::string behind_;
};

std::shared_ptr<spdlog::logger> make_json_logger() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<escaped_message>('*');
  formatter->add_flag<trace_id_between>('~', R"(,"traceId":")", R"(")");
  formatter->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","thread":%t,"message":"%*"%~})");
  auto logger =
      std::make_shared<spdlog::logger>("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::move(formatter));
  return logger;
}

std::shared_ptr<spdlog::logger> make_text_logger() {
  auto logger =
      std::make_shared<spdlog::logger>("holdfast", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<trace_id_between>('~', " trace_id=", "");
  formatter->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v%~");
  logger->set_formatter(std::move(formatter));
  return logger;
}

spdlog::level::level_enum level_of(log_level level) {
  switch (level) {
    case log_level::trace:
      return spdlog::level::trace;
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warn:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
    case log_level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void start_logging(log_level level, log_format format) {
  auto logger = format == log_format::json ? make_json_logger() : make_text_logger();
  logger->set_level(level_of(level));
  spdlog::set_default_logger(std::move(logger));
}

void flush_logging() {
  spdlog::default_logger_raw()->flush();
}

log_format default_log_format() {
  return ::isatty(STDERR_FILENO) == 1 ? log_format::text : log_format::json;
}

std::string escape_json(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char first = text.front();
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out += replacement_character;
    } else if (static_cast<unsigned char>(first) < 0x20) {
      append_control(out, static_cast<unsigned char>(first));
    } else {
      if (first == '"' || first == '\\') out += '\\';
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace holdfast
