// The sandbox's bank: what a card payment provider would do with each call, decided without a
// thread, a clock or a file, so that the same seed and the same calls give the same history.
// Whoever serves it delivers the answers after their delay, lets late charges land and keeps the
// records: the provider in this process (sandbox_calls.hpp) and `holdfast sandbox` over HTTP.
//
// As in Stripe's dialect a charge is a payment intent that is created without a card and confirmed
// with one; until then it can be cancelled, and a cancelled one can't be confirmed.
//
// It remembers every intent of every reservation, as a bank does: 24 bytes each, about 56 with
// the table around it. It never keeps a card number.
//
// Threading: none of its own; one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/types.hpp"

namespace holdfast::payments {

/// What goes wrong, and how often. Rates are probabilities from 0 to 1, of each charge unless
/// it says otherwise.
struct sandbox_knobs {
  /// Every answer takes this long, evenly distributed between the two.
  std::chrono::milliseconds latency_min{0};
  std::chrono::milliseconds latency_max{0};
  double decline_rate = 0;
  /// Of all calls: a server error, and nothing was done.
  double fail_rate = 0;
  /// Charged, and no answer comes.
  double hang_after_charge_rate = 0;
  /// No answer comes, and it is charged after `lands_late_after` unless it was settled before.
  double lands_late_rate = 0;
  std::chrono::milliseconds lands_late_after{2000};
  /// Of the repeated charges: the key is taken for a new one, and it is charged again.
  double forget_keys_rate = 0;
  /// The first so many tries to refund a transaction fail.
  std::uint32_t refund_failures = 0;
  /// Connections are refused.
  bool outage = false;
};

/// What happened to an intent; enough of them restore the bank. One that was only created leaves
/// no record.
struct bank_record {
  enum class kind : char {
    captured = 'C',
    declined = 'D',
    /// Not written any more: a server error, and nothing was done.
    failed = 'F',
    cancelled = 'X',
    refunded = 'R'
  };
  kind what = kind::failed;
  domain::timestamp at;
  domain::reservation_id reservation = 0;
  /// The reservation's intents count from 1.
  std::uint16_t attempt = 0;
  domain::money price;
  /// Why, where declined; one word.
  std::string_view reason;
  /// No control characters in it. Where cancelled a hash of the intent's key, "#9f3a12bc".
  std::string idempotency_key;
};

/// Names an intent, and the refund of its capture: "pi_257_1", "re_257_1".
struct intent_name {
  domain::reservation_id reservation = 0;
  std::uint16_t attempt = 0;

  bool operator==(const intent_name&) const = default;
  auto operator<=>(const intent_name&) const = default;
};
std::string intent_id(const intent_name& name);
std::string refund_id(const intent_name& name);
std::optional<intent_name> parse_intent_id(std::string_view id);

enum class intent_status : std::uint8_t { requires_payment_method, succeeded, canceled };

struct payment_intent {
  intent_name name;
  domain::money price;
  intent_status status = intent_status::requires_payment_method;
  bool refunded = false;
  /// Since 1970.
  std::chrono::seconds created{0};
};

/// A charge to let land when its time comes.
struct late_charge {
  std::chrono::milliseconds after{0};
  intent_name intent;
  std::string idempotency_key;
};

struct confirmation {
  enum class outcome : std::uint8_t {
    captured,
    declined,
    canceled,
    /// No answer comes.
    hangs
  };
  outcome what = outcome::hangs;
  /// Why, where declined: card_declined, insufficient_funds, processing_error.
  std::string_view reason;
  std::optional<late_charge> late;
};

enum class refund_outcome : std::uint8_t {
  refunded,
  /// Before, with another key.
  already_refunded,
  not_captured,
  amount_differs,
  server_error
};

class sandbox_bank {
 public:
  /// More intents of one reservation are refused: one page of a list shows them all.
  static constexpr std::uint16_t most_attempts = 100;

  /// `record` is called within the call that it is about.
  sandbox_bank(std::uint64_t seed, std::function<void(const bank_record&)> record);

  void turn(const sandbox_knobs& knobs) { knobs_ = knobs; }
  const sandbox_knobs& knobs() const { return knobs_; }

  /// Whether a call fails, and how long its answer takes: drawn for each.
  bool fails() { return happens(knobs_.fail_rate); }
  std::chrono::milliseconds latency();

  /// Whether a charge of this is made at all: not in XTS, the currency for tests (ISO 4217), so that what a
  /// provider refuses for good can be tried.
  static bool takes(const domain::money& price);

  /// The intent of this key, made where there is none. Nothing where there are too many.
  std::optional<payment_intent> create(domain::reservation_id reservation, const domain::money& price,
                                       const std::string& key, domain::timestamp now);

  std::optional<payment_intent> find(const intent_name& name) const;
  /// In the order of their creation.
  std::vector<payment_intent> find_all(domain::reservation_id reservation) const;

  // The intent has to be there.

  /// Again on the same intent: the same outcome.
  confirmation confirm(const intent_name& name, const std::string& card_number, domain::timestamp now);
  /// The intent as it is then: canceled, or succeeded where it was captured.
  payment_intent cancel(const intent_name& name, domain::timestamp now);
  /// Of the whole amount.
  refund_outcome refund(const intent_name& name, std::int64_t amount_minor, const std::string& key,
                        domain::timestamp now);

  /// It is charged now, unless the intent was cancelled.
  void land(const late_charge& late, domain::timestamp now);

  /// Room for so many intents, before restoring them.
  void reserve(std::size_t intents) { intents_.reserve(intents); }
  void restore(const bank_record& record);

 private:
  enum class state : std::uint8_t {
    created,
    pending,
    captured,
    refunded,
    cancelled,
    card_declined,
    insufficient_funds,
    processing_error
  };
  struct intent {
    std::uint32_t key_hash = 0;
    std::uint32_t created_s = 0;
    std::int64_t amount_minor = 0;
    std::uint16_t attempt = 0;
    /// How many tries to refund it failed; once refunded, a hash of the refund's key.
    std::uint16_t refund = 0;
    char currency[3] = {};
    state now = state::created;
  };
  static_assert(sizeof(intent) == 24);

  static std::string_view reason_of(state declined);
  static state verdict_on(const std::string& card_number);
  static bool is_declined(state now) { return now >= state::card_declined; }
  static payment_intent shown(domain::reservation_id reservation, const intent& intent);

  bool happens(double rate);
  const intent* look_up(const intent_name& name) const;
  intent* look_up(const intent_name& name);
  intent& at(const intent_name& name);
  intent* find_key(domain::reservation_id reservation, std::uint32_t key_hash);
  intent& add(domain::reservation_id reservation, const domain::money& price, std::uint32_t key_hash,
              domain::timestamp now);
  void note(bank_record::kind what, domain::reservation_id reservation, const intent& about,
            const std::string& key, domain::timestamp now);

  sandbox_knobs knobs_;
  std::mt19937_64 random_;
  std::function<void(const bank_record&)> record_;
  /// The intents of each reservation, in no order.
  std::unordered_multimap<domain::reservation_id, intent> intents_;
  /// The keys of those that are neither confirmed nor cancelled.
  std::map<intent_name, std::string> open_keys_;
};

}  // namespace holdfast::payments
