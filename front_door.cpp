#include "front_door.hpp"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "http/api_keys.hpp"
#include "http/jwt_tokens.hpp"

namespace holdfast {

tl::expected<std::unique_ptr<http::doorkeeper>, std::string> open_door(const access_configuration& access) {
  std::vector<std::unique_ptr<http::authenticator>> authenticators;
  if (access.by_keys) {
    auto keys = http::api_keys::open(access.keys);
    if (!keys) return tl::unexpected("--auth-keys: " + keys.error());
    authenticators.push_back(std::move(*keys));
  }
  if (access.by_tokens) {
    auto tokens = http::jwt_tokens::open(
        {.path = access.key_set, .issuer = access.issuer, .audience = access.audience});
    if (!tokens) return tl::unexpected("--auth-jwks: " + tokens.error());
    authenticators.push_back(std::move(*tokens));
  }
  if (!access.asks_who_it_is()) return std::make_unique<http::doorkeeper>();
  return std::make_unique<http::doorkeeper>(std::move(authenticators), access.rate);
}

tl::expected<std::shared_ptr<http::tls_certificates>, std::string> open_certificates(
    const access_configuration& access) {
  if (!access.has_certificate()) return nullptr;
  return http::tls_certificates::open(access.certificate, access.key);
}

void reload(http::doorkeeper& door, http::tls_certificates* certificates) {
  auto failures = door.reload();
  if (certificates != nullptr) {
    if (auto failure = certificates->reload()) failures.push_back(std::move(*failure));
  }
  for (const auto& failure : failures) spdlog::error("not read again, the old one holds: {}", failure);
  if (failures.empty()) spdlog::info("SIGHUP: keys and certificates are read again");
}

}  // namespace holdfast
