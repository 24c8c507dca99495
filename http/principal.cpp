#include "http/principal.hpp"

#include <array>

namespace holdfast::http {

namespace {

constexpr std::array<std::string_view, 3> role_names{"customer", "auditor", "operator"};

}  // namespace

std::string_view name_of(role role) {
  return role_names.at(static_cast<std::size_t>(role));
}

std::optional<role> role_named(std::string_view name) {
  for (std::size_t i = 0; i < role_names.size(); ++i) {
    if (role_names[i] == name) return static_cast<role>(i);
  }
  return std::nullopt;
}

const principal_ptr& anonymous_operator() {
  static const principal_ptr anonymous = std::make_shared<const principal>(
      principal{.name = "anonymous", .role = role::operator_, .user_id = 0});
  return anonymous;
}

}  // namespace holdfast::http
