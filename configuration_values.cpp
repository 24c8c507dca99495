#include "configuration_values.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace holdfast {

namespace {

using std::chrono::milliseconds;

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array durations{unit{"ms", 1}, unit{"s", 1000}, unit{"m", 60'000}};
constexpr std::array sizes{unit{"KiB", 1024}, unit{"MiB", 1024 * 1024}, unit{"GiB", 1024 * 1024 * 1024}};

/// What durations and sizes may come to, so that no multiplication overflows.
constexpr std::uint64_t largest_quantity = std::uint64_t{1} << 50;

template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<unit, N>& units) {
  const auto digits = text.find_first_not_of("0123456789");
  if (digits == std::string_view::npos) return std::nullopt;
  const auto count = parse_whole_number(text.substr(0, digits));
  if (!count) return std::nullopt;
  for (const unit& each : units) {
    if (each.name != text.substr(digits)) continue;
    if (*count > largest_quantity / each.factor) return std::nullopt;
    return *count * each.factor;
  }
  return std::nullopt;
}

constexpr std::size_t longest_host_bytes = 253;

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_host_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '-';
         });
}

bool is_ip_address(const std::string& text, int family) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(family, text.c_str(), address.data()) == 1;
}

}  // namespace

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  const auto count = parse_quantity(text, durations);
  if (!count) return std::nullopt;
  return milliseconds{static_cast<std::int64_t>(*count)};
}

std::optional<std::pair<milliseconds, milliseconds>> parse_duration_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto shortest = parse_duration(text.substr(0, dash));
  const auto longest = dash == std::string_view::npos ? shortest : parse_duration(text.substr(dash + 1));
  if (!shortest || !longest || *longest < *shortest) return std::nullopt;
  return std::pair{*shortest, *longest};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, sizes);
}

std::optional<double> parse_rate(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0 && value <= 1)) return std::nullopt;
  return value;
}

std::optional<socket_address> parse_socket_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_whole_number(text.substr(colon + 1));
  if (!port || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;

  std::string host{text.substr(0, colon)};
  if (host == "localhost") host = "127.0.0.1";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!is_ip_address(host, bracketed ? AF_INET6 : AF_INET)) return std::nullopt;
  return socket_address{std::move(host), static_cast<std::uint16_t>(*port)};
}

std::optional<host_and_port> parse_http_url(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_whole_number(text.substr(colon + 1));
  if (!port || *port < 1 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;

  std::string host{text.substr(0, colon)};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed ? !is_ip_address(host, AF_INET6) : !is_host_name(host)) return std::nullopt;
  return host_and_port{std::move(host), static_cast<std::uint16_t>(*port)};
}

std::string http_url_of(const std::string& host, std::uint16_t port, bool secure) {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(secure ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

bool is_loopback(const socket_address& where) {
  return where.address.starts_with("127.") || where.address == "::1";
}

bool is_loopback(const host_and_port& where) {
  // 127.example.com is a name, and anybody's.
  if (where.host.starts_with("127.")) return is_ip_address(where.host, AF_INET);
  return where.host == "::1" || where.host == "localhost";
}

}  // namespace holdfast
