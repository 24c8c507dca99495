// How the values of the configuration are written: durations, sizes, rates, addresses.
// Pure functions. Each gives nothing where the text is not such a value.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

/// A whole number of milliseconds, seconds or minutes: "620ms", "5s", "1m".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// One duration, or the shortest and the longest: "0ms", "400ms-620ms".
std::optional<std::pair<std::chrono::milliseconds, std::chrono::milliseconds>> parse_duration_range(
    std::string_view text);

/// A whole number of bytes: "64MiB", "512KiB", "1GiB".
std::optional<std::uint64_t> parse_size(std::string_view text);

/// A share of all cases, 0 to 1: "0", "0.05", "1".
std::optional<double> parse_rate(std::string_view text);

/// Decimal digits and nothing else.
std::optional<std::uint64_t> parse_whole_number(std::string_view text);

struct socket_address {
  /// An IP address, v6 without brackets.
  std::string address;
  /// 0 takes any free port.
  std::uint16_t port = 0;

  bool operator==(const socket_address&) const = default;
};

/// Whether only this machine reaches it.
bool is_loopback(const socket_address& where);

/// "127.0.0.1:8088", "[::1]:8088" or "localhost:8088". No other names: what is listened on must
/// not depend on a resolver.
std::optional<socket_address> parse_socket_address(std::string_view text);

/// Where something else listens.
struct host_and_port {
  /// A name or an IP address, v6 without brackets.
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const host_and_port&) const = default;
};

/// Whether what is sent there stays on this machine, as the resolver has no say in it.
bool is_loopback(const host_and_port& where);

/// "http://127.0.0.1:9090", "http://provider.test:80" or "http://[::1]:9090", with no path but "/".
std::optional<host_and_port> parse_http_url(std::string_view text);

/// "http://127.0.0.1:8088", or https; brackets around v6.
std::string http_url_of(const std::string& host, std::uint16_t port, bool secure = false);

}  // namespace holdfast
