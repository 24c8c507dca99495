#include "reconciliation.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {

namespace {

using domain::payment_status;
using payments::money_movement;

/// A capture and what of it was given back.
struct charge {
  const money_movement* captured = nullptr;
  std::int64_t refunded_minor = 0;
  bool touched = false;

  std::int64_t left_minor() const { return captured->price.amount_minor - refunded_minor; }
  /// A charge of nothing stands until it is refunded, too.
  bool stands() const { return !touched || left_minor() > 0; }
};

/// The comparison of one reservation.
class comparison {
 public:
  comparison(domain::reservation_id id, const domain::reservation& state,
             const std::vector<money_movement>& movements)
      : id_(id), state_(state) {
    gather_charges(movements);
    gather_refunds(movements);
  }

  std::vector<difference> result() {
    if (!in_journal()) {
      report_standing(difference_code::orphan_charge);
    } else if (state_.payment == payment_status::paid) {
      judge_paid();
    } else if (state_.payment == payment_status::payment_cancelled) {
      judge_refunded();
    } else {
      report_standing(difference_code::unpaid_charge);
    }
    std::stable_partition(found_.begin(), found_.end(),
                          [](const auto& each) { return remedy_for(each.code) == remedy::refund; });
    return std::move(found_);
  }

 private:
  bool in_journal() const { return state_.version != 0; }

  void gather_charges(const std::vector<money_movement>& movements) {
    for (const auto& each : movements) {
      if (each.what == money_movement::kind::charge) charges_.push_back({&each});
    }
  }

  void gather_refunds(const std::vector<money_movement>& movements) {
    for (const auto& each : movements) {
      if (each.what == money_movement::kind::charge) continue;
      const auto of = std::find_if(charges_.begin(), charges_.end(), [&](const charge& known) {
        return known.stands() && known.captured->transaction_id == each.transaction_id &&
               known.captured->price.currency == each.price.currency;
      });
      auto too_much = each.price;
      if (of != charges_.end()) {
        of->touched = true;
        const auto taken = std::min(of->left_minor(), each.price.amount_minor);
        of->refunded_minor += taken;
        too_much.amount_minor -= taken;
        if (too_much.amount_minor == 0) continue;
      }
      report(in_journal() ? difference_code::refund_without_charge : difference_code::orphan_refund,
             each.transaction_id, too_much);
    }
  }

  void judge_paid() {
    const auto standing = [](const charge& each) { return each.stands(); };
    auto kept = std::find_if(charges_.begin(), charges_.end(),
                             [&](const charge& each) { return each.stands() && is_the_journals(each); });
    if (kept == charges_.end()) kept = std::find_if(charges_.begin(), charges_.end(), standing);
    if (charges_.empty()) return report(difference_code::missing_charge, {}, std::nullopt);
    if (kept == charges_.end()) {
      const charge& refunded = the_journals_or_first();
      return report(difference_code::refunded_though_paid, refunded.captured->transaction_id, left(refunded));
    }
    for (const charge& each : charges_) {
      if (&each != &*kept && each.stands()) report(difference_code::surplus_charge, each);
    }
    if (!is_the_journals(*kept)) report(difference_code::transaction_differs, *kept);
    if (left(*kept) != state_.what.price) report(difference_code::amount_differs, *kept);
  }

  void judge_refunded() {
    if (charges_.empty()) return report(difference_code::missing_charge, {}, std::nullopt);
    const charge& own = the_journals_or_first();
    for (const charge& each : charges_) {
      if (!each.stands()) continue;
      report(&each == &own ? difference_code::missing_refund : difference_code::surplus_charge, each);
    }
    if (!is_the_journals(own)) report(difference_code::transaction_differs, own);
    if (own.captured->price != state_.what.price) {
      report(difference_code::amount_differs, own.captured->transaction_id, own.captured->price);
    }
  }

  bool is_the_journals(const charge& each) const {
    return each.captured->transaction_id == state_.transaction_id;
  }
  const charge& the_journals_or_first() const {
    const auto own = std::find_if(charges_.begin(), charges_.end(),
                                  [&](const charge& each) { return is_the_journals(each); });
    return own == charges_.end() ? charges_.front() : *own;
  }

  static domain::money left(const charge& of) { return {of.left_minor(), of.captured->price.currency}; }

  void report_standing(difference_code code) {
    for (const charge& each : charges_) {
      if (each.stands()) report(code, each);
    }
  }
  void report(difference_code code, const charge& about) {
    report(code, about.captured->transaction_id, left(about));
  }
  void report(difference_code code, const std::string& transaction, std::optional<domain::money> in_ledger) {
    difference one{code, id_, transaction, std::move(in_ledger), {}, {}};
    if (in_journal()) {
      one.journal_transaction_id = state_.transaction_id;
      one.in_journal = state_.what.price;
    }
    found_.push_back(std::move(one));
  }

