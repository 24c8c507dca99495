#include "storage/redis_options.hpp"

#include <charconv>
#include <limits>
#include <optional>

namespace holdfast::storage {
namespace {

constexpr std::string_view scheme = "redis://";
/// What redis.conf may raise `databases` to.
constexpr std::uint32_t largest_database = std::numeric_limits<std::int32_t>::max();

std::optional<std::uint32_t> parse_number(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

struct url_parts {
  std::string_view host;
  std::optional<std::string_view> port;
  std::optional<std::string_view> database;
};

/// Splits what stands behind the scheme.
url_parts split(std::string_view rest) {
  url_parts parts;
  if (const auto slash = rest.find('/'); slash != rest.npos) {
    parts.database = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  const auto bracket = rest.find(']');
  const bool bracketed = !rest.empty() && rest.front() == '[' && bracket != rest.npos;
  const auto colon = rest.find(':', bracketed ? bracket : 0);
  if (colon != rest.npos) {
    parts.port = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  parts.host = bracketed ? rest.substr(1, bracket - 1) : rest;
  return parts;
}

}  // namespace

tl::expected<redis_options, std::string> parse_redis_url(std::string_view url) {
  const auto wrong = [url](const std::string& what) {
    return tl::unexpected("'" + std::string(url) + "': " + what);
  };
  if (!url.starts_with(scheme)) {
    return wrong("has to begin with redis://");
  }
  if (url.find('@') != url.npos) {
    return tl::unexpected(std::string("redis://…@…: a user or password is not supported"));
  }
  if (url.find_first_of("?# ") != url.npos) {
    return wrong("nothing may follow redis://HOST:PORT/DB");
  }
  const url_parts parts = split(url.substr(scheme.size()));
  redis_options options;
  if (parts.host.empty()) {
    return wrong("the host is missing");
  }
  options.host = std::string(parts.host);
  if (parts.port) {
    const auto port = parse_number(*parts.port);
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) {
      return wrong("the port '" + std::string(*parts.port) + "' is not a number from 1 to 65535");
    }
    options.port = static_cast<std::uint16_t>(*port);
  }
  if (parts.database && !parts.database->empty()) {
    const auto database = parse_number(*parts.database);
    if (!database || *database > largest_database) {
      return wrong("the database '" + std::string(*parts.database) + "' is not a number");
    }
    options.database = *database;
  }
  return options;
}

}  // namespace holdfast::storage
