// Where the Redis view lives, how long it may take, and the URL that names it on the command
// line. Values and a pure function.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace holdfast::storage {

struct redis_options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::uint32_t database = 0;
  /// Every key of the view begins with it, and no other key is touched.
  std::string prefix = "holdfast:";
  /// A read, or one of the two steps of a page's, that takes longer is answered `unavailable`, and its
  /// connection given up.
  std::chrono::milliseconds request_timeout{500};
  /// For each single exchange of the writer with the server, the connecting included.
  std::chrono::milliseconds write_timeout{2'000};
  /// Between attempts of a reader to connect: from the first on doubled up to the second.
  std::chrono::milliseconds reconnect_first_delay{50};
  std::chrono::milliseconds reconnect_longest_delay{1'000};
};

/// `redis://HOST[:PORT][/DB]`, an IPv6 address in brackets. The message names what is wrong.
tl::expected<redis_options, std::string> parse_redis_url(std::string_view url);

}  // namespace holdfast::storage
