#include "configuration_settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace holdfast {

namespace {

using std::chrono::milliseconds;
using refusal = std::optional<std::string>;
constexpr std::nullopt_t accepted = std::nullopt;

constexpr milliseconds longest_wait = std::chrono::minutes{1};
constexpr std::uint64_t most_refund_failures = 1000;

value_reader latency_into(payments::sandbox_knobs& knobs) {
  return [&knobs](const std::string& text) -> refusal {
    const auto latency = parse_duration_range(text);
    if (!latency || latency->second > longest_wait) {
      return "give a duration up to 1m or a range of two, such as 0ms or 400ms-620ms";
    }
    knobs.latency_min = latency->first;
    knobs.latency_max = latency->second;
    return accepted;
  };
}

value_reader log_level_into(log_level& into) {
  return [&into](const std::string& text) -> refusal {
    constexpr std::array names{"trace", "debug", "info", "warn", "error", "off"};
    const auto* found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) return "give trace, debug, info, warn, error or off";
    into = static_cast<log_level>(found - names.begin());
    return accepted;
  };
}

value_reader log_format_into(std::optional<log_format>& into) {
  return [&into](const std::string& text) -> refusal {
    if (text != "text" && text != "json") return "give text or json";
    into = text == "text" ? log_format::text : log_format::json;
    return accepted;
  };
}

}  // namespace

std::string variable_of(const std::string& setting_name) {
  std::string variable = "HOLDFAST_" + setting_name;
  std::transform(variable.begin(), variable.end(), variable.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return variable;
}

std::vector<std::string> names_of(const std::vector<setting>& settings) {
  std::vector<std::string> names;
  for (const setting& each : settings) names.push_back(each.name);
  return names;
}

value_reader address_into(socket_address& into) {
  return [&into](const std::string& text) -> refusal {
    const auto address = parse_socket_address(text);
    if (!address) return "give an IP address and a port, such as 127.0.0.1:8088 or [::1]:8088";
    into = *address;
    return accepted;
  };
}

value_reader path_into(std::string& into, const std::string& what) {
  return [&into, what](const std::string& text) -> refusal {
    if (text.empty() || text.find('\0') != std::string::npos) return "give the path of " + what;
    into = text;
    return accepted;
  };
}

value_reader folder_into(std::string& into) {
  return path_into(into, "a folder");
}

value_reader file_into(std::string& into, const std::string& what) {
  return [&into, what](const std::string& text) -> refusal {
    if (text.empty() || text.find('\0') != std::string::npos) return "give none, or the path of " + what;
    into = text == "none" ? "" : text;
    return accepted;
  };
}

value_reader duration_into(milliseconds& into, milliseconds least, milliseconds most,
                           const std::string& what_is_accepted) {
  return [&into, least, most, what_is_accepted](const std::string& text) -> refusal {
    const auto given = parse_duration(text);
    if (!given || *given < least || *given > most) return what_is_accepted;
    into = *given;
    return accepted;
  };
}

value_reader wait_into(milliseconds& into) {
  return duration_into(into, milliseconds{1}, longest_wait,
                       "give a duration from 1ms to 1m, such as 620ms or 5s");
}

value_reader truth_into(bool& into) {
  return [&into](const std::string& text) -> refusal {
    if (text != "true" && text != "false") return "give true or false";
    into = text == "true";
    return accepted;
  };
}

value_reader rate_into(double& into) {
  return [&into](const std::string& text) -> refusal {
    const auto rate = parse_rate(text);
    if (!rate) return "give a share of the charges from 0 to 1, such as 0.05";
    into = *rate;
    return accepted;
  };
}

std::vector<setting> log_settings(log_level& level, std::optional<log_format>& format) {
  return {
      {"log-level", "LEVEL", "info", "Least that is logged: trace, debug, info, warn, error or off",
       log_level_into(level)},
      {"log-format", "FORMAT", "text on a terminal, else json", "Log as text or json",
       log_format_into(format)},
  };
}

std::vector<setting> knob_settings(payments::sandbox_knobs& knobs) {
  return {
      {"sandbox-latency", "RANGE", "0ms", "How long the sandbox takes, such as 400ms-620ms",
       latency_into(knobs)},
      {"sandbox-decline-rate", "RATE", "0", "Share of charges that the sandbox declines",
       rate_into(knobs.decline_rate)},
      {"sandbox-fail-rate", "RATE", "0", "Share of calls that fail with a server error",
       rate_into(knobs.fail_rate)},
      {"sandbox-hang-after-charge-rate", "RATE", "0", "Share of charges that are made but never answered",
       rate_into(knobs.hang_after_charge_rate)},
      {"sandbox-lands-late-rate", "RATE", "0", "Share of charges that are made after their time-out",
       rate_into(knobs.lands_late_rate)},
      {"sandbox-lands-late-after", "DURATION", "2s", "When these are made",
       wait_into(knobs.lands_late_after)},
      {"sandbox-forget-keys-rate", "RATE", "0", "Share of repeated charges that are taken for new ones",
       rate_into(knobs.forget_keys_rate)},
      {"sandbox-refund-failures", "N", "0", "How many tries to refund a charge fail",
       number_into(knobs.refund_failures, 0, most_refund_failures)},
  };
}

}  // namespace holdfast
