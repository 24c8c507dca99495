#include <algorithm>
#include <cassert>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "payments/http_call.hpp"
#include "payments/stripe_dialect.hpp"
#include "payments/stripe_outcomes.hpp"

namespace holdfast::payments {

namespace {

/// A settlement that takes more time-outs than this is broken off as unknown: what it has closed
/// stays closed, and its repetition goes on from there.
constexpr int settle_within_timeouts = 6;

/// What the answer says; nonsense where there is none.
template <class Value>
stripe::answer<Value> read(http_result& result, stripe::answer<Value> (*reader)(const http_answer&)) {
  if (!result) return stripe::nonsense{reason_of(result.error().what)};
  return reader(*result);
}

const char* word_for(http_call::refusal why) {
  return why == http_call::refusal::closed ? "closed" : "too_many_calls";
}

template <class Request, class Answer>
class call_for : public http_call {
 public:
  call_for(Request request, std::function<void(Answer)> done)
      : request_(std::move(request)), done_(std::move(done)) {}

  void refuse(refusal why) override { answer(unknown(word_for(why))); }

 protected:
  /// An exchange whose answer goes to a method of the call.
  template <class Call>
  void ask(http_request request, void (Call::*next)(http_result), sending how = sending::repeatable) {
    asked_at_ = std::chrono::steady_clock::now();
    exchange(std::move(request), how, request_.trace,
             [this, next](http_result result) { (static_cast<Call*>(this)->*next)(std::move(result)); });
  }

  /// What the exchange brought, noting whether the provider seems to be well.
  template <class Read>
  auto understand(http_result& result, Read read_answer) {
    auto understood = read(result, read_answer);
    provider_is_well_ = stripe::is_clear(understood);
    const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - asked_at_);
    longest_exchange_ = std::max(longest_exchange_.value_or(took), took);
    return understood;
  }

  void answer(Answer what) {
    assert(done_);
    what.provider_is_well = provider_is_well_;
    what.longest_exchange = longest_exchange_;
    leave();
    std::exchange(done_, nullptr)(std::move(what));
  }
  static Answer unknown(std::string reason) {
    Answer answer;
    answer.reason = std::move(reason);
    return answer;
  }

  Request request_;
  /// As far as the last answer tells.
  bool provider_is_well_ = false;

 private:
  using milliseconds = std::chrono::milliseconds;

  std::function<void(Answer)> done_;
  std::chrono::steady_clock::time_point asked_at_;
  std::optional<milliseconds> longest_exchange_;
};

class charge_call final : public call_for<charge_request, charge_answer> {
 public:
  using call_for::call_for;

  void refuse(refusal why) override {
    why == refusal::closed ? answer(unknown(word_for(why))) : answer(not_charged(word_for(why)));
  }

 private:
  static charge_answer not_charged(const char* why) { return {charge_status::not_charged, {}, why}; }
  /// As long as nothing of the confirmation was sent, no connection means no charge.
  static bool is_refused(const http_result& result) {
    return !result && result.error().what == http_failure::kind::not_connected;
  }

  void begin() override {
    ask(stripe::create_intent(request_.reservation, request_.price, request_.idempotency_key),
        &charge_call::created);
  }

  void created(http_result result) {
    if (is_refused(result)) return answer(not_charged("connection_refused"));
    auto next = stripe::after_create(understand(result, stripe::read_intent), request_);
    if (auto* end = std::get_if<charge_answer>(&next)) return answer(std::move(*end));
    // Not before: the next owner's settlement finds and cancels what is there by now, and then it can't be
    // confirmed.
    if (request_.lost()) return answer(unknown(reservation_lost));
    intent_ = std::get<std::string>(std::move(next));
    auto confirm = stripe::confirm_intent(intent_, request_);
    request_.card_number.wipe();
    request_.payment_method.wipe();
    ask(std::move(confirm), &charge_call::confirmed, sending::once);
  }

  void confirmed(http_result result) {
    if (is_refused(result)) return answer(not_charged("connection_refused"));
    answer(stripe::after_confirm(understand(result, stripe::read_intent), intent_));
  }

