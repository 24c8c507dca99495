// The operator among the customers: see customers.hpp. He looks after parked and unfinished sagas, and now
// and then after any other one.
#include <algorithm>
#include <string>
#include <utility>

#include "tests/simulation/customers.hpp"

namespace holdfast::simulation {

namespace {

using proof::operation_kind;
using proof::operation_outcome;

constexpr std::uint32_t number_of_operator = 98;
constexpr std::uint32_t seeds_with_one_percent = 50;
constexpr std::int64_t most_visits = 12;
/// Where reservations may be parked, that comes after an hour: he looks in this often, and until something is
/// he mostly rests.
constexpr moment longest_round = 60 * second;
constexpr std::uint32_t acts_on_a_round_percent = 3;
constexpr moment longest_rest_after_faults = second;

/// As http/admin answers it.
void take(proof::operation& one, actors::operation_status status) {
  using actors::operation_status;
  switch (status) {
    case operation_status::recorded:
    case operation_status::unchanged:
      one.status = 200;
      one.answer = status == operation_status::recorded ? proof::answer_of_recorded : "unchanged";
      one.outcome = operation_outcome::ok;
      return;
    case operation_status::unknown_reservation:
      one.status = 404;
      one.outcome = operation_outcome::ok;
      return;
    case operation_status::overloaded:
      one.status = 503;
      one.code = "overloaded";
      one.outcome = operation_outcome::failed;
      return;
    default:
      one.status = 503;
      one.code = status == operation_status::unavailable ? "unavailable" : "not to be answered so";
      one.outcome = operation_outcome::unknown;
  }
}

}  // namespace

void customers::begin_operator() {
  const bool needed = world_.drawn.has(fault::provider_down_for_hours);
  if (!needed && !operator_chance_.chance(seeds_with_one_percent)) return;
  ++busy_;
  visit(static_cast<std::uint32_t>(operator_chance_.between(1, most_visits)));
}

void customers::visit(std::uint32_t visits_left) {
  if (visits_left == 0) {
    --busy_;
    return;
  }
  const bool for_hours = world_.drawn.has(fault::provider_down_for_hours);
  const auto longest = world_.faults_over() ? longest_rest_after_faults
                       : for_hours          ? longest_round
                                            : world_.drawn.faults_until / 3;
  world_.after(operator_chance_.between(0, longest), nobody, [this, visits_left, for_hours] {
    const bool rests = for_hours && !world_.faults_over() && nodes_.parked().empty() &&
                       !operator_chance_.chance(acts_on_a_round_percent);
    if (rests) return visit(visits_left);
    intervene([this, visits_left] { visit(visits_left - 1); });
  });
}

/// Mostly one that has not gone on, which the journal's index and the list of the parked tell.
domain::reservation_id customers::some_saga() {
  const auto one_of = [&](const auto& ids) {
    return *std::next(ids.begin(), operator_chance_.below(ids.size()));
  };
  const auto parked = nodes_.parked();
  if (!parked.empty() && operator_chance_.chance(70)) return one_of(parked);
  const auto unfinished = journal_.unfinished();
  if (!unfinished.empty() && operator_chance_.chance(70)) return one_of(unfinished);
  return one_of(ids_);
}

void customers::intervene(then next) {
  const auto id = some_saga();
  const bool retries = operator_chance_.chance(50);
  auto& one = invoke(number_of_operator, operation_kind::operate, std::move(next));
  const auto number = one.number;
  one.reservation = id;
  one.request = retries ? "retry" : "cancel";
  world_.trace([&] {
    return "operation " + std::to_string(number) + ": the operator " + one.request + "s " +
           std::to_string(id);
  });
  if (refused(number)) return;
  const auto action = retries ? domain::operator_action::retry : domain::operator_action::cancel;
  open_.at(number).at->operate({id, action, "mina", proof::reason_of(one)},
                               [this, number](actors::operation_answer answer) {
                                 auto* done = answered(number);
                                 if (!done) return;
                                 take(*done, answer.status);
                                 finish(number);
                               });
}

}  // namespace holdfast::simulation