  const domain::reservation_id id_;
  const domain::reservation& state_;
  std::vector<charge> charges_;
  std::vector<difference> found_;
};

}  // namespace

std::string_view name_of(difference_code code) {
  switch (code) {
    case difference_code::orphan_charge:
      return "orphan_charge";
    case difference_code::orphan_refund:
      return "orphan_refund";
    case difference_code::unpaid_charge:
      return "unpaid_charge";
    case difference_code::surplus_charge:
      return "surplus_charge";
    case difference_code::missing_refund:
      return "missing_refund";
    case difference_code::missing_charge:
      return "missing_charge";
    case difference_code::refunded_though_paid:
      return "refunded_though_paid";
    case difference_code::refund_without_charge:
      return "refund_without_charge";
    case difference_code::amount_differs:
      return "amount_differs";
    case difference_code::transaction_differs:
      break;
  }
  return "transaction_differs";
}

remedy remedy_for(difference_code code) {
  switch (code) {
    case difference_code::orphan_charge:
    case difference_code::unpaid_charge:
    case difference_code::surplus_charge:
    case difference_code::missing_refund:
      return remedy::refund;
    case difference_code::orphan_refund:
      return remedy::by_hand;
    default:
      return remedy::park;
  }
}

std::vector<difference> compare(domain::reservation_id id, const domain::reservation& state,
                                const std::vector<money_movement>& movements) {
  return comparison(id, state, movements).result();
}

// --- The ledger ---

void ledger_table::add(const money_movement& movement) {
  row& added = rows_.emplace_back();
  added.reservation = movement.reservation;
  added.amount_minor = movement.price.amount_minor;
  added.transaction_id = movement.transaction_id;
  added.order = static_cast<std::uint32_t>(rows_.size());
  movement.price.currency.copy(added.currency, sizeof added.currency);
  added.what = movement.what;
  ++(movement.what == money_movement::kind::charge ? charges_ : refunds_);
}

void ledger_table::sort() {
  std::sort(rows_.begin(), rows_.end(), [](const row& left, const row& right) {
    return std::pair(left.reservation, left.order) < std::pair(right.reservation, right.order);
  });
}

money_movement ledger_table::movement_of(const row& row) {
  const std::string_view currency(row.currency, sizeof row.currency);
  return {row.what,
          row.reservation,
          {row.amount_minor, std::string(currency.substr(0, currency.find('\0')))},
          row.transaction_id};
}

std::vector<money_movement> ledger_table::take(domain::reservation_id reservation) {
  std::vector<money_movement> taken;
  auto each = std::lower_bound(rows_.begin(), rows_.end(), reservation,
                               [](const row& row, auto wanted) { return row.reservation < wanted; });
  for (; each != rows_.end() && each->reservation == reservation; ++each) {
    each->taken = true;
    taken.push_back(movement_of(*each));
  }
  return taken;
}

void ledger_table::take_rest(
    const std::function<void(domain::reservation_id, const std::vector<money_movement>&)>& each) {
  for (const row& row : rows_) {
    if (!row.taken) each(row.reservation, take(row.reservation));
  }
}

// --- All of it ---

reconciliation::reconciliation(ledger_table ledger, domain::timestamp ledger_read_from,
                               std::function<void(const difference&)> found,
                               std::function<void(domain::reservation_id, const std::string&)> parked)
    : ledger_(std::move(ledger)),
      ledger_read_from_(ledger_read_from),
      found_(std::move(found)),
      parked_(std::move(parked)) {
  ledger_.sort();
}

void reconciliation::look_at(const stored_reservation& stored) {
  ++counts_.reservations;
  // Taken in any case: they are not nobody's.
  const auto movements = ledger_.take(stored.id);
  if (stored.state.parked) {
    ++counts_.parked;
    return parked_(stored.id, stored.state.parked_because);
  }
  if (!domain::finished(stored.state) || stored.state.modified_at >= ledger_read_from_) {
    ++counts_.under_way;
    return;
  }
  judge(stored.id, stored.state, movements);
}

void reconciliation::finish() {
  ledger_.take_rest([this](auto id, const auto& movements) { judge(id, {}, movements); });
}

void reconciliation::judge(domain::reservation_id id, const domain::reservation& state,
                           const std::vector<money_movement>& movements) {
  for (const auto& each : compare(id, state, movements)) {
    ++counts_.differences;
    found_(each);
  }
}

reconciliation_counts reconciliation::counts() const {
  auto counts = counts_;
  counts.charges = ledger_.charges();
  counts.refunds = ledger_.refunds();
  return counts;
}

}  // namespace holdfast
