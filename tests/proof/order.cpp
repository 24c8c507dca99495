// Invariant 7, by a direct argument: the journal's versions are the order in which a reservation's
// commands took effect. It explains a history where each answer fits the version it was given at,
// and no answer is older than what was known before its operation began, or younger than what was
// asked for before it ended. That takes a sort, no search.
#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

namespace {

using domain::reservation_status;

/// 0 where no version is so.
template <class Holds>
std::uint64_t first_version(const journalled_reservation& kept, Holds holds) {
  for (std::size_t version = 1; version < kept.states.size(); ++version) {
    if (holds(kept.states[version])) return version;
  }
  return 0;
}

struct landmarks {
  std::uint64_t decided = 0;
  std::uint64_t cancelling = 0;
  std::uint64_t cancelled = 0;
  /// By the reasons of operators.
  std::map<std::string, std::uint64_t> interventions;
};

std::map<std::string, std::uint64_t> interventions_in(const journalled_reservation& kept) {
  std::map<std::string, std::uint64_t> all;
  for (std::size_t i = 0; i < kept.events.size(); ++i) {
    if (const auto* one = std::get_if<domain::operator_intervened>(&kept.events[i]))
      all.emplace(one->why, i + 1);
  }
  return all;
}

landmarks landmarks_of(const journalled_reservation& kept) {
  return {
      first_version(
          kept, [](const auto& s) { return domain::outcome_of(s) != domain::placement_outcome::pending; }),
      first_version(kept, [](const auto& s) { return s.status == reservation_status::cancelling; }),
      first_version(kept,
                    [](const auto& s) { return s.status == reservation_status::reservation_cancelled; }),
      interventions_in(kept)};
}

/// Which version whoever got this answer knows of, at least.
std::uint64_t known_by(const operation& one, const landmarks& marks) {
  if (one.outcome != operation_outcome::ok) return 0;
  std::uint64_t known = 0;
  for (const auto& seen : one.shown) known = std::max(known, seen.version);
  switch (one.kind) {
    case operation_kind::place:
      return std::max(known, one.status == 202 ? 1 : marks.decided);
    case operation_kind::cancel:
      if (one.status == 204) return marks.cancelled;
      return one.status == 202 ? std::min(marks.cancelling, marks.cancelled) : 0;
    case operation_kind::operate: {
      const auto recorded = marks.interventions.find(reason_of(one));
      const bool told = one.answer == answer_of_recorded && recorded != marks.interventions.end();
      return told ? recorded->second : 0;
    }
    default:
      return known;
  }
}

/// Fields that the document lacks say nothing.
bool fits(const observation& seen, const domain::reservation& state) {
  const auto same = [](auto shown, auto kept) { return shown == decltype(shown){} || shown == kept; };
  return same(seen.status, state.status) && same(seen.payment, state.payment) &&
         same(seen.receipt, state.receipt) && same(seen.receipt_no, state.receipt_no);
}

void check_shown(case_file& file, const operation& one, const observation& seen) {
  const auto* kept = file.find(seen.reservation);
  const auto name = "operation " + std::to_string(one.number);
  if (!kept || seen.version == 0 || seen.version > kept->version()) {
    return file.report(
        1, seen.reservation,
        name + " was shown version " + std::to_string(seen.version) + ", and the journal does not have it",
        {&one});
  }
  if (!fits(seen, kept->states[seen.version])) {
    file.report(7, seen.reservation,
                name + " was shown version " + std::to_string(seen.version) +
                    " otherwise than the journal folds to it",
                {&one});
  }
}

/// Not older than what somebody had heard before it began.
void check_not_stale(case_file& file, const operation& one, std::uint64_t known, const operation* teller) {
  if (one.outcome != operation_outcome::ok || known == 0) return;
  const auto name = "operation " + std::to_string(one.number);
  const auto heard = " what operation " + std::to_string(teller->number) + " had been told before";
  if (one.status == 404) {
    return file.report(7, one.reservation, name + " was answered 404 and so missed" + heard, {teller, &one});
  }
  if (one.kind == operation_kind::read && !one.shown.empty() && one.shown.front().version < known) {
    file.report(7, one.reservation,
                name + " was shown version " + std::to_string(one.shown.front().version) + " and so missed" +
                    heard + ", version " + std::to_string(known),
                {teller, &one});
  }
}

/// Sweeps over the operations by their beginnings, with what was known by then.
void check_staleness(case_file& file, const std::vector<const operation*>& all, const landmarks& marks) {
  auto by_beginning = all;
  std::sort(by_beginning.begin(), by_beginning.end(),
            [](auto* a, auto* b) { return a->invoked < b->invoked; });
  std::vector<const operation*> by_end;
  for (const auto* one : all) {
    if (one->completed) by_end.push_back(one);
  }
  std::sort(by_end.begin(), by_end.end(), [](auto* a, auto* b) { return *a->completed < *b->completed; });

  std::uint64_t known = 0;
  const operation* teller = nullptr;
  auto ended = by_end.begin();
  for (const auto* one : by_beginning) {
    for (; ended != by_end.end() && *(*ended)->completed < one->invoked; ++ended) {
      if (const auto knows = known_by(**ended, marks); knows > known) {
        known = knows;
        teller = *ended;
      }
    }
    check_not_stale(file, *one, known, teller);
    if (one->kind == operation_kind::cancel && one->outcome == operation_outcome::ok && one->status == 202 &&
        marks.cancelled != 0 && known >= marks.cancelled) {
      file.report(7, one->reservation,
                  "operation " + std::to_string(one->number) +
                      " was told 202 for a cancellation that was known to be through",
                  {teller, one});
    }
  }
}

/// Refused, or answered that there is no such reservation.
bool without_effect(const operation& one) {
  return one.outcome == operation_outcome::failed || one.status == 404;
}

/// A customer's cancellation needs a customer, and shows in nothing that ended before.
void check_causes(case_file& file, reservation_id id, const std::vector<const operation*>& all,
                  const journalled_reservation& kept) {
  const auto asked_at = [&] {
    std::optional<moment> earliest;
    for (const auto* one : all) {
      if (one->kind != operation_kind::cancel || without_effect(*one)) continue;
      if (!earliest || one->invoked < *earliest) earliest = one->invoked;
    }
    return earliest;
  }();
  const auto version = first_version(kept, [](const auto& s) {
    return s.status == reservation_status::cancelling && s.reason == domain::cancel_reason::customer;
  });
  if (version == 0) return;
  if (!asked_at) {
    return file.report(7, id, "it was cancelled for its customer, who never asked for it or was refused",
                       all);
  }
  for (const auto* one : all) {
    if (!one->completed || *one->completed >= *asked_at) continue;
    for (const auto& seen : one->shown) {
      if (seen.version >= version) {
        file.report(
            7, id,
            "operation " + std::to_string(one->number) + " was shown a cancellation before it was asked for",
            {one});
      }
    }
  }
}

}  // namespace

void check_order(case_file& file) {
  for (const auto& one : file.run.operations) {
    for (const auto& seen : one.shown) check_shown(file, one, seen);
  }
  const std::vector<const operation*> none;
  for (const auto& [id, all] : file.operations) {
    const auto* kept = file.find(id);
    check_staleness(file, all, kept ? landmarks_of(*kept) : landmarks{});
  }
  for (const auto& [id, kept] : file.reservations) {
    const auto all = file.operations.find(id);
    check_causes(file, id, all == file.operations.end() ? none : all->second, kept);
  }
}

}  // namespace holdfast::proof
