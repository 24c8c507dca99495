#include "payments/sandbox_bank.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::payments {

namespace {

struct test_card {
  std::string_view number;
  std::string_view reason;
};

/// FNV-1a, 64 bit: keys are compared within one reservation only.
std::uint64_t hash_of(std::string_view key) {
  std::uint64_t hash = 14695981039346656037ull;
  for (unsigned char c : key) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

/// Keys stand at the end of a line in the ledger.
std::string without_controls(std::string key) {
  std::replace_if(
      key.begin(), key.end(), [](unsigned char c) { return c < 0x20; }, '?');
  return key;
}

std::string numbered(std::string_view kind, domain::reservation_id reservation, std::uint16_t attempt) {
  return std::string(kind) + std::to_string(reservation) + "_" + std::to_string(attempt);
}
std::string transaction_id(domain::reservation_id reservation, std::uint16_t attempt) {
  return numbered("ch_", reservation, attempt);
}
std::string refund_id(domain::reservation_id reservation, std::uint16_t attempt) {
  return numbered("re_", reservation, attempt);
}

constexpr std::string_view refused = "connection_refused";
constexpr std::string_view server_error = "server_error";

}  // namespace

sandbox_bank::sandbox_bank(std::uint64_t seed, std::function<void(const bank_record&)> record)
    : random_(seed), record_(std::move(record)) {}

charge_reply sandbox_bank::charge(const charge_request& request, domain::timestamp now) {
  charge_reply reply;
  const auto answered = [&](charge_status status, std::string_view reason) {
    reply.answer = charge_answer{status, {}, std::string(reason)};
    return reply;
  };
  if (knobs_.outage) return answered(charge_status::not_charged, refused);
  reply.delay = latency();

  const auto key = without_controls(request.idempotency_key);
  const auto key_hash = hash_of(key);
  if (auto* known = find_key(request.reservation, key_hash); known && !happens(knobs_.forget_keys_rate)) {
    if (known->now != state::pending) reply.answer = answer_of(request.reservation, *known);
    return reply;
  }
  if (closed(request.reservation)) return answered(charge_status::not_charged, "cancelled");
  if (attempts_.count(request.reservation) >= most_attempts) {
    return answered(charge_status::not_charged, "too_many_attempts");
  }

  auto& fresh = add(request.reservation, request.price, key_hash);
  if (happens(knobs_.fail_rate)) {
    fresh.now = state::failed;
    note(bank_record::kind::failed, request.reservation, fresh, key, now);
    return answered(charge_status::unknown, server_error);
  }
  fresh.now = verdict_on(request.card_number.reveal());
  if (fresh.now == state::captured && happens(knobs_.decline_rate)) fresh.now = state::card_declined;
  if (fresh.now != state::captured) {
    note(bank_record::kind::declined, request.reservation, fresh, key, now);
    reply.answer = answer_of(request.reservation, fresh);
    return reply;
  }
  if (happens(knobs_.lands_late_rate)) {
    fresh.now = state::pending;
    reply.late = late_charge{knobs_.lands_late_after, request.reservation, fresh.number, key};
    return reply;
  }
  note(bank_record::kind::captured, request.reservation, fresh, key, now);
  if (!happens(knobs_.hang_after_charge_rate)) reply.answer = answer_of(request.reservation, fresh);
  return reply;
}

bank_reply<settle_answer> sandbox_bank::settle(const settle_request& request, domain::timestamp now) {
  const auto reservation = request.reservation;
  if (knobs_.outage) return {settle_answer{settle_status::unknown, {}, std::string(refused)}, {}};
  const auto delay = latency();
  if (happens(knobs_.fail_rate)) {
    return {settle_answer{settle_status::unknown, {}, std::string(server_error)}, delay};
  }
  std::optional<std::uint16_t> captured;
  const auto [first, last] = attempts_.equal_range(reservation);
  for (auto it = first; it != last; ++it) {
    auto& each = it->second;
    if (each.now == state::captured || each.now == state::refunded) {
      captured = std::min(each.number, captured.value_or(each.number));
    } else if (each.now == state::pending || each.now == state::failed) {
      each.now = state::cancelled;
      note(bank_record::kind::cancelled, reservation, each, {}, now);
    }
  }
  if (captured) {
    return {settle_answer{settle_status::captured, transaction_id(reservation, *captured), {}}, delay};
  }
  // Where nothing was there to be cancelled, a mark keeps out what is still on its way here.
  if (!closed(reservation)) {
    auto& mark = add(reservation, {}, 0);
    mark.now = state::cancelled;
    note(bank_record::kind::cancelled, reservation, mark, {}, now);
  }
  return {settle_answer{settle_status::not_charged, {}, {}}, delay};
}

bank_reply<refund_answer> sandbox_bank::refund(const refund_request& request, domain::timestamp now) {
  const auto unknown = [](std::string_view reason) {
    return refund_answer{refund_status::unknown, {}, std::string(reason)};
  };
  if (knobs_.outage) return {unknown(refused), {}};
  const auto delay = latency();
  if (happens(knobs_.fail_rate)) return {unknown(server_error), delay};

  const auto [first, last] = attempts_.equal_range(request.reservation);
  const auto found = std::find_if(first, last, [&](const auto& each) {
    return transaction_id(request.reservation, each.second.number) == request.transaction_id;
  });
  if (found == last) return {unknown("no_such_transaction"), delay};

  auto& charged = found->second;
  const auto done =
      refund_answer{refund_status::refunded, refund_id(request.reservation, charged.number), {}};
  if (charged.now == state::refunded) return {done, delay};
  if (charged.now != state::captured) return {unknown("not_captured"), delay};
  if (charged.amount_minor != request.price.amount_minor) return {unknown("amount_differs"), delay};
  if (charged.refunds_failed < knobs_.refund_failures) {
    ++charged.refunds_failed;
    return {unknown(server_error), delay};
  }
  charged.now = state::refunded;
  note(bank_record::kind::refunded, request.reservation, charged, without_controls(request.idempotency_key),
       now);
  return {done, delay};
}

void sandbox_bank::land(const late_charge& late, domain::timestamp now) {
  auto* pending = find(late.reservation, late.attempt);
  if (pending == nullptr || pending->now != state::pending) return;
  pending->now = state::captured;
  note(bank_record::kind::captured, late.reservation, *pending, late.idempotency_key, now);
}

void sandbox_bank::restore(const bank_record& record) {
  auto* known = find(record.reservation, record.attempt);
  if (known == nullptr) {
    known = &add(record.reservation, record.price, hash_of(record.idempotency_key));
    known->number = record.attempt;
  }
  switch (record.what) {
    case bank_record::kind::captured:
      known->now = state::captured;
      return;
    case bank_record::kind::failed:
      known->now = state::failed;
      return;
    case bank_record::kind::cancelled:
      known->now = state::cancelled;
      return;
    case bank_record::kind::refunded:
      known->now = state::refunded;
      return;
    case bank_record::kind::declined:
      break;
  }
  known->now = state::card_declined;
  for (auto each : {state::insufficient_funds, state::processing_error}) {
    if (record.reason == reason_of(each)) known->now = each;
  }
}

std::string_view sandbox_bank::reason_of(state declined) {
  switch (declined) {
    case state::insufficient_funds:
      return "insufficient_funds";
    case state::processing_error:
      return "processing_error";
    default:
      return "card_declined";
  }
}

/// The test cards are Stripe's (docs.stripe.com/testing).
sandbox_bank::state sandbox_bank::verdict_on(const std::string& card_number) {
  if (card_number == "4000000000000002") return state::card_declined;
  if (card_number == "4000000000009995") return state::insufficient_funds;
  if (card_number == "4000000000000119") return state::processing_error;
  return state::captured;
}

/// Draws only where chance decides, in the generator's own 53 bits: the standard distributions
/// differ between libraries.
bool sandbox_bank::happens(double rate) {
  if (rate <= 0) return false;
  return static_cast<double>(random_() >> 11) * 0x1.0p-53 < rate;
}

std::chrono::milliseconds sandbox_bank::latency() {
  if (knobs_.latency_max <= knobs_.latency_min) return knobs_.latency_min;
  const auto range = static_cast<std::uint64_t>((knobs_.latency_max - knobs_.latency_min).count()) + 1;
  return knobs_.latency_min + std::chrono::milliseconds(random_() % range);
}

sandbox_bank::attempt* sandbox_bank::find(domain::reservation_id reservation, std::uint16_t number) {
  const auto [first, last] = attempts_.equal_range(reservation);
  const auto found =
      std::find_if(first, last, [&](const auto& each) { return each.second.number == number; });
  return found == last ? nullptr : &found->second;
}

/// The latest attempt with the key: a forgotten one has several.
sandbox_bank::attempt* sandbox_bank::find_key(domain::reservation_id reservation, std::uint64_t key_hash) {
  attempt* latest = nullptr;
  const auto [first, last] = attempts_.equal_range(reservation);
  for (auto it = first; it != last; ++it) {
    auto& each = it->second;
    if (each.key_hash != key_hash) continue;
    if (latest == nullptr || latest->number < each.number) latest = &each;
  }
  return latest;
}

bool sandbox_bank::closed(domain::reservation_id reservation) const {
  const auto [first, last] = attempts_.equal_range(reservation);
  return std::any_of(first, last, [](const auto& each) { return each.second.now == state::cancelled; });
}

sandbox_bank::attempt& sandbox_bank::add(domain::reservation_id reservation, const domain::money& price,
                                         std::uint64_t key_hash) {
  attempt fresh;
  fresh.key_hash = key_hash;
  fresh.amount_minor = price.amount_minor;
  // Not their count: a pending attempt of an earlier process left no record, but a number.
  const auto [first, last] = attempts_.equal_range(reservation);
  for (auto it = first; it != last; ++it) fresh.number = std::max(fresh.number, it->second.number);
  ++fresh.number;
  price.currency.copy(fresh.currency, sizeof fresh.currency);
  // A currency is one word in the ledger.
  for (char& c : fresh.currency) {
    if (c != '\0' && (c < 'A' || c > 'z')) c = '?';
  }
  return attempts_.emplace(reservation, fresh)->second;
}

charge_answer sandbox_bank::answer_of(domain::reservation_id reservation, const attempt& known) const {
  switch (known.now) {
    case state::captured:
    case state::refunded:
      return {charge_status::captured, transaction_id(reservation, known.number), {}};
    case state::failed:
    case state::pending:
      return {charge_status::unknown, {}, std::string(server_error)};
    case state::cancelled:
      return {charge_status::not_charged, {}, "cancelled"};
    default:
      return {charge_status::declined, {}, std::string(reason_of(known.now))};
  }
}

void sandbox_bank::note(bank_record::kind what, domain::reservation_id reservation, const attempt& about,
                        const std::string& key, domain::timestamp now) {
  const std::string_view currency(about.currency, sizeof about.currency);
  record_({what,
           now,
           reservation,
           about.number,
           {about.amount_minor, std::string(currency.substr(0, currency.find('\0')))},
           what == bank_record::kind::declined ? reason_of(about.now) : std::string_view{},
           key});
}

}  // namespace holdfast::payments
