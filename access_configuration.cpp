#include "access_configuration.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "configuration.hpp"

namespace holdfast {

namespace {

using refusal = std::optional<std::string>;
constexpr std::nullopt_t accepted = std::nullopt;

constexpr const char* absent = "none";
constexpr std::uint64_t most_requests = 1'000'000;
constexpr std::size_t longest_name = 1024;
/// A node serves no more in all.
constexpr std::uint64_t most_event_streams = 256;

value_reader ways_into(access_configuration& into) {
  return [&into](const std::string& text) -> refusal {
    constexpr std::string_view keys = "keys";
    constexpr std::string_view tokens = "jwt";
    const bool both = text == "keys,jwt" || text == "jwt,keys";
    into.by_keys = both || text == keys;
    into.by_tokens = both || text == tokens;
    if (into.asks_who_it_is() || text == absent) return accepted;
    return "give none, keys, jwt, or keys,jwt";
  };
}

/// As a token has to have it, to the letter.
value_reader name_into(std::string& into) {
  return [&into](const std::string& text) -> refusal {
    if (text.empty() || text.size() > longest_name) return "give none, or up to 1024 characters";
    into = text == absent ? "" : text;
    return accepted;
  };
}

value_reader rate_limit_into(std::optional<http::rate_limit>& into) {
  return [&into](const std::string& text) -> refusal {
    into.reset();
    if (text == absent) return accepted;
    const auto slash = text.find('/');
    const auto number = parse_whole_number(text.substr(0, slash));
    const auto unit = slash == std::string::npos ? "" : text.substr(slash + 1);
    if (!number || *number == 0 || *number > most_requests || (unit != "s" && unit != "m")) {
      return "give none, or a number of requests in a second or a minute, such as 100/s or 600/m";
    }
    into = http::rate_limit{static_cast<std::uint32_t>(*number),
                            unit == "s" ? std::chrono::seconds{1} : std::chrono::minutes{1}};
    return accepted;
  };
}

value_reader switch_into(bool& into) {
  return [&into](const std::string& text) -> refusal {
    if (text != "on" && text != "off") return "give on or off";
    into = text == "on";
    return accepted;
  };
}

refusal refuse_open_door(const configuration& whole, const std::vector<given_value>& values) {
  if (whole.access.asks_who_it_is() || is_loopback(whole.listen)) return accepted;
  return refusal_of(*given_as("listen", values),
                    "beyond this machine everybody who reaches it could do everything: give --auth keys with "
                    "--auth-keys FILE, or --auth jwt with --auth-jwks FILE, or listen on 127.0.0.1");
}

/// What a way of knowing who asks needs. Where there is none, its parts would only look as if they kept
/// anybody out.
refusal refuse_parts(const configuration& whole, const std::vector<given_value>& values) {
  struct part {
    const char* name;
    const std::string& value;
    const char* way;
    bool wanted;
  };
  const auto& access = whole.access;
  const std::array<part, 4> parts{{{"auth-keys", access.keys, "keys", access.by_keys},
                                   {"auth-jwks", access.key_set, "jwt", access.by_tokens},
                                   {"auth-issuer", access.issuer, "jwt", access.by_tokens},
                                   {"auth-audience", access.audience, "jwt", access.by_tokens}}};
  for (const auto& each : parts) {
    if (each.wanted && each.value.empty()) {
      return refusal_of(*given_as("auth", values), std::string("give --") + each.name + " too");
    }
    if (!access.asks_who_it_is() && !each.value.empty()) {
      return refusal_of(*given_as(each.name, values),
                        std::string("it is of no use without --auth ") + each.way);
    }
  }
  return accepted;
}

}  // namespace

std::vector<setting> access_settings(access_configuration& into) {
  return {
      {"auth", "WAYS", absent,
       "How it is known who asks: keys, jwt, or keys,jwt; none, where everybody may do everything, on "
       "loopback only",
       ways_into(into)},
      {"auth-keys", "FILE", absent, "Hashes of the API keys, with whose each is",
       file_into(into.keys, "a file of API keys")},
      {"auth-jwks", "FILE", absent, "Public keys that tokens (JWT) are signed with, as a JWK set",
       file_into(into.key_set, "a JWK set")},
      {"auth-issuer", "TEXT", absent, "Who has to have issued a token (iss)", name_into(into.issuer)},
      {"auth-audience", "TEXT", absent, "Whom a token has to be for (aud)", name_into(into.audience)},
      {"rate-limit", "RATE", absent, "Requests that each principal may make, such as 100/s or 600/m",
       rate_limit_into(into.rate)},
      {"event-streams", "NUMBER", "16", "Streams of /events that each principal may have open at once",
       number_into(into.event_streams, 1, most_event_streams)},
      {"tls-certificate", "FILE", absent, "Certificate chain (PEM) to serve HTTPS with",
       file_into(into.certificate, "a PEM file")},
      {"tls-key", "FILE", absent, "Its private key (PEM)", file_into(into.key, "a PEM file")},
      {"card-numbers", "SWITCH", "on", "on, or off: then paymentMethod is accepted, and no full card number",
       switch_into(into.card_numbers)},
  };
}

std::optional<std::string> refuse_access(const configuration& whole, const std::vector<given_value>& values) {
  if (auto refused = refuse_open_door(whole, values)) return refused;
  if (auto refused = refuse_parts(whole, values)) return refused;
  const auto& access = whole.access;
  const char* of_each = access.rate                                                    ? "rate-limit"
                        : access.event_streams != access_configuration{}.event_streams ? "event-streams"
                                                                                       : nullptr;
  if (of_each != nullptr && !access.asks_who_it_is()) {
    return refusal_of(*given_as(of_each, values),
                      "it is for each principal, and without --auth all are one: give --auth too");
  }
  if (access.certificate.empty() != access.key.empty()) {
    return refusal_of(*given_as(access.key.empty() ? "tls-certificate" : "tls-key", values),
                      "give both --tls-certificate and --tls-key, or none");
  }
  return std::nullopt;
}

}  // namespace holdfast
