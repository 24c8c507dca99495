// Port: finds out whose a token is. Its adapters: api_keys, jwt_tokens.
// Threading: identify() is called on any event loop's thread and must not block it; reload() on one thread of
// its own, at any time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "http/principal.hpp"

namespace holdfast::http {

class authenticator {
 public:
  virtual ~authenticator() = default;

  /// Whether a token looks like one of those that it knows.
  virtual bool takes(std::string_view token) const = 0;

  /// Or why it is nobody's, in a sentence for whoever sent it; it never quotes the token.
  virtual tl::expected<principal_ptr, std::string> identify(std::string_view token) = 0;

  /// Reads its file again; where that can't be used it keeps what it knew, and says why.
  virtual std::optional<std::string> reload() = 0;
};

}  // namespace holdfast::http
