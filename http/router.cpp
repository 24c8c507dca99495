#include "http/router.hpp"

#include <array>
#include <utility>

#include "http/ascii.hpp"

namespace holdfast::http {

namespace {

constexpr std::array<std::pair<std::string_view, resource>, 18> fixed_paths{{
    {"", resource::index},
    {"/actuator", resource::actuator},
    {"/actuator/health", resource::health},
    {"/actuator/health/liveness", resource::liveness},
    {"/actuator/health/readiness", resource::readiness},
    {"/actuator/info", resource::info},
    {"/actuator/circuitbreakers", resource::circuit_breakers},
    {"/actuator/parked", resource::parked},
    {"/actuator/prometheus", resource::metrics},
    {"/metrics", resource::metrics},
    {"/openapi.json", resource::openapi},
    {"/events", resource::events},
    {"/admin/sagas", resource::sagas},
    {"/admin/sagas/retry", resource::sagas_retry},
    {"/admin/sagas/cancel", resource::sagas_cancel},
    {"/admin/breaker", resource::admin_breaker},
    {"/admin/view/rebuild", resource::admin_view_rebuild},
    {"/admin/log-level", resource::admin_log_level},
}};

/// As pattern_of() numbers them: collections and items by their kind, then what has a path of its own.
constexpr std::array<std::string_view, pattern_count> pattern_names{
    "/preReservations",
    "/payments",
    "/receipts",
    "/myReservations",
    "/preReservations/{id}",
    "/payments/{id}",
    "/receipts/{id}",
    "/myReservations/{id}",
    "/",
    "/actuator",
    "/actuator/health",
    "/actuator/health/liveness",
    "/actuator/health/readiness",
    "/actuator/info",
    "/actuator/circuitbreakers",
    "/actuator/parked",
    "/metrics",
    "/openapi.json",
    "/events",
    "/admin/sagas",
    "/admin/sagas/retry",
    "/admin/sagas/cancel",
    "/admin/breaker",
    "/admin/view/rebuild",
    "/admin/log-level",
    "/admin/sagas/{id}",
    "/admin/sagas/{id}/retry",
    "/admin/sagas/{id}/cancel",
};

constexpr std::array<document_kind, 4> kinds{document_kind::pre_reservation, document_kind::payment,
                                             document_kind::receipt, document_kind::my_reservation};

/// Ids are 1 .. 2^53 - 1 and written in one way only: one URL for one document.
std::optional<domain::reservation_id> parse_id(std::string_view text) {
  constexpr auto limit = static_cast<std::uint64_t>(domain::largest_exact_integer);
  const auto id = ascii::number_up_to(text, limit);
  if (!id || *id == limit || text.front() == '0') return std::nullopt;
  return id;
}

std::optional<document_kind> find_collection(std::string_view name) {
  for (auto kind : kinds) {
    if (collection_name(kind) == name) return kind;
  }
  return std::nullopt;
}

std::optional<route> find_document(std::string_view path) {
  const auto slash = path.find('/');
  const auto kind = find_collection(path.substr(0, slash));
  if (!kind) return std::nullopt;
  if (slash == std::string_view::npos) return route{.resource = resource::collection, .kind = *kind, .id = 0};
  const auto id = parse_id(path.substr(slash + 1));
  if (!id) return std::nullopt;
  return route{.resource = resource::item, .kind = *kind, .id = *id};
}

std::optional<route> find_saga(std::string_view path) {
  const auto slash = path.find('/');
  const auto id = parse_id(path.substr(0, slash));
  if (!id) return std::nullopt;
  const auto action = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  if (action.empty()) return route{.resource = resource::saga, .kind = {}, .id = *id};
  if (action == "/retry") return route{.resource = resource::saga_retry, .kind = {}, .id = *id};
  if (action == "/cancel") return route{.resource = resource::saga_cancel, .kind = {}, .id = *id};
  return std::nullopt;
}

bool is_pre_reservations(const route& route, resource resource) {
  return route.resource == resource && route.kind == document_kind::pre_reservation;
}

}  // namespace

std::optional<route> find_route(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  // What customers ask for comes first.
  if (path.starts_with('/')) {
    if (auto document = find_document(path.substr(1))) return document;
  }
  for (const auto& [fixed, resource] : fixed_paths) {
    if (fixed == path) return route{.resource = resource, .kind = {}, .id = 0};
  }
  constexpr std::string_view sagas = "/admin/sagas/";
  if (path.starts_with(sagas)) return find_saga(path.substr(sagas.size()));
  return std::nullopt;
}

std::size_t pattern_of(const route& route) {
  const auto kind = static_cast<std::size_t>(route.kind);
  if (route.resource == resource::collection) return kind;
  if (route.resource == resource::item) return kinds.size() + kind;
  const auto others = static_cast<std::size_t>(route.resource) - static_cast<std::size_t>(resource::index);
  return 2 * kinds.size() + others;
}

std::string_view pattern_name(std::size_t pattern) {
  return pattern_names.at(pattern);
}

bool is_for_customers(const route& route) {
  return route.resource == resource::index || route.resource == resource::collection ||
         route.resource == resource::item || route.resource == resource::events;
}

bool is_admin(const route& route) {
  return route.resource >= resource::sagas;
}

namespace {

/// What an operator sends a command to has nothing to get.
bool is_command(const route& route) {
  return is_admin(route) && route.resource != resource::sagas && route.resource != resource::saga;
}

}  // namespace

bool allows(const route& route, method method) {
  switch (method) {
    case method::options:
      return true;
    case method::get:
    case method::head:
      return !is_command(route);
    case method::post:
      return is_pre_reservations(route, resource::collection) ||
             (is_command(route) && route.resource != resource::admin_log_level);
    case method::put:
      return route.resource == resource::admin_log_level;
    case method::del:
      return is_pre_reservations(route, resource::item);
    default:
      return false;
  }
}

std::string_view allowed_methods(const route& route) {
  if (allows(route, method::put)) return "OPTIONS, PUT";
  if (is_command(route)) return "OPTIONS, POST";
  if (allows(route, method::post)) return "GET, HEAD, OPTIONS, POST";
  if (allows(route, method::del)) return "DELETE, GET, HEAD, OPTIONS";
  return "GET, HEAD, OPTIONS";
}

}  // namespace holdfast::http
