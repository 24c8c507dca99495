#include "reconciliation_mending.hpp"

#include <utility>
#include <vector>

#include "blocking_calls.hpp"
#include "storage/event_codec.hpp"

namespace holdfast {

namespace {

std::string text_of(const domain::money& money) {
  return std::to_string(money.amount_minor) + " " + money.currency;
}

}  // namespace

std::string refund_key_for(const difference& what) {
  const auto engines = std::to_string(what.reservation) + "-refund";
  if (what.code == difference_code::missing_refund && what.transaction_id == what.journal_transaction_id) {
    return engines;
  }
  return engines + "-" + what.transaction_id;
}

std::string explain(const difference& what) {
  const auto ledger = what.in_ledger ? text_of(*what.in_ledger) : std::string("nothing");
  const auto journal = what.in_journal ? text_of(*what.in_journal) : std::string("nothing");
  const auto charge = what.transaction_id + " over " + ledger;
  switch (what.code) {
    case difference_code::orphan_charge:
      return "the provider has charge " + charge + ", the journal no such reservation";
    case difference_code::orphan_refund:
      return "the provider has a refund of " + charge +
             " beyond what was charged, the journal no such reservation";
    case difference_code::unpaid_charge:
      return "the provider has charge " + charge + ", the journal has it as cancelled without a payment";
    case difference_code::surplus_charge:
      return "the provider has charge " + charge + " besides the one that counts";
    case difference_code::missing_refund:
      return "the journal has it as refunded, at the provider charge " + charge + " stands";
    case difference_code::missing_charge:
      return "the journal has a payment " + what.journal_transaction_id + " over " + journal +
             ", the provider no charge";
    case difference_code::refunded_though_paid:
      return "the journal has it as paid over " + journal + ", at the provider " + what.transaction_id +
             " is refunded";
    case difference_code::refund_without_charge:
      return "the provider has a refund of " + charge + " beyond what was charged";
    case difference_code::amount_differs:
      return "the provider has charge " + charge + ", the journal a payment over " + journal;
    case difference_code::transaction_differs:
      break;
  }
  return "the provider has charge " + what.transaction_id + ", the journal names " +
         what.journal_transaction_id;
}

mending_result difference_mender::mend(const difference& what) {
  switch (remedy_for(what.code)) {
    case remedy::refund:
      return refund(what);
    case remedy::park:
      return park(what);
    case remedy::by_hand:
      break;
  }
  return {mending::left, "somebody has to look at it"};
}

mending_result difference_mender::refund(const difference& what) {
  payments::refund_request request{what.reservation, *what.in_ledger, what.transaction_id,
                                   refund_key_for(what)};
  const auto answer = wait_for_answer<payments::refund_answer>(
      [&](auto done) { provider_.refund(std::move(request), std::move(done)); });
  if (answer.status == payments::refund_status::refunded) return {mending::refunded, {}};
  not_given_back_ = what.reservation;
  return {mending::left,
          "whether it was refunded is not known (" + answer.reason + "); run it again to find out"};
}

mending_result difference_mender::park(const difference& what) {
  if (not_given_back_ == what.reservation) return {mending::left, "its refund comes first"};
  if (auto failure = append_parking(what)) return {mending::left, std::move(*failure)};
  return {mending::parked, {}};
}

std::optional<std::string> difference_mender::append_parking(const difference& what) {
  const auto stored = read_stored_reservation(journal_, what.reservation);
  if (!stored) return stored.error();
  const auto why = "reconcile: " + std::string(name_of(what.code)) + ": " + explain(what);
  const auto decision = domain::decide(stored->state, domain::park{why, true}, clock_());
  if (decision.refused != domain::rejection::none) return "it can't be parked";
  if (decision.events.empty()) return std::nullopt;  // For another difference, just before.

  const auto shard = storage::shard_of(what.reservation);
  const auto epoch = epoch_of(shard);
  if (!epoch) return epoch.error();
  storage::journal_entry entry{.shard = shard,
                               .owner_epoch = *epoch,
                               .entity = what.reservation,
                               .expected_sequence = stored->state.version,
                               .event_count = static_cast<std::uint32_t>(decision.events.size()),
                               .record = storage::encode_events(decision.events),
                               .unfinished = true,
                               .key = {},
                               .counter = {}};
  using verdicts = storage::journal_result<std::vector<storage::append_verdict>>;
  const auto appended =
      wait_for_answer<verdicts>([&](auto done) { journal_.append({std::move(entry)}, std::move(done)); });
  if (!appended) return appended.error().message;
  if (appended->front().status != storage::append_status::appended) return "the journal refused it as stale";
  return std::nullopt;
}

tl::expected<storage::epoch, std::string> difference_mender::epoch_of(storage::shard_id shard) {
  if (const auto known = epochs_.find(shard); known != epochs_.end()) return known->second;
  using claims = storage::journal_result<std::vector<storage::shard_claim>>;
  const auto claimed = wait_for_answer<claims>([&](auto done) { journal_.claim({shard}, std::move(done)); });
  if (!claimed) return tl::unexpected(claimed.error().message);
  return epochs_[shard] = claimed->front().owner_epoch;
}

}  // namespace holdfast
