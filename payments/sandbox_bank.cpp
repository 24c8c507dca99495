#include "payments/sandbox_bank.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdio>
#include <utility>

namespace holdfast::payments {

namespace {

constexpr std::string_view intent_prefix = "pi_";
constexpr std::string_view refund_prefix = "re_";

/// FNV-1a, folded to 32 bits: keys are compared within one reservation only.
std::uint32_t hash_of(std::string_view key) {
  std::uint64_t hash = 14695981039346656037ull;
  for (unsigned char c : key) hash = (hash ^ c) * 1099511628211ull;
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

std::string hash_text(std::uint32_t hash) {
  char text[10];
  std::snprintf(text, sizeof text, "#%08x", hash);
  return text;
}

/// Of a record: of its key, or the hash that stands in the key's place.
std::uint32_t key_hash_of(const bank_record& record) {
  const std::string_view key = record.idempotency_key;
  std::uint32_t hash = 0;
  if (record.what == bank_record::kind::cancelled && key.starts_with('#') &&
      std::from_chars(key.data() + 1, key.data() + key.size(), hash, 16).ec == std::errc{}) {
    return hash;
  }
  return hash_of(key);
}

std::uint16_t refund_hash_of(std::string_view key) {
  return static_cast<std::uint16_t>(hash_of(key));
}

/// Keys stand at the end of a line in the ledger.
std::string without_controls(std::string key) {
  std::replace_if(
      key.begin(), key.end(), [](unsigned char c) { return c < 0x20; }, '?');
  return key;
}

std::string numbered(std::string_view prefix, const intent_name& name) {
  return std::string(prefix) + std::to_string(name.reservation) + "_" + std::to_string(name.attempt);
}

}  // namespace

std::string intent_id(const intent_name& name) {
  return numbered(intent_prefix, name);
}

std::string refund_id(const intent_name& name) {
  return numbered(refund_prefix, name);
}

std::optional<intent_name> parse_intent_id(std::string_view id) {
  intent_name name;
  if (!id.starts_with(intent_prefix)) return std::nullopt;
  const char* const end = id.data() + id.size();
  const auto reservation = std::from_chars(id.data() + intent_prefix.size(), end, name.reservation);
  if (reservation.ec != std::errc{} || reservation.ptr == end || *reservation.ptr != '_') return std::nullopt;
  const auto attempt = std::from_chars(reservation.ptr + 1, end, name.attempt);
  // Only as it is written here: no zeros in front.
  if (attempt.ec != std::errc{} || intent_id(name) != id) return std::nullopt;
  return name;
}

sandbox_bank::sandbox_bank(std::uint64_t seed, std::function<void(const bank_record&)> record)
    : random_(seed), record_(std::move(record)) {}

// --- The calls ---

bool sandbox_bank::takes(const domain::money& price) {
  return price.currency != "XTS";
}

std::optional<payment_intent> sandbox_bank::create(domain::reservation_id reservation,
                                                   const domain::money& price, const std::string& key,
                                                   domain::timestamp now) {
  auto kept_key = without_controls(key);
  const auto key_hash = hash_of(kept_key);
  const bool full = intents_.count(reservation) >= most_attempts;
  if (const auto* known = find_key(reservation, key_hash)) {
    if (full || !happens(knobs_.forget_keys_rate)) return shown(reservation, *known);
  }
  if (full) return std::nullopt;
  const auto& fresh = add(reservation, price, key_hash, now);
  open_keys_.emplace(intent_name{reservation, fresh.attempt}, std::move(kept_key));
  return shown(reservation, fresh);
}

std::optional<payment_intent> sandbox_bank::find(const intent_name& name) const {
  const auto* known = look_up(name);
  if (known == nullptr) return std::nullopt;
  return shown(name.reservation, *known);
}

std::vector<payment_intent> sandbox_bank::find_all(domain::reservation_id reservation) const {
  std::vector<payment_intent> all;
  const auto [first, last] = intents_.equal_range(reservation);
  for (auto it = first; it != last; ++it) all.push_back(shown(reservation, it->second));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

confirmation sandbox_bank::confirm(const intent_name& name, const std::string& card_number,
                                   domain::timestamp now) {
  using enum confirmation::outcome;
  auto& intent = at(name);
  if (intent.now == state::cancelled) return {canceled, {}, {}};
  if (intent.now == state::captured || intent.now == state::refunded) return {captured, {}, {}};
  if (is_declined(intent.now)) return {declined, reason_of(intent.now), {}};
  if (intent.now == state::pending) return {hangs, {}, {}};

  auto key = std::move(open_keys_.extract(name).mapped());
  intent.now = verdict_on(card_number);
  if (intent.now == state::captured && happens(knobs_.decline_rate)) intent.now = state::card_declined;
  if (is_declined(intent.now)) {
    note(bank_record::kind::declined, name.reservation, intent, key, now);
    return {declined, reason_of(intent.now), {}};
  }
  if (happens(knobs_.lands_late_rate)) {
    intent.now = state::pending;
    return {hangs, {}, late_charge{knobs_.lands_late_after, name, std::move(key)}};
  }
  note(bank_record::kind::captured, name.reservation, intent, key, now);
  return {happens(knobs_.hang_after_charge_rate) ? hangs : captured, {}, {}};
}

payment_intent sandbox_bank::cancel(const intent_name& name, domain::timestamp now) {
  auto& intent = at(name);
  const bool can_be = intent.now == state::created || intent.now == state::pending || is_declined(intent.now);
  if (can_be) {
    intent.now = state::cancelled;
    open_keys_.erase(name);
    note(bank_record::kind::cancelled, name.reservation, intent, hash_text(intent.key_hash), now);
  }
  return shown(name.reservation, intent);
}

refund_outcome sandbox_bank::refund(const intent_name& name, std::int64_t amount_minor,
                                    const std::string& key, domain::timestamp now) {
  using enum refund_outcome;
  auto& intent = at(name);
  const auto kept_key = without_controls(key);
  if (intent.now == state::refunded) {
    return intent.refund == refund_hash_of(kept_key) ? refunded : already_refunded;
  }
  if (intent.now != state::captured) return not_captured;
  if (intent.amount_minor != amount_minor) return amount_differs;
  if (intent.refund < knobs_.refund_failures) {
    ++intent.refund;
    return server_error;
  }
  intent.now = state::refunded;
  intent.refund = refund_hash_of(kept_key);
  note(bank_record::kind::refunded, name.reservation, intent, kept_key, now);
  return refunded;
}

void sandbox_bank::land(const late_charge& late, domain::timestamp now) {
  auto& pending = at(late.intent);
  if (pending.now != state::pending) return;
  pending.now = state::captured;
  note(bank_record::kind::captured, late.intent.reservation, pending, late.idempotency_key, now);
}

void sandbox_bank::restore(const bank_record& record) {
  auto* known = look_up({record.reservation, record.attempt});
  if (known == nullptr) {
    known = &add(record.reservation, record.price, key_hash_of(record), record.at);
    known->attempt = record.attempt;
  }
  switch (record.what) {
    case bank_record::kind::captured:
      known->now = state::captured;
      return;
    case bank_record::kind::failed:
      open_keys_.emplace(intent_name{record.reservation, record.attempt}, record.idempotency_key);
      return;
    case bank_record::kind::cancelled:
      open_keys_.erase({record.reservation, record.attempt});
      known->now = state::cancelled;
      return;
    case bank_record::kind::refunded:
      known->now = state::refunded;
      known->refund = refund_hash_of(record.idempotency_key);
      return;
    case bank_record::kind::declined:
      break;
  }
  known->now = state::card_declined;
  for (auto each : {state::insufficient_funds, state::processing_error}) {
    if (record.reason == reason_of(each)) known->now = each;
  }
}

// --- What decides ---

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

// --- The table ---

const sandbox_bank::intent* sandbox_bank::look_up(const intent_name& name) const {
  const auto [first, last] = intents_.equal_range(name.reservation);
  const auto found =
      std::find_if(first, last, [&](const auto& each) { return each.second.attempt == name.attempt; });
  return found == last ? nullptr : &found->second;
}

sandbox_bank::intent* sandbox_bank::look_up(const intent_name& name) {
  return const_cast<intent*>(std::as_const(*this).look_up(name));
}

sandbox_bank::intent& sandbox_bank::at(const intent_name& name) {
  auto* const known = look_up(name);
  assert(known != nullptr);
  return *known;
}

/// The latest intent with the key: a forgotten one has several.
sandbox_bank::intent* sandbox_bank::find_key(domain::reservation_id reservation, std::uint32_t key_hash) {
  intent* latest = nullptr;
  const auto [first, last] = intents_.equal_range(reservation);
  for (auto it = first; it != last; ++it) {
    auto& each = it->second;
    if (each.key_hash != key_hash) continue;
    if (latest == nullptr || latest->attempt < each.attempt) latest = &each;
  }
  return latest;
}

sandbox_bank::intent& sandbox_bank::add(domain::reservation_id reservation, const domain::money& price,
                                        std::uint32_t key_hash, domain::timestamp now) {
  intent fresh;
  fresh.key_hash = key_hash;
  fresh.created_s =
      static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
  fresh.amount_minor = price.amount_minor;
  // Not their count: an intent of an earlier process may have left no record, but a number.
  const auto [first, last] = intents_.equal_range(reservation);
  for (auto it = first; it != last; ++it) fresh.attempt = std::max(fresh.attempt, it->second.attempt);
  ++fresh.attempt;
  price.currency.copy(fresh.currency, sizeof fresh.currency);
  // A currency is one word in the ledger.
  for (char& c : fresh.currency) {
    if (c != '\0' && (c < 'A' || c > 'z')) c = '?';
  }
  return intents_.emplace(reservation, fresh)->second;
}

payment_intent sandbox_bank::shown(domain::reservation_id reservation, const intent& intent) {
  const std::string_view currency(intent.currency, sizeof intent.currency);
  payment_intent shown;
  shown.name = {reservation, intent.attempt};
  shown.price = {intent.amount_minor, std::string(currency.substr(0, currency.find('\0')))};
  shown.refunded = intent.now == state::refunded;
  shown.created = std::chrono::seconds(intent.created_s);
  if (intent.now == state::captured || shown.refunded) shown.status = intent_status::succeeded;
  if (intent.now == state::cancelled) shown.status = intent_status::canceled;
  return shown;
}

void sandbox_bank::note(bank_record::kind what, domain::reservation_id reservation, const intent& about,
                        const std::string& key, domain::timestamp now) {
  record_({what, now, reservation, about.attempt, shown(reservation, about).price,
           what == bank_record::kind::declined ? reason_of(about.now) : std::string_view{}, key});
}

}  // namespace holdfast::payments
