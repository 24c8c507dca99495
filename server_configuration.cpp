#include "server_configuration.hpp"

#include <algorithm>

#include "http/small_file.hpp"

namespace holdfast {

namespace {

using refusal = std::optional<std::string>;
constexpr std::nullopt_t accepted = std::nullopt;

constexpr const char* absent = "none";
/// A token with many claims; the head of a request takes no more.
constexpr std::size_t longest_key_bytes = 8 * 1024;

/// Nothing that would end the header that it is sent in.
bool is_key(const std::string& text) {
  return !text.empty() && text.size() <= longest_key_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

value_reader server_into(server_configuration& into) {
  return [&into](const std::string& text) -> refusal {
    const bool secure = text.starts_with("https://");
    const auto where = parse_http_url(secure ? "http" + text.substr(5) : text);
    if (!where) return "give the URL of a server, such as http://127.0.0.1:8088 or https://shop.example:8088";
    into.where = *where;
    into.secure = secure;
    return accepted;
  };
}

value_reader key_into(std::string& into) {
  return [&into](const std::string& text) -> refusal {
    if (!is_key(text)) return "give none, or an API key or a token: visible ASCII characters without spaces";
    into = text == absent ? "" : text;
    return accepted;
  };
}

refusal read_key(server_configuration& about, const std::vector<given_value>& values) {
  if (about.key_file.empty()) return accepted;
  const auto& source = *given_as("key-file", values);
  if (!about.key.empty()) {
    return refusal_of(source, given_as("key", values)->source + " gives a key too: give one of them");
  }
  auto text = http::read_small_file(about.key_file, longest_key_bytes + 2);
  if (!text) return refusal_of(source, text.error());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  if (!is_key(*text))
    return refusal_of(source, "it has to have one line, an API key or a token, and no more");
  about.key = std::move(*text);
  return accepted;
}

}  // namespace

std::vector<setting> server_settings(server_configuration& into) {
  return {
      {"server", "URL", "http://127.0.0.1:8088", "Where holdfast serve listens: http://HOST:PORT or https",
       server_into(into)},
      {"server-timeout", "DURATION", "30s", "How long one answer may take", wait_into(into.timeout)},
      {"server-authority", "FILE", absent,
       "Whose certificates to trust over HTTPS (PEM), in place of the system's authorities",
       file_into(into.authority, "a PEM file")},
      {"key-file", "FILE", absent, "A file of one line: the API key or the token to ask with",
       file_into(into.key_file, "a file with an API key or a token")},
      {"key", "KEY", absent, "The API key or the token itself; no flag, for others see those",
       key_into(into.key), true, true},
  };
}

std::optional<std::string> complete_server(server_configuration& about,
                                           const std::vector<given_value>& values) {
  if (auto refused = read_key(about, values)) return refused;
  const auto url = http_url_of(about.where.host, about.where.port, about.secure);
  if (about.secure) return accepted;
  if (!about.authority.empty()) {
    return refusal_of(*given_as("server-authority", values),
                      "it is of no use with " + url + ": give --server https://HOST:PORT");
  }
  if (about.key.empty() || is_loopback(about.where)) return accepted;
  return refusal_of(*given_as("server", values),
                    "the key would go there for all to read: give https://HOST:PORT, or ask on the server's "
                    "own machine");
}

}  // namespace holdfast
