// Which sagas an operator means: by what they wait for, for how long, whose they are and where they stand.
// Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "domain/reservation.hpp"
#include "http/problem.hpp"

namespace holdfast::http {

enum class saga_state : std::uint8_t {
  /// All that are unfinished.
  any,
  parked,
  /// Unfinished and not parked, and nothing has happened for long.
  stuck
};

/// Where nothing else is said, a saga is stuck when nothing has happened to it for so long.
inline constexpr std::chrono::seconds stuck_after{60};

struct saga_filter {
  saga_state state = saga_state::any;
  /// Since the last event.
  std::optional<std::chrono::seconds> older_than;
  std::optional<std::uint64_t> user_id;
  std::optional<domain::reservation_status> status;
};

/// The names of the contract; nothing for any other text.
std::optional<saga_state> saga_state_named(std::string_view name);
std::optional<domain::reservation_status> reservation_status_named(std::string_view name);

/// What is accepted, for refusals.
inline constexpr std::string_view accepted_saga_states = "parked or stuck";
inline constexpr std::string_view accepted_saga_statuses =
    "order, reservated, cancelling or reservation_cancelled";

bool matches(const saga_filter& filter, const domain::reservation& state, domain::timestamp now);

/// A page of the list of sagas.
struct saga_query {
  saga_filter filter;
  /// Those behind this one in the order of the walk; 0 for the beginning.
  domain::reservation_id after = 0;
  std::uint32_t size = 0;
};

/// Unknown parameters are ignored. The problem's `instance` is left to the caller.
tl::expected<saga_query, problem> read_saga_query(std::string_view query);

}  // namespace holdfast::http
