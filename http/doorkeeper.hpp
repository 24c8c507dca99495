// Lets requests in: finds out whose each is, whether that one may do it, and whether he asks too often.
// Threading: admit() is called on any event loop's thread, the rest before there are any; reload() on one
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "http/authenticator.hpp"
#include "http/message.hpp"
#include "http/principal.hpp"
#include "http/problem.hpp"
#include "http/rate_limiter.hpp"
#include "http/router.hpp"

namespace holdfast::http {

class doorkeeper {
 public:
  using headers = std::vector<std::pair<std::string, std::string>>;

  /// Everybody is an operator.
  doorkeeper() = default;
  /// A request's token has to be one of those that these know.
  doorkeeper(std::vector<std::unique_ptr<authenticator>> authenticators, std::optional<rate_limit> limit);

  struct admission {
    /// Null where the request is turned away.
    principal_ptr who;
    http::problem problem;
    /// For the answer, whichever it is.
    doorkeeper::headers headers;
  };
  admission admit(const request& request, const route& route);

  /// Whether everybody is let in.
  bool is_open() const { return open_; }
  /// Whether these credentials, of a request that was admitted, still say that it is he.
  bool still_knows(const principal& who, std::string_view authorization) const;

  /// Has the files of credentials read again. What was wrong with each that can't be used.
  std::vector<std::string> reload();

 private:
  tl::expected<principal_ptr, std::string> identify(std::string_view token) const;
  bool limit(admission& one);

  const bool open_ = true;
  std::vector<std::unique_ptr<authenticator>> authenticators_;
  std::unique_ptr<rate_limiter> limiter_;
};

}  // namespace holdfast::http
