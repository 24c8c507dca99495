// What a path names, and which methods may be used on it. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "domain/types.hpp"
#include "http/message.hpp"
#include "http/names.hpp"

namespace holdfast::http {

enum class resource : std::uint8_t {
  collection,
  item,
  // What has a path of its own, from here on.
  index,
  actuator,
  health,
  liveness,
  readiness,
  info,
  circuit_breakers,
  parked,
  metrics,
  openapi,
  events,
  sagas,
  sagas_retry,
  sagas_cancel,
  admin_breaker,
  admin_view_rebuild,
  admin_log_level,
  // With an id.
  saga,
  saga_retry,
  saga_cancel
};

struct route {
  http::resource resource = resource::index;
  /// Of collections and items.
  document_kind kind = document_kind::pre_reservation;
  /// Of items and sagas.
  domain::reservation_id id = 0;

  bool operator==(const route&) const = default;
};

/// Nothing where the path names nothing, and for an id that can't be one. One slash at the end is
/// ignored.
std::optional<route> find_route(std::string_view path);

/// The paths that a route stands for, as one name: "/preReservations/{id}". There are few of them, whatever
/// clients ask for, and they are numbered from 0.
inline constexpr std::size_t pattern_count = 28;
std::size_t pattern_of(const route& route);
std::string_view pattern_name(std::size_t pattern);

/// What customers ask for; the rest is for operators.
bool is_for_customers(const route& route);
/// What operators do, and what only they read: see admin.hpp.
bool is_admin(const route& route);

bool allows(const route& route, method method);

/// For the Allow header: "GET, HEAD, OPTIONS".
std::string_view allowed_methods(const route& route);

}  // namespace holdfast::http
