#include "domain/reservation.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace holdfast::domain {

namespace {

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
// Before version 17 clang, which the fuzz targets may be built with, does not deduce aggregates.
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

template <class... Events>
reservation_decision accept(Events&&... events) {
  reservation_decision decided;
  decided.events.reserve(sizeof...(events));
  // One by one: a braced list would copy each.
  (decided.events.emplace_back(std::forward<Events>(events)), ...);
  return decided;
}
reservation_decision reject(rejection why) {
  return {{}, why};
}
const reservation_decision nothing_new{};

bool is_currency_code(const std::string& code) {
  return code.size() == 3 &&
         std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

rejection check(const order& what) {
  const auto largest = static_cast<std::uint64_t>(largest_exact_integer);
  if (what.user_id > largest) return rejection::user_out_of_range;
  if (what.product_id && *what.product_id > largest) return rejection::product_out_of_range;
  if (what.price.amount_minor < 0) return rejection::price_negative;
  if (what.price.amount_minor > largest_exact_integer) return rejection::price_too_large;
  if (!is_currency_code(what.price.currency)) return rejection::currency_malformed;
  return rejection::none;
}

reservation_decision decide_place(const reservation& state, const place& command, timestamp now) {
  if (state.version != 0) {
    return state.what == command.what ? nothing_new : reject(rejection::placed_with_other_fields);
  }
  if (auto why = check(command.what); why != rejection::none) return reject(why);
  return accept(reservation_placed{now, command.what});
}

/// The reason a reservation ends with when its payment came to nothing: a cancellation that was
/// under way keeps its own.
cancel_reason ending(const reservation& state, cancel_reason of_payment) {
  return state.status == reservation_status::cancelling ? state.reason : of_payment;
}

reservation_decision decide_charge(const reservation& state, const record_charge& command, timestamp now) {
  const bool pending = state.payment == payment_status::payment_pending;
  switch (command.result) {
    case charge_result::captured:
      if (!pending) {
        const bool same = state.transaction_id == command.detail && state.paid_at != timestamp{};
        return same ? nothing_new : reject(rejection::payment_contradicted);
      }
      return accept(payment_captured{now, command.detail});
    case charge_result::declined:
      if (state.payment == payment_status::payment_declined) return nothing_new;
      if (!pending) return reject(rejection::payment_contradicted);
      return accept(payment_declined{now, command.detail},
                    reservation_cancelled{now, ending(state, cancel_reason::payment_declined)});
    case charge_result::not_charged:
    case charge_result::interrupted: {
      if (state.payment == payment_status::payment_failed) return nothing_new;
      if (!pending) return reject(rejection::payment_contradicted);
      const auto why = command.result == charge_result::interrupted && !state.unresolved
                           ? cancel_reason::payment_interrupted
                           : cancel_reason::payment_unavailable;
      return accept(payment_failed{now}, reservation_cancelled{now, ending(state, why)});
    }
    case charge_result::unknown:
      // Late news of an attempt that has been settled since.
      if (!pending || state.unresolved) return nothing_new;
      return accept(payment_unresolved{now});
  }
  return nothing_new;
}

reservation_decision decide_receipt(const reservation& state, const record_receipt& command, timestamp now) {
  // A cancellation overtook the desk: the void that follows brings the number along.
  if (state.status == reservation_status::cancelling) return nothing_new;
  if (state.receipt == receipt_status::receipt_pending) {
    return accept(receipt_issued{now, command.receipt_no, command.expected_delivery_at});
  }
  return state.receipt_no == command.receipt_no ? nothing_new : reject(rejection::receipt_contradicted);
}

reservation_decision decide_cancel(const reservation& state, const cancel& command, timestamp now) {
  if (command.of_user && *command.of_user != state.what.user_id) {
    return reject(rejection::unknown_reservation);
  }
  if (state.status == reservation_status::reservation_cancelled) return nothing_new;
  std::vector<reservation_event> events;
  if (state.status != reservation_status::cancelling) {
    events.push_back(cancellation_requested{now, command.reason});
  }
  if (state.parked) events.push_back(reservation_resumed{now});
  return {std::move(events), rejection::none};
}

reservation_decision decide_void(const reservation& state, const record_void& command, timestamp now) {
  if (state.receipt == receipt_status::receipt_cancelled) return nothing_new;
  if (state.status != reservation_status::cancelling || state.receipt == receipt_status::none) {
    return reject(rejection::receipt_contradicted);
  }
  const bool issued = state.receipt == receipt_status::receipt_issued;
  if (issued && !command.receipt_no.empty() && command.receipt_no != state.receipt_no) {
    return reject(rejection::receipt_contradicted);
  }
  return accept(receipt_voided{now, command.receipt_no, command.expected_delivery_at});
}

reservation_decision decide_refund(const reservation& state, const record_refund& command, timestamp now) {
  if (state.payment == payment_status::payment_cancelled) {
    return state.refund_id == command.refund_id ? nothing_new : reject(rejection::refund_contradicted);
  }
  const bool due = state.status == reservation_status::cancelling && state.payment == payment_status::paid &&
                   state.receipt == receipt_status::receipt_cancelled;
  if (!due) return reject(rejection::nothing_to_refund);
  return accept(payment_refunded{now, command.refund_id}, reservation_cancelled{now, state.reason});
}

reservation_decision decide_park(const reservation& state, const park& command, timestamp now) {
  if (state.parked) return nothing_new;
  if (next_step(state) == step::none && !command.at_rest) return reject(rejection::nothing_to_park);
  return accept(reservation_parked{now, command.why});
}

reservation_decision decide_resume(const reservation& state, timestamp now) {
  return state.parked ? accept(reservation_resumed{now}) : nothing_new;
}

bool contains(const std::vector<std::uint64_t>& marks, std::uint64_t mark) {
  return std::find(marks.begin(), marks.end(), mark) != marks.end();
}

std::uint64_t mark_of_retry(const std::string& who, const std::string& why) {
  return std::hash<std::string>()(who + '\n' + why);
}

/// A retry of what has nothing to do, and a cancellation of what is being cancelled, bring nothing new: so
/// neither is an event. What is tried again anyway is tried at once; the same wish is no second event, for a
/// network may bring one twice.
reservation_decision decide_intervene(const reservation& state, const intervene& command, timestamp now) {
  if (command.who.empty() || command.who.size() > largest_operator_name) {
    return reject(rejection::operator_unnamed);
  }
  if (command.why.empty() || command.why.size() > largest_operator_reason) {
    return reject(rejection::reason_missing);
  }
  if (command.seen_version != 0 && command.seen_version != state.version) return nothing_new;
  auto decided = command.action == operator_action::cancel
                     ? decide_cancel(state, {cancel_reason::by_operator}, now)
                     : decide_resume(state, now);
  const bool goes_on = command.action == operator_action::retry && next_step(state) != step::none &&
                       !contains(state.wished_retries, mark_of_retry(command.who, command.why));
  if (decided.events.empty() && !goes_on) return nothing_new;
  decided.events.insert(decided.events.begin(),
                        operator_intervened{now, command.action, command.who, command.why});
  return decided;
}

}  // namespace

reservation_decision decide(const reservation& state, const reservation_command& command, timestamp now) {
  if (auto* wish = std::get_if<place>(&command)) return decide_place(state, *wish, now);
  if (state.version == 0) return reject(rejection::unknown_reservation);
  return std::visit(overloaded{
                        [&](const place&) { return nothing_new; },
                        [&](const record_charge& c) { return decide_charge(state, c, now); },
                        [&](const record_receipt& c) { return decide_receipt(state, c, now); },
                        [&](const cancel& c) { return decide_cancel(state, c, now); },
                        [&](const record_void& c) { return decide_void(state, c, now); },
                        [&](const record_refund& c) { return decide_refund(state, c, now); },
                        [&](const park& c) { return decide_park(state, c, now); },
                        [&](const resume&) { return decide_resume(state, now); },
                        [&](const intervene& c) { return decide_intervene(state, c, now); },
                    },
                    command);
}

namespace {

void unpark(reservation& state) {
  state.parked = false;
  state.parked_because.clear();
}

}  // namespace

reservation evolve(reservation state, const reservation_event& event) {
  apply(state, event);
  return state;
}

void apply(reservation& state, const reservation_event& event) {
  const auto at = time_of(event);
  std::visit(overloaded{
                 [&](const reservation_placed& e) {
                   state.what = e.what;
                   state.status = reservation_status::order;
                   state.payment = payment_status::payment_pending;
                   state.created_at = at;
                   state.payment_modified_at = at;
                 },
                 [&](const payment_unresolved&) { state.unresolved = true; },
                 [&](const payment_captured& e) {
                   state.payment = payment_status::paid;
                   state.transaction_id = e.transaction_id;
                   state.payment_modified_at = state.paid_at = state.receipt_modified_at = at;
                   state.receipt = receipt_status::receipt_pending;
                   state.unresolved = false;
                   if (state.status == reservation_status::order)
                     state.status = reservation_status::reservated;
                 },
                 [&](const payment_declined& e) {
                   state.payment = payment_status::payment_declined;
                   state.decline_reason = e.reason;
                   state.payment_modified_at = at;
                   state.unresolved = false;
                 },
                 [&](const payment_failed&) {
                   state.payment = payment_status::payment_failed;
                   state.payment_modified_at = at;
                   state.unresolved = false;
                 },
                 [&](const receipt_issued& e) {
                   state.receipt = receipt_status::receipt_issued;
                   state.receipt_no = e.receipt_no;
                   state.expected_delivery_at = e.expected_delivery_at;
                   state.receipt_modified_at = at;
                 },
                 [&](const cancellation_requested& e) {
                   state.status = reservation_status::cancelling;
                   state.reason = e.reason;
                 },
                 [&](const receipt_voided& e) {
                   state.receipt = receipt_status::receipt_cancelled;
                   state.receipt_modified_at = at;
                   if (e.receipt_no.empty()) return;
                   state.receipt_no = e.receipt_no;
                   state.expected_delivery_at = e.expected_delivery_at;
                 },
                 [&](const payment_refunded& e) {
                   state.payment = payment_status::payment_cancelled;
                   state.refund_id = e.refund_id;
                   state.payment_modified_at = at;
                 },
                 [&](const reservation_cancelled& e) {
                   state.status = reservation_status::reservation_cancelled;
                   state.reason = e.reason;
                   unpark(state);
                 },
                 [&](const reservation_parked& e) {
                   state.parked = true;
                   state.parked_because = e.why;
                 },
                 [&](const reservation_resumed&) { unpark(state); },
                 [&](const operator_intervened& e) {
                   if (e.action == operator_action::retry)
                     state.wished_retries.push_back(mark_of_retry(e.who, e.why));
                 },
             },
             event);
  ++state.version;
  state.modified_at = at;
}

step next_step(const reservation& state) {
  if (state.parked) return step::none;
  switch (state.status) {
    case reservation_status::none:
    case reservation_status::reservation_cancelled:
      return step::none;
    case reservation_status::order:
      return state.unresolved ? step::settle : step::charge;
    case reservation_status::reservated:
      return state.receipt == receipt_status::receipt_pending ? step::issue_receipt : step::none;
    case reservation_status::cancelling:
      if (state.payment == payment_status::payment_pending) return step::settle;
      if (state.receipt != receipt_status::receipt_cancelled) return step::void_receipt;
      return step::refund;
  }
  return step::none;
}

bool finished(const reservation& state) {
  return !state.parked && next_step(state) == step::none;
}

timestamp time_of(const reservation_event& event) {
  return std::visit([](const auto& e) { return e.at; }, event);
}

placement_outcome outcome_of(const reservation& state) {
  switch (state.status) {
    case reservation_status::none:
    case reservation_status::order:
      return placement_outcome::pending;
    case reservation_status::reservated:
      return placement_outcome::paid;
    case reservation_status::cancelling:
      return placement_outcome::cancelled;
    case reservation_status::reservation_cancelled:
      break;
  }
  switch (state.reason) {
    case cancel_reason::payment_declined:
      return placement_outcome::declined;
    case cancel_reason::payment_unavailable:
    case cancel_reason::payment_interrupted:
      return placement_outcome::unavailable;
    default:
      return placement_outcome::cancelled;
  }
}

}  // namespace holdfast::domain
