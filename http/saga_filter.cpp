#include "http/saga_filter.hpp"

#include <array>
#include <string>
#include <utility>

#include "http/names.hpp"
#include "http/parameter.hpp"
#include "http/query.hpp"

namespace holdfast::http {

namespace {

tl::unexpected<problem> unaccepted(std::string_view parameter, std::string_view accepted) {
  return refused_input(fault::invalid_parameter, "The parameter " + std::string(parameter) + " has to be " +
                                                     std::string(accepted) + ".");
}

template <class Value, class Read>
std::optional<problem> read_name(std::string_view query, std::string_view parameter,
                                 std::string_view accepted, Read read, std::optional<Value>& into) {
  auto text = read_parameter(query, parameter);
  if (!text) return std::move(text.error());
  if (!*text) return std::nullopt;
  into = read(**text);
  if (!into) return unaccepted(parameter, accepted).value();
  return std::nullopt;
}

}  // namespace

std::optional<saga_state> saga_state_named(std::string_view name) {
  if (name == "parked") return saga_state::parked;
  if (name == "stuck") return saga_state::stuck;
  return std::nullopt;
}

std::optional<domain::reservation_status> reservation_status_named(std::string_view name) {
  using enum domain::reservation_status;
  for (const auto status : {order, reservated, cancelling, reservation_cancelled}) {
    if (name_of(status) == name) return status;
  }
  return std::nullopt;
}

bool matches(const saga_filter& filter, const domain::reservation& state, domain::timestamp now) {
  if (domain::finished(state)) return false;
  if (filter.state == saga_state::parked && !state.parked) return false;
  if (filter.state == saga_state::stuck && state.parked) return false;
  const auto default_age = filter.state == saga_state::stuck ? stuck_after : std::chrono::seconds(0);
  if (now - state.modified_at < filter.older_than.value_or(default_age)) return false;
  if (filter.user_id && *filter.user_id != state.what.user_id) return false;
  return !filter.status || *filter.status == state.status;
}

tl::expected<saga_query, problem> read_saga_query(std::string_view text) {
  saga_query query;
  const auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer);
  std::optional<saga_state> state;
  if (auto wrong = read_name(text, "state", accepted_saga_states, saga_state_named, state)) {
    return tl::unexpected(std::move(*wrong));
  }
  query.filter.state = state.value_or(saga_state::any);
  if (auto wrong =
          read_name(text, "status", accepted_saga_statuses, reservation_status_named, query.filter.status)) {
    return tl::unexpected(std::move(*wrong));
  }
  constexpr std::string_view whole = "a whole number";
  auto user = read_number(text, "userId", largest + 1, whole);
  if (!user) return tl::unexpected(std::move(user.error()));
  query.filter.user_id = *user;
  auto age = read_number(text, "olderThanSeconds", largest, whole);
  if (!age) return tl::unexpected(std::move(age.error()));
  if (*age) query.filter.older_than = std::chrono::seconds(static_cast<std::int64_t>(**age));
  auto after = read_number(text, "after", largest, "a number from a `next` link, unchanged");
  if (!after) return tl::unexpected(std::move(after.error()));
  query.after = after->value_or(0);
  auto size = read_number(text, "size", largest_page_size, "a whole number from 1 on");
  if (!size) return tl::unexpected(std::move(size.error()));
  query.size = static_cast<std::uint32_t>(size->value_or(default_page_size));
  if (query.size == 0) {
    return refused_input(fault::invalid_parameter, "The parameter size has to be a whole number from 1 on.");
  }
  return query;
}

}  // namespace holdfast::http