  std::string intent_;
};

class settle_call final : public call_for<settle_request, settle_answer> {
 public:
  using call_for::call_for;

 private:
  using clock = std::chrono::steady_clock;

  /// With the charge's key: the charge's intent comes back, or one is made, so that the charge
  /// that is still on its way finds its key used.
  void begin() override {
    give_up_at_ = clock::now() + settle_within_timeouts * timeout();
    ask(stripe::create_intent(request_.reservation, request_.price, request_.charge_key),
        &settle_call::created);
  }

  void created(http_result result) {
    const auto told = understand(result, stripe::read_intent);
    auto created = stripe::created_intent(told, {request_.reservation, request_.price, request_.placed_at});
    if (created) {
      created_ = std::move(*created);
    } else if (!stripe::is_refused_for_good(told)) {
      return answer(unknown(std::move(created.error())));
    }
    ask(stripe::find_intents(request_.reservation), &settle_call::found);
  }

  void found(http_result result) {
    auto all = stripe::after_search(request_, created_, understand(result, stripe::read_intents));
    if (!all) return answer(unknown(std::move(all.error())));
    intents_ = std::move(*all);
    close_the_rest();
  }

  /// In order, so that which capture stands is known when the next one is looked at.
  void close_the_rest() {
    for (; at_ < intents_.size(); ++at_) {
      const auto& each = intents_[at_];
      if (each.status == stripe::intent_status::canceled) continue;
      if (each.status == stripe::intent_status::succeeded && standing_.empty()) {
        standing_ = each.id;
        continue;
      }
      if (clock::now() >= give_up_at_) {
        provider_is_well_ = false;
        return answer(unknown("time_out"));
      }
      if (each.status == stripe::intent_status::succeeded) {
        return ask(stripe::refund_intent(stripe::surplus_refund(each)), &settle_call::surplus_refunded);
      }
      return ask(stripe::cancel_intent(each.id), &settle_call::cancelled);
    }
    if (standing_.empty()) return answer({settle_status::not_charged, {}, {}});
    answer({settle_status::captured, std::move(standing_), {}});
  }

  void cancelled(http_result result) {
    const auto cancelled = understand(result, stripe::read_intent);
    const auto status = stripe::after_cancel(cancelled, intents_[at_].id);
    if (!status) return answer(unknown(stripe::reason_of(cancelled)));
    intents_[at_].status = *status;
    close_the_rest();
  }

  void surplus_refunded(http_result result) {
    const auto outcome =
        stripe::after_refund(understand(result, stripe::read_refund), stripe::surplus_refund(intents_[at_]));
    // Nothing where it was refunded before.
    if (outcome && outcome->status != refund_status::refunded) return answer(unknown(outcome->reason));
    ++at_;
    close_the_rest();
  }

  clock::time_point give_up_at_;
  /// Nothing where the provider takes no such charge.
  std::optional<stripe::intent> created_;
  std::vector<stripe::intent> intents_;
  std::size_t at_ = 0;
  std::string standing_;
};

class refund_call final : public call_for<refund_request, refund_answer> {
 public:
  using call_for::call_for;

 private:
  void begin() override { ask(stripe::refund_intent(request_), &refund_call::refunded); }

  void refunded(http_result result) {
    auto outcome = stripe::after_refund(understand(result, stripe::read_refund), request_);
    if (outcome) return answer(std::move(*outcome));
    ask(stripe::find_refunds(request_.transaction_id), &refund_call::found);
  }

  void found(http_result result) {
    answer(stripe::after_lookup(understand(result, stripe::read_refunds), request_));
  }
};

}  // namespace

std::shared_ptr<http_call> make_charge_call(charge_request request, std::function<void(charge_answer)> done) {
  return std::make_shared<charge_call>(std::move(request), std::move(done));
}
std::shared_ptr<http_call> make_settle_call(settle_request request, std::function<void(settle_answer)> done) {
  return std::make_shared<settle_call>(std::move(request), std::move(done));
}
std::shared_ptr<http_call> make_refund_call(refund_request request, std::function<void(refund_answer)> done) {
  return std::make_shared<refund_call>(std::move(request), std::move(done));
}

}  // namespace holdfast::payments
