// Invariants 2 and 3, and the money of 4 and 10: journal and ledger agree, nobody is charged twice.
#include <algorithm>
#include <set>
#include <string>

#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

namespace {

using domain::payment_status;

bool agrees_with(const books& of, const domain::money& price) {
  const auto same = [&](const ledger_line* line) {
    return line->amount_minor == price.amount_minor && line->currency == price.currency;
  };
  return std::all_of(of.captures.begin(), of.captures.end(), same) &&
         std::all_of(of.refunds.begin(), of.refunds.end(), same);
}

/// What the journal says has to be in the ledger whenever it says it, but while a step is under way:
/// then the ledger may be one step ahead.
void check_against_journal(case_file& file, reservation_id id, const domain::reservation& state,
                           const books& of) {
  const auto captures = of.captures.size();
  const auto refunds = of.refunds.size();
  switch (state.payment) {
    case payment_status::paid:
      if (captures == 0) return file.report(3, id, "it is paid, and the ledger has no capture of it");
      if (refunds > 0 && state.status == domain::reservation_status::reservated) {
        file.report(3, id, "it is confirmed, and the ledger has given its money back");
      }
      return;
    case payment_status::payment_cancelled:
      if (captures == 0) return file.report(4, id, "it is refunded, and the ledger has no capture of it");
      if (refunds == 0) file.report(4, id, "it is cancelled, and the ledger has no refund of it");
      return;
    case payment_status::payment_declined:
    case payment_status::payment_failed:
      if (captures > refunds) file.report(3, id, "it was not paid, and the ledger has its capture");
      return;
    default:
      return;
  }
}

void check_money(case_file& file, reservation_id id, const books& of) {
  const auto* kept = file.find(id);
  if (!kept || kept->version() == 0) {
    return file.report(3, id, "the ledger has money of a reservation that the journal does not have");
  }
  const auto& state = kept->last();
  if (!agrees_with(of, state.what.price)) {
    file.report(2, id, "the ledger has other amounts than its price");
  }
  if (of.captures.size() > 1) file.report(2, id, "it was captured more than once");
  if (of.refunds.size() > 1) file.report(4, id, "it was refunded more than once");
  if (of.refunds.size() > of.captures.size()) {
    file.report(2, id, "more was given back than was captured");
  }
  check_against_journal(file, id, state, of);
}

void check_transaction(case_file& file, reservation_id id, const domain::reservation& state,
                       const books& of) {
  for (const auto* line : of.captures) {
    const bool known = !line->transaction.empty() && !state.transaction_id.empty();
    if (known && line->transaction != state.transaction_id) {
      file.report(2, id, "its transaction in the journal is none of the ledger's captures");
    }
  }
}

/// A charge is asked for once; a repeated call is the same call, by its key.
void check_calls(case_file& file) {
  std::map<reservation_id, std::vector<const provider_call*>> by_reservation;
  for (const auto& call : file.run.calls) by_reservation[call.reservation].push_back(&call);
  for (const auto& [id, calls] : by_reservation) {
    std::size_t charges = 0;
    bool charged_late = false;
    /// Who settled or refunded it. Another node that stood still before it charged could not know, and the
    /// provider refuses it: a settlement is binding.
    std::set<std::string> settled_by;
    std::set<std::string> charge_keys;
    std::set<std::string> refund_keys;
    for (const auto* call : calls) {
      const bool charge = call->what == provider_call::kind::charge;
      charges += charge;
      charged_late |= charge && settled_by.contains(call->node);
      if (!charge) settled_by.insert(call->node);
      (call->what == provider_call::kind::refund ? refund_keys : charge_keys).insert(call->key);
    }
    if (charges > 1) file.report(10, id, "the provider was asked to charge it more than once");
    if (charged_late) file.report(10, id, "it was charged after it had been settled or refunded");
    if (charge_keys.size() > 1) file.report(10, id, "its charge was asked for with more than one key");
    if (refund_keys.size() > 1) file.report(10, id, "its refund was asked for with more than one key");
  }
}

}  // namespace

void check_books(case_file& file) {
  if (file.run.facts.has_calls) check_calls(file);
  if (!file.run.facts.has_ledger) return;
  for (const auto& [id, of] : file.ledger) {
    check_money(file, id, of);
    if (const auto* kept = file.find(id)) check_transaction(file, id, kept->last(), of);
  }
  for (const auto& [id, kept] : file.reservations) {
    if (!file.ledger.contains(id)) check_against_journal(file, id, kept.last(), {});
  }
}

}  // namespace holdfast::proof
