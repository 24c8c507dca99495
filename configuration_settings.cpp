#include "configuration_settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "delivery_calendar.hpp"

namespace holdfast {

namespace {

using std::chrono::milliseconds;
using refusal = std::optional<std::string>;
constexpr std::nullopt_t accepted = std::nullopt;

constexpr milliseconds longest_wait = std::chrono::minutes{1};
constexpr std::uint64_t longest_delivery_days = 3650;
constexpr std::uint64_t most_threads = 256;
constexpr std::uint64_t most_refund_failures = 1000;
constexpr std::uint64_t smallest_view_cache_bytes = 1024 * 1024;
constexpr std::uint64_t largest_view_cache_bytes = std::uint64_t{64} * 1024 * 1024 * 1024;

refusal apply_listen(configuration& into, const std::string& text) {
  const auto address = parse_socket_address(text);
  if (!address) return "give an IP address and a port, such as 127.0.0.1:8088 or [::1]:8088";
  into.listen = *address;
  return accepted;
}

refusal apply_data(configuration& into, const std::string& text) {
  if (text.empty() || text.find('\0') != std::string::npos) return "give the path of a folder";
  into.data = text;
  return accepted;
}

refusal apply_view(configuration& into, const std::string& text) {
  into.redis.reset();
  if (text == "embedded") return accepted;
  const auto redis = storage::parse_redis_url(text);
  if (!redis) {
    return "give embedded, or redis://HOST:PORT/DB such as redis://127.0.0.1:6379/0 (" + redis.error() + ")";
  }
  into.redis = *redis;
  return accepted;
}

refusal apply_view_cache(configuration& into, const std::string& text) {
  const auto bytes = parse_size(text);
  if (!bytes || *bytes < smallest_view_cache_bytes || *bytes > largest_view_cache_bytes) {
    return "give a size from 1MiB to 64GiB, such as 64MiB";
  }
  into.view_cache_bytes = *bytes;
  return accepted;
}

refusal apply_payment(configuration&, const std::string& text) {
  if (text == "sandbox") return accepted;
  if (text.starts_with("http://")) {
    return "this version pays through the sandbox in its own process only; "
           "a provider behind HTTP comes with the next version: give sandbox";
  }
  return "give sandbox";
}

refusal apply_wait(milliseconds& into, const std::string& text) {
  const auto wait = parse_duration(text);
  if (!wait || *wait < milliseconds{1} || *wait > longest_wait) {
    return "give a duration from 1ms to 1m, such as 620ms or 5s";
  }
  into = *wait;
  return accepted;
}

refusal apply_payment_timeout(configuration& into, const std::string& text) {
  return apply_wait(into.payment_timeout, text);
}

refusal apply_payment_wait(configuration& into, const std::string& text) {
  return apply_wait(into.payment_wait, text);
}

refusal apply_latency(configuration& into, const std::string& text) {
  const auto latency = parse_duration_range(text);
  if (!latency || latency->second > longest_wait) {
    return "give a duration up to 1m or a range of two, such as 0ms or 400ms-620ms";
  }
  into.sandbox.latency_min = latency->first;
  into.sandbox.latency_max = latency->second;
  return accepted;
}

template <double payments::sandbox_knobs::*Rate>
refusal apply_rate(configuration& into, const std::string& text) {
  const auto rate = parse_rate(text);
  if (!rate) return "give a share of the charges from 0 to 1, such as 0.05";
  into.sandbox.*Rate = *rate;
  return accepted;
}

refusal apply_lands_late_after(configuration& into, const std::string& text) {
  return apply_wait(into.sandbox.lands_late_after, text);
}

refusal apply_refund_failures(configuration& into, const std::string& text) {
  const auto failures = parse_whole_number(text);
  if (!failures || *failures > most_refund_failures) return "give a number from 0 to 1000";
  into.sandbox.refund_failures = static_cast<std::uint32_t>(*failures);
  return accepted;
}

refusal apply_outage(configuration& into, const std::string& text) {
  if (text != "true" && text != "false") return "give true or false";
  into.sandbox.outage = text == "true";
  return accepted;
}

refusal apply_timezone(configuration& into, const std::string& text) {
  const auto calendar = delivery_calendar::open(text, into.delivery_days);
  if (!calendar) return calendar.error();
  into.timezone = text;
  return accepted;
}

refusal apply_delivery_days(configuration& into, const std::string& text) {
  const auto days = parse_whole_number(text);
  if (!days || *days > longest_delivery_days) return "give a number of days from 0 to 3650";
  into.delivery_days = std::chrono::days{*days};
  return accepted;
}

refusal apply_threads(configuration& into, const std::string& text) {
  const auto threads = parse_whole_number(text);
  if (!threads || *threads < 1 || *threads > most_threads) return "give a number from 1 to 256";
  into.threads = static_cast<std::uint32_t>(*threads);
  return accepted;
}

refusal apply_log_level(configuration& into, const std::string& text) {
  constexpr std::array names{"trace", "debug", "info", "warn", "error", "off"};
  const auto* found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return "give trace, debug, info, warn, error or off";
  into.level = static_cast<log_level>(found - names.begin());
  return accepted;
}

refusal apply_log_format(configuration& into, const std::string& text) {
  if (text != "text" && text != "json") return "give text or json";
  into.format = text == "text" ? log_format::text : log_format::json;
  return accepted;
}

constexpr std::array settings{
    setting{"listen", "HOST:PORT", "127.0.0.1:8088", "Address to serve HTTP on; port 0 takes any free one",
            apply_listen},
    setting{"data", "DIR", "./data", "Folder of the journals; made if it is not there", apply_data},
    setting{"view", "VIEW", "embedded", "Where reads come from: embedded, or redis://HOST:PORT/DB",
            apply_view},
    setting{"view-cache", "SIZE", "64MiB", "Memory that the embedded view caches in", apply_view_cache},
    setting{"payment", "PROVIDER", "sandbox", "Who takes the payments: sandbox, a provider in this process",
            apply_payment},
    setting{"payment-timeout", "DURATION", "620ms", "How long one call to the provider may take",
            apply_payment_timeout},
    setting{"payment-wait", "DURATION", "5s", "How long a POST waits for its payment before it answers 202",
            apply_payment_wait},
    setting{"timezone", "ZONE", "Asia/Seoul", "IANA zone that delivery dates are reckoned in",
            apply_timezone},
    setting{"delivery-days", "N", "21", "Calendar days from the payment to the delivery",
            apply_delivery_days},
    setting{"threads", "N", "one per processor", "Threads of the actors, and event loops for HTTP",
            apply_threads},
    setting{"log-level", "LEVEL", "info", "Least that is logged: trace, debug, info, warn, error or off",
            apply_log_level},
    setting{"log-format", "FORMAT", "text on a terminal, else json", "Log as text or json", apply_log_format},
    setting{"sandbox-latency", "RANGE", "0ms", "How long the sandbox takes, such as 400ms-620ms",
            apply_latency},
    setting{"sandbox-decline-rate", "RATE", "0", "Share of charges that the sandbox declines",
            apply_rate<&payments::sandbox_knobs::decline_rate>},
    setting{"sandbox-fail-rate", "RATE", "0", "Share of calls that fail with a server error",
            apply_rate<&payments::sandbox_knobs::fail_rate>},
    setting{"sandbox-hang-after-charge-rate", "RATE", "0",
            "Share of charges that are made but never answered",
            apply_rate<&payments::sandbox_knobs::hang_after_charge_rate>},
    setting{"sandbox-lands-late-rate", "RATE", "0", "Share of charges that are made after their time-out",
            apply_rate<&payments::sandbox_knobs::lands_late_rate>},
    setting{"sandbox-lands-late-after", "DURATION", "2s", "When these are made", apply_lands_late_after},
    setting{"sandbox-forget-keys-rate", "RATE", "0", "Share of repeated charges that are taken for new ones",
            apply_rate<&payments::sandbox_knobs::forget_keys_rate>},
    setting{"sandbox-refund-failures", "N", "0", "How many tries to refund a charge fail",
            apply_refund_failures},
    setting{"sandbox-outage", "BOOL", "false", "Whether the sandbox refuses connections", apply_outage},
};

}  // namespace

std::span<const setting> all_settings() {
  return settings;
}

std::string variable_of(const std::string& setting_name) {
  std::string variable = "HOLDFAST_" + setting_name;
  std::transform(variable.begin(), variable.end(), variable.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return variable;
}

}  // namespace holdfast
