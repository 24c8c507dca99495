// Invariants 9, 10 (replay), 11 and 12: what has to hold of journal, view and operators' list when
// everything has come to rest.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/proof/case_file.hpp"
#include "tests/proof/names.hpp"

namespace holdfast::proof {

namespace {

using domain::payment_status;
using domain::receipt_status;
using domain::reservation_status;

/// Whether the event could happen to a reservation that is so: what its rule allows, told once more.
struct allowed {
  const domain::reservation& before;

  bool pending() const { return before.payment == payment_status::payment_pending; }
  bool over() const { return before.status == reservation_status::reservation_cancelled; }

  bool operator()(const domain::reservation_placed&) const { return before.version == 0; }
  bool operator()(const domain::payment_unresolved&) const { return pending() && !before.unresolved; }
  bool operator()(const domain::payment_captured&) const { return pending(); }
  bool operator()(const domain::payment_declined&) const { return pending(); }
  bool operator()(const domain::payment_failed&) const { return pending(); }
  bool operator()(const domain::receipt_issued&) const {
    return before.receipt == receipt_status::receipt_pending &&
           before.status == reservation_status::reservated;
  }
  bool operator()(const domain::cancellation_requested&) const {
    return !over() && before.status != reservation_status::cancelling;
  }
  bool operator()(const domain::receipt_voided&) const {
    return before.status == reservation_status::cancelling &&
           (before.receipt == receipt_status::receipt_pending ||
            before.receipt == receipt_status::receipt_issued);
  }
  bool operator()(const domain::payment_refunded&) const {
    return before.payment == payment_status::paid && before.status == reservation_status::cancelling;
  }
  bool operator()(const domain::reservation_cancelled&) const {
    return !over() && (before.payment == payment_status::payment_cancelled ||
                       before.payment == payment_status::payment_declined ||
                       before.payment == payment_status::payment_failed);
  }
  bool operator()(const domain::reservation_parked&) const { return !before.parked; }
  bool operator()(const domain::reservation_resumed&) const { return before.parked; }
  bool operator()(const domain::operator_intervened&) const { return before.parked || !over(); }
};

void check_events(case_file& file, reservation_id id, const journalled_reservation& kept) {
  for (std::size_t i = 0; i < kept.events.size(); ++i) {
    const auto& before = kept.states[i];
    const bool first_is_first = (i == 0) == (kept.events[i].index() == 0);
    if (first_is_first && std::visit(allowed{before}, kept.events[i])) continue;
    return file.report(10, id,
                       "event " + std::to_string(i + 1) + " (" + std::string(name_of(kept.events[i])) +
                           ") can't follow on what came before");
  }
}

void check_view(case_file& file) {
  std::set<reservation_id> shown;
  for (const auto& row : file.run.view) {
    const auto id = row.shown.reservation;
    const auto* kept = file.find(id);
    if (!shown.insert(id).second) file.report(9, id, "the view shows it twice");
    if (!kept || kept->version() == 0) {
      file.report(9, id, "the view shows it, and the journal does not have it");
    } else if (row.shown.version != kept->version()) {
      file.report(9, id,
                  "the view shows version " + std::to_string(row.shown.version) + ", the journal has " +
                      std::to_string(kept->version()));
    } else if (!row.records.empty() && row.records != kept->records) {
      file.report(9, id, "the view's row is not made of the journal's records");
    }
  }
  for (const auto& [id, kept] : file.reservations) {
    if (kept.version() > 0 && !shown.contains(id)) file.report(9, id, "the view does not show it");
  }
}

/// Nobody sees a reservation in the view become older.
void check_lists(case_file& file) {
  std::vector<const operation*> lists;
  for (const auto& one : file.run.operations) {
    if (one.kind == operation_kind::list && one.outcome == operation_outcome::ok) lists.push_back(&one);
  }
  auto by_end = lists;
  std::sort(lists.begin(), lists.end(), [](auto* a, auto* b) { return a->invoked < b->invoked; });
  std::sort(by_end.begin(), by_end.end(), [](auto* a, auto* b) { return *a->completed < *b->completed; });
  std::map<reservation_id, std::pair<std::uint64_t, const operation*>> newest;
  auto ended = by_end.begin();
  for (const auto* one : lists) {
    for (; ended != by_end.end() && *(*ended)->completed < one->invoked; ++ended) {
      for (const auto& seen : (*ended)->shown) {
        auto& known = newest[seen.reservation];
        if (seen.version > known.first) known = {seen.version, *ended};
      }
    }
    for (const auto& seen : one->shown) {
      const auto known = newest.find(seen.reservation);
      if (known == newest.end() || seen.version >= known->second.first) continue;
      file.report(9, seen.reservation,
                  "a list showed version " + std::to_string(seen.version) + " after version " +
                      std::to_string(known->second.first),
                  {known->second.second, one});
    }
  }
}

/// Nothing is left to do, by the contract rather than by the engine's own word.
bool through(const domain::reservation& state) {
  if (state.status == reservation_status::reservated) return state.receipt == receipt_status::receipt_issued;
  return state.status == reservation_status::reservation_cancelled;
}

void check_parked(case_file& file) {
  const std::set<reservation_id> listed(file.run.parked.begin(), file.run.parked.end());
  for (const auto& [id, kept] : file.reservations) {
    if (kept.last().parked && !listed.contains(id)) {
      file.report(11, id, "it is parked, and no operator is told");
    }
  }
  for (const auto id : listed) {
    const auto* kept = file.find(id);
    if (!kept || !kept->last().parked)
      file.report(11, id, "operators are told that it is parked, and it is not");
  }
}

/// The journal has a reservation of its user with another price: the key is taken by other fields.
bool taken_by_other_fields(const case_file& file, const operation& one) {
  return std::any_of(file.reservations.begin(), file.reservations.end(), [&](const auto& each) {
    if (each.second.version() == 0) return false;
    const auto& what = each.second.last().what;
    return what.user_id == one.user_id && what.price.amount_minor != one.price_minor;
  });
}

/// Nothing stands in the way any more: whoever asks is served.
void check_audit(case_file& file, const operation& one) {
  if (one.outcome == operation_outcome::ok) return;
  if (one.code == "key-reused" && (one.user_id == 0 || taken_by_other_fields(file, one))) return;
  file.report(11, one.reservation,
              "operation " + std::to_string(one.number) + " was asked for at rest, and was not served: " +
                  std::to_string(one.status) + " " + one.code,
              {&one});
}

void check_liveness(case_file& file) {
  const auto& facts = file.run.facts;
  if (!facts.serves) file.report(11, 0, "nobody takes commands at the end");
  if (facts.shards_without_owner > 0) {
    file.report(11, 0, std::to_string(facts.shards_without_owner) + " shards have no owner at the end");
  }
  for (const auto& one : file.run.operations) {
    if (one.audit) check_audit(file, one);
    if (one.outcome == operation_outcome::pending) {
      file.report(11, one.reservation, "operation " + std::to_string(one.number) + " was never answered",
                  {&one});
    }
    // One that never was may have been on its way to be one.
    const bool about_one = one.kind == operation_kind::place || file.find(one.reservation) != nullptr;
    if (one.outcome == operation_outcome::unknown && about_one && file.run.faults.empty()) {
      file.report(11, one.reservation,
                  "operation " + std::to_string(one.number) +
                      " was left without a clear answer, and nothing had failed",
                  {&one});
    }
  }
  for (const auto& [id, kept] : file.reservations) {
    const auto& state = kept.last();
    if (kept.version() > 0 && !through(state) && !state.parked) {
      file.report(11, id, "it is half done, and nothing goes on");
    }
    if (state.parked && !file.run.facts.may_park) {
      file.report(11, id, "it is parked, though no step can have lacked its outcome for long");
    }
  }
  if (file.run.facts.has_parked) check_parked(file);
}

}  // namespace

void check_rest(case_file& file) {
  for (const auto& [id, kept] : file.reservations) check_events(file, id, kept);
  if (file.run.facts.has_view) check_view(file);
  check_lists(file);
  if (file.run.facts.at_rest) check_liveness(file);
  for (const auto& searched : file.run.canaries) {
    for (const auto& finding : searched.findings) {
      file.report(12, 0, "a card number stands in " + searched.place + ": " + finding);
    }
  }
}

}  // namespace holdfast::proof
