// The sandbox's bank: what a card payment provider would do with each call, decided without a
// thread, a clock or a file, so that the same seed and the same calls give the same history.
// The caller delivers the answers after their delay, lets late charges land and keeps the records.
//
// It remembers every attempt of every reservation, as a bank does: 24 bytes each, about 56 with
// the table around it. It never keeps a card number.
//
// Threading: none of its own; one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

#include "domain/types.hpp"
#include "payments/provider.hpp"

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

/// What happened to one attempt to charge; enough of them restore the bank.
struct bank_record {
  enum class kind : char {
    captured = 'C',
    declined = 'D',
    failed = 'F',
    /// By a settlement: it can't land any more, nor can another charge of its reservation.
    cancelled = 'X',
    refunded = 'R'
  };
  kind what = kind::failed;
  domain::timestamp at;
  domain::reservation_id reservation = 0;
  /// The reservation's attempts count from 1.
  std::uint16_t attempt = 0;
  domain::money price;
  /// Why, where declined; one word.
  std::string_view reason;
  /// No control characters in it.
  std::string idempotency_key;
};

/// An answer and when it arrives.
template <class Answer>
struct bank_reply {
  /// None: the provider hangs.
  std::optional<Answer> answer;
  std::chrono::milliseconds delay{0};
};

/// A charge to let land when its time comes.
struct late_charge {
  std::chrono::milliseconds after{0};
  domain::reservation_id reservation = 0;
  std::uint16_t attempt = 0;
  std::string idempotency_key;
};

struct charge_reply : bank_reply<charge_answer> {
  std::optional<late_charge> late;
};

class sandbox_bank {
 public:
  /// More attempts of one reservation are refused.
  static constexpr std::uint16_t most_attempts = 1000;

  /// `record` is called within the call that it is about.
  sandbox_bank(std::uint64_t seed, std::function<void(const bank_record&)> record);

  void turn(const sandbox_knobs& knobs) { knobs_ = knobs; }
  const sandbox_knobs& knobs() const { return knobs_; }

  charge_reply charge(const charge_request& request, domain::timestamp now);
  bank_reply<settle_answer> settle(const settle_request& request, domain::timestamp now);
  bank_reply<refund_answer> refund(const refund_request& request, domain::timestamp now);

  /// It is charged now, unless a settlement has cancelled it.
  void land(const late_charge& late, domain::timestamp now);

  /// Room for so many attempts, before restoring them.
  void reserve(std::size_t attempts) { attempts_.reserve(attempts); }
  void restore(const bank_record& record);

 private:
  enum class state : std::uint8_t {
    pending,
    captured,
    refunded,
    failed,
    cancelled,
    card_declined,
    insufficient_funds,
    processing_error
  };
  struct attempt {
    std::uint64_t key_hash = 0;
    std::int64_t amount_minor = 0;
    std::uint16_t number = 0;
    std::uint16_t refunds_failed = 0;
    char currency[3] = {};
    state now = state::pending;
  };
  static_assert(sizeof(attempt) == 24);

  static std::string_view reason_of(state declined);
  static state verdict_on(const std::string& card_number);

  bool happens(double rate);
  std::chrono::milliseconds latency();
  attempt* find(domain::reservation_id reservation, std::uint16_t number);
  attempt* find_key(domain::reservation_id reservation, std::uint64_t key_hash);
  bool closed(domain::reservation_id reservation) const;
  attempt& add(domain::reservation_id reservation, const domain::money& price, std::uint64_t key_hash);
  charge_answer answer_of(domain::reservation_id reservation, const attempt& known) const;
  void note(bank_record::kind what, domain::reservation_id reservation, const attempt& about,
            const std::string& key, domain::timestamp now);

  sandbox_knobs knobs_;
  std::mt19937_64 random_;
  std::function<void(const bank_record&)> record_;
  /// The attempts of each reservation, in no order.
  std::unordered_multimap<domain::reservation_id, attempt> attempts_;
};

}  // namespace holdfast::payments
