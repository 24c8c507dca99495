// Invariants 1 and 5: what was acknowledged is in the journal; one key is one reservation and one
// answer. Of 7: what was refused is not in the journal. Of 11: answers are those of the contract.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/proof/case_file.hpp"
#include "tests/proof/contract.hpp"

namespace holdfast::proof {

namespace {

using domain::placement_outcome;

constexpr std::uint32_t created = 201;
constexpr std::uint32_t accepted = 202;

struct answer_of_outcome {
  std::uint32_t status;
  const char* code;
};

/// The contract's answers to a placement that is decided.
answer_of_outcome answer_to(placement_outcome outcome) {
  switch (outcome) {
    case placement_outcome::paid:
      return {created, ""};
    case placement_outcome::declined:
      return {402, "payment-declined"};
    case placement_outcome::unavailable:
      return {503, "payment-unavailable"};
    case placement_outcome::cancelled:
      return {409, "cancelled"};
    case placement_outcome::pending:
      break;
  }
  return {accepted, ""};
}

/// The first outcome that the journal knows: the one that was to be answered.
placement_outcome decided(const journalled_reservation& kept) {
  for (const auto& state : kept.states) {
    if (const auto outcome = domain::outcome_of(state); outcome != placement_outcome::pending) return outcome;
  }
  return placement_outcome::pending;
}

void check_fields(case_file& file, const operation& one, const journalled_reservation& kept) {
  const auto& what = kept.last().what;
  if (!one.currency.empty() && domain::money{one.price_minor, one.currency} != what.price) {
    file.report(1, one.reservation,
                "operation " + std::to_string(one.number) + " placed it at another price than is journalled",
                {&one});
  }
  if (one.user_id != 0 && one.user_id != what.user_id) {
    file.report(1, one.reservation,
                "operation " + std::to_string(one.number) + " placed it for another user than is journalled",
                {&one});
  }
}

void check_placement(case_file& file, const operation& one) {
  const auto name = "operation " + std::to_string(one.number);
  const auto* kept = file.find(one.reservation);
  if (one.reservation == 0 || !kept || kept->version() == 0) {
    return file.report(1, one.reservation,
                       name + " was acknowledged, and the journal has no such reservation", {&one});
  }
  check_fields(file, one, *kept);
  const auto outcome = decided(*kept);
  if (one.status == accepted) {
    if (one.audit && one.replayed && outcome != placement_outcome::pending) {
      file.report(5, one.reservation,
                  name + " repeats its key at rest, and was told that it is still under way", {&one});
    }
    return;
  }
  const auto expected = answer_to(outcome);
  if (outcome == placement_outcome::pending) {
    return file.report(1, one.reservation,
                       name + " was told how it ended, and the journal knows of no outcome", {&one});
  }
  if (expected.status != one.status || expected.code != one.code) {
    file.report(1, one.reservation,
                name + " was answered " + std::to_string(one.status) + " " + one.code +
                    ", and the outcome in the journal calls for " + std::to_string(expected.status) + " " +
                    expected.code,
                {&one});
  }
}

void check_cancellation(case_file& file, const operation& one) {
  if (one.status != 204 && one.status != accepted) return;
  const auto* kept = file.find(one.reservation);
  const auto reached = [&](domain::reservation_status status) {
    return kept && std::any_of(kept->states.begin(), kept->states.end(),
                               [&](const auto& state) { return state.status == status; });
  };
  const bool done = reached(domain::reservation_status::reservation_cancelled);
  const bool begun = done || reached(domain::reservation_status::cancelling);
  if (one.status == 204 ? !done : !begun) {
    file.report(1, one.reservation,
                "operation " + std::to_string(one.number) +
                    " acknowledged its cancellation, and the journal does not have it",
                {&one});
  }
}

/// A repeat names the reservation of the first and says what the first was told.
void check_same_answer(case_file& file, const operation& one, const operation& other) {
  if (one.reservation != other.reservation) {
    return file.report(5, one.reservation,
                       "key " + one.key + " was answered with reservation " +
                           std::to_string(one.reservation) + " and with " + std::to_string(other.reservation),
                       {&one, &other});
  }
  if (one.status == accepted || other.status == accepted) return;
  if (one.status != other.status || one.code != other.code || one.answer != other.answer) {
    file.report(5, one.reservation, "key " + one.key + " was given two different final answers",
                {&one, &other});
  }
}

/// Once an answer was final, or 202, nothing less is said later.
void check_never_less(case_file& file, const operation& before, const operation& later) {
  if (!before.completed || later.invoked <= *before.completed || later.request != before.request) return;
  const bool in_use = later.code == "key-in-use";
  if (in_use || (before.status != accepted && later.status == accepted)) {
    file.report(5, before.reservation,
                "key " + before.key + " was answered before, and later said to be under way",
                {&before, &later});
  }
}

void check_refused_reuse(case_file& file, const operation& one,
                         const std::vector<const operation*>& same_key) {
  const bool other_fields = std::any_of(same_key.begin(), same_key.end(), [&](const operation* other) {
    return other->request != one.request && (!one.completed || other->invoked < *one.completed);
  });
  if (!other_fields) {
    file.report(5, one.reservation,
                "key " + one.key + " was refused as used with other fields, and never was", {&one});
  }
}

void check_key(case_file& file, const std::vector<const operation*>& same_key) {
  const operation* first = nullptr;
  // The earliest of a final answer and of a 202: by these all later ones are judged.
  const operation* final = nullptr;
  const operation* pending = nullptr;
  const operation* original = nullptr;
  for (const auto* one : same_key) {
    if (one->code == "key-reused") check_refused_reuse(file, *one, same_key);
    if (one->outcome != operation_outcome::ok) continue;
    if (!first) first = one;
    if (one->request != first->request) {
      file.report(5, one->reservation, "key " + one->key + " was taken with two different bodies",
                  {first, one});
    } else {
      check_same_answer(file, *first, *one);
    }
    auto& earliest = one->status == accepted ? pending : final;
    if (earliest && one->status != accepted) check_same_answer(file, *earliest, *one);
    if (!earliest || *one->completed < *earliest->completed) earliest = one;
    if (one->replayed) continue;
    if (original) {
      file.report(5, one->reservation, "key " + one->key + " was placed twice, neither answer is a repeat",
                  {original, one});
    }
    original = one;
  }
  for (const auto* one : same_key) {
    if (final) check_never_less(file, *final, *one);
    if (pending) check_never_less(file, *pending, *one);
  }
}

/// Where users tell placements apart: no more reservations of a user than placements.
void check_nothing_twice(case_file& file) {
  std::map<std::uint64_t, std::set<std::string>> wanted;
  for (const auto& one : file.run.operations) {
    if (one.kind != operation_kind::place || one.user_id == 0) continue;
    wanted[one.user_id].insert(one.key.empty() ? "operation " + std::to_string(one.number)
                                               : "key " + one.key);
  }
  if (wanted.empty()) return;
  std::map<std::uint64_t, std::size_t> kept;
  for (const auto& [id, one] : file.reservations) {
    if (one.version() == 0) continue;
    const auto user = one.last().what.user_id;
    const auto found = wanted.find(user);
    if (found != wanted.end() && ++kept[user] > found->second.size()) {
      file.report(5, id,
                  "there are more reservations of user " + std::to_string(user) +
                      " than were placed: " + *found->second.begin() + " made two");
    }
  }
}

/// Users and prices tell placements apart: where every one of a kind was refused, there is none.
void check_refused_placements(case_file& file) {
  using user_and_price = std::pair<std::uint64_t, std::int64_t>;
  std::map<user_and_price, const operation*> refused;
  std::set<user_and_price> others;
  for (const auto& one : file.run.operations) {
    if (one.kind != operation_kind::place || one.user_id == 0) continue;
    const user_and_price kind{one.user_id, one.price_minor};
    one.outcome == operation_outcome::failed ? void(refused.emplace(kind, &one)) : void(others.insert(kind));
  }
  for (const auto& [id, kept] : file.reservations) {
    if (kept.version() == 0) continue;
    const auto& what = kept.last().what;
    const user_and_price kind{what.user_id, what.price.amount_minor};
    const auto found = refused.find(kind);
    if (found == refused.end() || others.contains(kind)) continue;
    file.report(7, id,
                "operation " + std::to_string(found->second->number) +
                    " was refused, as certainly without effect, and the journal has what it asked for",
                {found->second});
  }
}

void check_contract(case_file& file, const operation& one) {
  if (one.status == 0 || is_in_the_contract(one)) return;
  file.report(11, one.reservation,
              "operation " + std::to_string(one.number) + " was answered " + std::to_string(one.status) +
                  " " + one.code + ", which the contract does not know",
              {&one});
}

}  // namespace

void check_answers(case_file& file) {
  for (const auto& one : file.run.operations) {
    check_contract(file, one);
    if (one.outcome != operation_outcome::ok) continue;
    if (one.kind == operation_kind::place) check_placement(file, one);
    if (one.kind == operation_kind::cancel) check_cancellation(file, one);
  }
  for (const auto& [key, same_key] : file.by_key) check_key(file, same_key);
  check_nothing_twice(file);
  check_refused_placements(file);
}

}  // namespace holdfast::proof
