// The public keys of a JWK set (RFC 7517), and whether one of them has signed a token. Over librhonabwy.
// Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace holdfast::http {

class jwk_set {
 public:
  /// From its JSON text; or why nothing can be checked with it. Keys for other purposes are passed over.
  static tl::expected<jwk_set, std::string> read(const std::string& text);

  jwk_set(jwk_set&&) noexcept;
  jwk_set& operator=(jwk_set&&) noexcept;
  ~jwk_set();

  /// The claims of a token, as JSON, where its signature is good; or why not.
  tl::expected<std::string, std::string> verified_claims(const std::string& token) const;

 private:
  struct key;

  explicit jwk_set(std::vector<key> keys);
  const key* find(const char* id) const;

  std::vector<key> keys_;
};

}  // namespace holdfast::http
