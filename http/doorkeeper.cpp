#include "http/doorkeeper.hpp"

#include "http/access.hpp"
#include "http/ascii.hpp"

namespace holdfast::http {

namespace {

/// RFC 6750, section 3: without an error where nothing was tried.
constexpr const char* challenge = R"(Bearer realm="holdfast")";
constexpr const char* invalid_token_challenge = R"(Bearer realm="holdfast", error="invalid_token")";
constexpr std::string_view scheme = "Bearer";

/// Who asks what all may ask, without saying who he is. Nothing is shown to him that is anybody's.
const principal_ptr& stranger() {
  static const principal_ptr nobody =
      std::make_shared<const principal>(principal{.name = "stranger", .role = role::auditor, .user_id = 0});
  return nobody;
}

doorkeeper::admission turn_away(fault fault, std::string detail) {
  doorkeeper::admission refused;
  refused.problem.fault = fault;
  refused.problem.detail = std::move(detail);
  return refused;
}

doorkeeper::admission ask_who_it_is(const char* how, std::string detail) {
  auto refused = turn_away(fault::unauthenticated, std::move(detail));
  refused.headers.emplace_back("WWW-Authenticate", how);
  return refused;
}

std::string forbidden_detail(role role) {
  if (role == role::auditor) return "An auditor may read everything and change nothing.";
  return "This is for operators and auditors, not for customers.";
}

std::string in_whole_seconds(std::chrono::milliseconds duration) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

doorkeeper::doorkeeper(std::vector<std::unique_ptr<authenticator>> authenticators,
                       std::optional<rate_limit> limit)
    : open_(false),
      authenticators_(std::move(authenticators)),
      limiter_(limit ? std::make_unique<rate_limiter>(*limit) : nullptr) {}

doorkeeper::admission doorkeeper::admit(const request& request, const route& route) {
  if (open_) return {anonymous_operator(), {}, {}};
  if (is_open_to_all(route)) return {stranger(), {}, {}};
  if (request.authorization.empty()) {
    return ask_who_it_is(challenge, "Send an API key or a token: `Authorization: Bearer ...`.");
  }
  const auto [given_scheme, rest] = ascii::split(request.authorization, ' ');
  if (!ascii::same_ignoring_case(given_scheme, scheme)) {
    return ask_who_it_is(challenge,
                         "Send an API key or a token as `Authorization: Bearer ...`, in one header.");
  }
  auto who = identify(ascii::trimmed(rest));
  if (!who) return ask_who_it_is(invalid_token_challenge, std::move(who.error()));
  admission one{std::move(*who), {}, {}};
  if (!limit(one)) return one;
  if (may(one.who->role, route, request.method)) return one;
  auto refused = turn_away(fault::forbidden, forbidden_detail(one.who->role));
  refused.headers = std::move(one.headers);
  return refused;
}

bool doorkeeper::still_knows(const principal& who, std::string_view authorization) const {
  const auto known = identify(ascii::trimmed(ascii::split(authorization, ' ').second));
  return known && **known == who;
}

tl::expected<principal_ptr, std::string> doorkeeper::identify(std::string_view token) const {
  for (const auto& each : authenticators_) {
    if (each->takes(token)) return each->identify(token);
  }
  return tl::unexpected(std::string("This is neither an API key nor a token that is accepted here."));
}

/// draft-ietf-httpapi-ratelimit-headers-10. False where it is one too many.
bool doorkeeper::limit(admission& one) {
  if (!limiter_) return true;
  const auto& limit = limiter_->limit();
  const auto state = limiter_->take(one.who->name, std::chrono::steady_clock::now());
  const auto wait = in_whole_seconds(state.wait);
  one.headers.emplace_back("RateLimit-Policy", R"("default";q=)" + std::to_string(limit.requests) +
                                                   ";w=" + in_whole_seconds(limit.window));
  one.headers.emplace_back("RateLimit", R"("default";r=)" + std::to_string(state.remaining) + ";t=" + wait);
  if (state.allowed) return true;
  one.who = nullptr;
  one.problem.fault = fault::too_many_requests;
  one.problem.detail = "You may make " + std::to_string(limit.requests) + " requests in " +
                       in_whole_seconds(limit.window) + " s. Ask again after the time in Retry-After.";
  one.headers.emplace_back("Retry-After", wait);
  return false;
}

std::vector<std::string> doorkeeper::reload() {
  std::vector<std::string> failures;
  for (const auto& each : authenticators_) {
    if (auto failure = each->reload()) failures.push_back(std::move(*failure));
  }
  return failures;
}

}  // namespace holdfast::http
