// What `holdfast serve` is told about who may use it, and how they reach it. Plain values; parsing shares no
// state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "http/rate_limiter.hpp"

namespace holdfast {

struct configuration;

struct access_configuration {
  /// Neither: everybody may do everything, which is for loopback only.
  bool by_keys = false;
  bool by_tokens = false;
  /// Files: see http/api_keys.hpp, http/jwt_tokens.hpp.
  std::string keys;
  std::string key_set;
  /// Who has to have issued a token, and for whom.
  std::string issuer;
  std::string audience;
  std::optional<http::rate_limit> rate;
  /// Streams of /events that each principal may have open at this node.
  std::uint32_t event_streams = 16;
  /// PEM files of HTTPS; both, or none of them.
  std::string certificate;
  std::string key;
  /// Whether full card numbers are accepted; else tokens of the provider only.
  bool card_numbers = true;

  bool asks_who_it_is() const { return by_keys || by_tokens; }
  bool has_certificate() const { return !certificate.empty(); }
  /// That can be read again.
  bool has_files() const { return asks_who_it_is() || has_certificate(); }
};

std::vector<setting> access_settings(access_configuration& into);

/// What does not go together: with the source that says so.
std::optional<std::string> refuse_access(const configuration& whole, const std::vector<given_value>& values);

}  // namespace holdfast
