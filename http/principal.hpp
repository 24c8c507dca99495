// Who asks: every request has a principal, by its credentials. Values, shared by the requests of one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::http {

enum class role : std::uint8_t {
  /// His own reservations only.
  customer,
  /// Reads everything, changes nothing.
  auditor,
  /// Everything.
  operator_
};

/// "customer", "auditor", "operator".
std::string_view name_of(role role);
/// Nothing where no role is called so.
std::optional<role> role_named(std::string_view name);

struct principal {
  /// What it is known by where something is written down of it: no secret.
  std::string name;
  http::role role = role::customer;
  /// Of a customer.
  std::uint64_t user_id = 0;

  /// Whose reservations are all that there are, to a customer.
  std::optional<std::uint64_t> only_user() const {
    return role == role::customer ? std::optional(user_id) : std::nullopt;
  }

  bool operator==(const principal&) const = default;
};

using principal_ptr = std::shared_ptr<const principal>;

/// Who asks where nobody is asked who he is: an operator.
const principal_ptr& anonymous_operator();

}  // namespace holdfast::http
