// What a path names, and which methods may be used on it. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "domain/types.hpp"
#include "http/message.hpp"
#include "http/names.hpp"

namespace holdfast::http {

enum class resource : std::uint8_t {
  index,
  collection,
  item,
  actuator,
  health,
  liveness,
  readiness,
  info,
  circuit_breakers,
  parked
};

struct route {
  http::resource resource = resource::index;
  /// Of collections and items.
  document_kind kind = document_kind::pre_reservation;
  /// Of items.
  domain::reservation_id id = 0;

  bool operator==(const route&) const = default;
};

/// Nothing where the path names nothing, and for an id that can't be one. One slash at the end is
/// ignored.
std::optional<route> find_route(std::string_view path);

bool allows(const route& route, method method);

/// For the Allow header: "GET, HEAD, OPTIONS".
std::string_view allowed_methods(const route& route);

}  // namespace holdfast::http
