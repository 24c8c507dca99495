// JSON Web Tokens (RFC 7519), signed by RS256, ES256 or EdDSA with one of the keys of a JWK set (RFC 7517) in
// a file.
//
// The key decides by what a token is signed, never the token: one that names another algorithm than its key's
// is refused, so neither `none` nor a public key taken for a secret (HS256) gets anybody in. A token has to
// be of the issuer, for the audience, not expired (exp is required) and not too early (nbf). `sub` is its
// principal's name, `role` the role, and `userId`, a number or a string of digits, the customer.
//
// A signature takes 0.1 (RS256) to 0.2 ms to check, so tokens that were good are remembered until
// they expire: of the last ones up to a bound, by their hash.
//
// Threading: as an authenticator's. Signatures are checked one at a time, since librhonabwy does not say that
// its keys may be shared.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>

#include "http/authenticator.hpp"

namespace holdfast::http {

class jwk_set;

inline constexpr std::size_t largest_key_set_bytes = 1024 * 1024;
/// How far clocks may differ.
inline constexpr std::chrono::seconds token_leeway{30};
struct jwt_options {
  std::string path;
  std::string issuer;
  std::string audience;
  std::function<std::chrono::system_clock::time_point()> clock = std::chrono::system_clock::now;
  /// Tokens in each of the two generations of those that are remembered.
  std::size_t largest_generation = 8192;
};

class jwt_tokens final : public authenticator {
 public:
  /// Or what is wrong with the file.
  static tl::expected<std::unique_ptr<jwt_tokens>, std::string> open(jwt_options options);
  ~jwt_tokens() override;

  /// Whatever else there is has a prefix of its own.
  bool takes(std::string_view) const override { return true; }
  tl::expected<principal_ptr, std::string> identify(std::string_view token) override;
  std::optional<std::string> reload() override;

  /// Tokens that are remembered.
  std::size_t remembered() const;

 private:
  struct known_token {
    principal_ptr who;
    std::chrono::system_clock::time_point until;
  };
  using generation = std::unordered_map<std::string, known_token>;

  jwt_tokens(jwt_options options, std::unique_ptr<jwk_set> keys);
  tl::expected<known_token, std::string> verify(std::string_view token);
  const known_token* find(const std::string& hash);
  void remember(std::string hash, known_token token);

  const jwt_options options_;
  mutable std::mutex mutex_;
  std::unique_ptr<jwk_set> keys_;
  generation young_;
  generation old_;
};

}  // namespace holdfast::http
