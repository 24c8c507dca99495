// What a reservation does by itself: the steps of its saga, one after the other, and the waits between their
// tries.
#include <spdlog/spdlog.h>

#include <utility>

#include "actors/backoff.hpp"
#include "actors/failure_notice.hpp"
#include "actors/payment.hpp"
#include "actors/receipt.hpp"
#include "actors/reservation.hpp"
#include "storage/projection_progress.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::actors {

namespace {

const char* span_name(domain::step step) {
  switch (step) {
    case domain::step::charge:
      return "charge";
    case domain::step::settle:
      return "settle";
    case domain::step::issue_receipt:
      return "issue receipt";
    case domain::step::void_receipt:
      return "void receipt";
    case domain::step::refund:
      return "refund";
    case domain::step::none:
      break;
  }
  return "none";
}

const char* word_for(domain::charge_result result) {
  switch (result) {
    case domain::charge_result::captured:
      return "captured";
    case domain::charge_result::declined:
      return "declined";
    case domain::charge_result::not_charged:
    case domain::charge_result::interrupted:
      return "not_charged";
    case domain::charge_result::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

// --- The saga ---

void reservation_state::advance() {
  if (leaving_ && loaded_ && may_leave()) return leave_now();
  if (!loaded_ || !log_->settled() || may_go_) return;
  if (under_way_.step != domain::step::none) {
    // Whoever waited while its child waits for the next try may have gone.
    if (may_sleep()) sleep();
    return;
  }
  publish_parked();
  const auto step = domain::next_step(log_->state());
  if (spdlog::should_log(spdlog::level::debug)) tell_next(step);
  // The one that it was for has ended.
  if (retry_.step != step) forget_retry();
  if (retry_.tries > 0 && retry_.due > self_->clock().now()) return await_next_try(step);
  switch (step) {
    case domain::step::none:
      return rest();
    case domain::step::charge:
    case domain::step::settle:
    case domain::step::refund:
      return begin_payment(step);
    case domain::step::issue_receipt:
    case domain::step::void_receipt:
      return begin_receipt(step);
  }
}

void reservation_state::tell_next(domain::step step) const {
  const tracing::logged_trace about(trace_);
  spdlog::debug("reservation {} at version {}: next step {}", log_->id(), log_->state().version,
                static_cast<int>(step));
}

void reservation_state::publish_parked() {
  const auto& state = log_->state();
  if (state.parked == listed_as_parked_) return;
  listed_as_parked_ = state.parked;
  if (state.parked) {
    links_->around->parked->put({log_->id(), state.modified_at, state.parked_because});
  } else {
    links_->around->parked->remove(log_->id());
  }
}

void reservation_state::rest() {
  // An empty one still tells, so that its shard does not keep it.
  if (!loaded_ || anyone_waits()) return;
  may_go_ = true;
  self_->send(links_->shard, reservation_rested{log_->id(), heard_});
}

void reservation_state::forget_card() {
  card_at_hand_ = false;
  card_number_.wipe();
  payment_method_.wipe();
}

/// With the card where it is at hand, which it is once.
payment_order reservation_state::payment_for(domain::step step) {
  const auto& state = log_->state();
  auto still_owned = card_at_hand_ ? ownership() : nullptr;
  return {under_way_.attempt,
          step,
          log_->id(),
          state.what.price,
          std::exchange(card_at_hand_, false),
          std::exchange(card_number_, {}),
          std::exchange(payment_method_, {}),
          state.transaction_id,
          under_way_.span.context_or(trace_),
          std::move(still_owned),
          state.created_at};
}

/// For a charge: whoever has the reservation next settles it, be it another node or this one's next actor,
/// and then it must not land any more.
std::function<bool()> reservation_state::ownership() {
  under_way_.counts = std::make_shared<const bool>(true);
  return [counts = std::weak_ptr(under_way_.counts), &leases = links_->around->ports.progress] {
    return !counts.expired() && leases.may_serve();
  };
}

receipt_order reservation_state::receipt_for(domain::step step) const {
  return {under_way_.attempt, step,
          log_->id(),         log_->state().paid_at,
          !desk_may_know_,    under_way_.span.context_or(trace_)};
}

void reservation_state::begin(domain::step step) {
  hurried_ = false;
  under_way_ = {step,
                ++attempts_,
                {},
                {links_->around->ports.tracer, trace_, tracing::span_kind::internal, span_name(step)}};
  if (under_way_.span.recorded()) {
    under_way_.span.set("holdfast.reservation.id", static_cast<std::int64_t>(log_->id()));
  }
}

void reservation_state::begin_try(domain::step step) {
  begin(step);
  auto& meter = links_->around->meters->sagas;
  retry_.tries == 0 ? meter.step_begun(step) : meter.step_retried(step);
}

void reservation_state::begin_payment(domain::step step) {
  begin_try(step);
  auto order = payment_for(step);
  try_payment_at_once(
      self_, caf::actor_cast<reservation_actor>(self_), links_->around, links_->breaker, order,
      [this, attempt = attempts_](payment_outcome outcome) {
        payment_answered answer{attempt, outcome.known, outcome.charge, std::move(outcome.detail)};
        payment_tried(answer);
      });
}

void reservation_state::payment_tried(payment_answered& what) {
  if (what.attempt != under_way_.attempt) return;
  if (!what.known && !retry_.for_too_long(self_->clock().now())) return put_off(std::move(what.detail));
  payment_ended ended{what.attempt, under_way_.step, what.charge, std::move(what.detail), !what.known};
  payment_over(ended);
}

void reservation_state::begin_receipt(domain::step step) {
  begin_try(step);
  const auto ask = [this, step](const auto& whom) {
    try_receipt(
        self_, whom, receipt_for(step),
        [this, attempt = attempts_](receipt_answer& answer) {
          receipt_ended ended{attempt, std::move(answer)};
          receipt_over(ended);
        },
        [this, attempt = attempts_](caf::error&) {
          if (attempt != under_way_.attempt) return;
          // What the desk may have done by now it finds out.
          desk_may_know_ = true;
          put_off(desk_is_away);
        });
  };
  const auto clerk = links_->around->door->clerk_of(storage::shard_of(log_->id()));
  clerk ? ask(clerk) : ask(links_->desk);
}

// --- Waiting for the next try ---

/// A try of its own had no outcome.
void reservation_state::put_off(std::string why) {
  retry_.step = under_way_.step;
  const auto wait = retry_.put_off(log_->id(), self_->clock().now());
  links_->around->retries->put(
      log_->id(), retry_board::by_itself,
      {retry_.step, retry_.tries, std::move(why), links_->around->ports.clock() + wait});
  await_next_try(retry_.step);
}

void reservation_state::await_next_try(domain::step step) {
  if (may_sleep()) return sleep();
  if (under_way_.step == domain::step::none) begin(step);
  const auto me = caf::actor_cast<reservation_actor>(self_);
  if (step == domain::step::issue_receipt || step == domain::step::void_receipt) {
    supervise(self_->spawn(receipt, receipt_for(step), retry_, links_->around, me, links_->desk));
  } else {
    supervise(self_->spawn(payment, payment_for(step), retry_, links_->around, me, links_->breaker));
  }
}

bool reservation_state::may_sleep() const {
  return retry_.tries > 0 && retry_.far_off(self_->clock().now()) && !leaving_ && may_leave();
}

void reservation_state::sleep() {
  links_->around->retries->take_over(log_->id());
  // What was tried for it so far had no outcome; its next span is another one.
  under_way_.span.fail("no_outcome");
  abandon_step();
  may_go_ = true;
  self_->send(links_->shard, reservation_sleeps{log_->id(), heard_, retry_});
}

void reservation_state::forget_retry() {
  if (retry_.tries == 0) return;
  links_->around->retries->remove(log_->id(), retry_board::by_itself);
  retry_ = {};
}

void reservation_state::child_put_off(const try_put_off& what) {
  if (what.attempt != under_way_.attempt) return;
  retry_ = what.until;
  // It did not know yet.
  if (std::exchange(hurried_, false)) retry_.due = {};
  advance();
}

template <class Handle>
void reservation_state::supervise(const Handle& child) {
  under_way_.child = caf::actor_cast<caf::actor>(child);
  notice_failure(under_way_.child, caf::actor_cast<reservation_actor>(self_),
                 [attempt = under_way_.attempt](const caf::error& reason) {
                   return child_failed{attempt, reason};
                 });
}

/// What its first try or its child will say does not count any more.
void reservation_state::abandon_step() {
  if (under_way_.child) caf::anon_send_exit(under_way_.child, caf::exit_reason::user_shutdown);
  under_way_ = {};
}

void reservation_state::payment_over(payment_ended& what) {
  if (what.attempt != under_way_.attempt) return;
  end_step_span(what);
  under_way_ = {};
  if (what.gave_up) {
    const tracing::logged_trace about(trace_);
    spdlog::error("reservation {} is parked for an operator: step {} had no outcome for too long: {}",
                  log_->id(), static_cast<int>(what.step), what.detail);
    // Whoever has it tried again means a new hour.
    forget_retry();
    return decide(domain::park{std::move(what.detail)});
  }
  if (what.step == domain::step::refund) return decide(domain::record_refund{std::move(what.detail)});
  decide(domain::record_charge{what.charge, std::move(what.detail)});
}

void reservation_state::end_step_span(const payment_ended& what) {
  auto& span = under_way_.span;
  if (!span.recorded()) return;
  if (what.gave_up) return span.fail("no_outcome");
  if (what.step == domain::step::refund) return;
  const auto* outcome = word_for(what.charge);
  span.set("holdfast.payment.outcome", std::string(outcome));
  // No outcome is a failure of the step, a decline is an outcome.
  const bool known =
      what.charge == domain::charge_result::captured || what.charge == domain::charge_result::declined;
  if (!known && what.step == domain::step::charge) span.fail(outcome);
}

void reservation_state::receipt_over(receipt_ended& what) {
  if (what.attempt != under_way_.attempt) return;
  const auto step = std::exchange(under_way_, {}).step;
  const domain::zoned_timestamp date{
      domain::timestamp{std::chrono::milliseconds{what.answer.expected_delivery_at_ms}},
      std::chrono::minutes{what.answer.utc_offset_minutes}};
  if (step == domain::step::issue_receipt) {
    if (what.answer.is_void) return decide(domain::park{"the receipt desk says that the receipt is void"});
    return decide(domain::record_receipt{std::move(what.answer.receipt_no), date});
  }
  const bool numbered = !what.answer.receipt_no.empty();
  receipt_voided({std::move(what.answer.receipt_no), numbered ? std::optional(date) : std::nullopt});
}

/// The void is durable, at the desk: its refund need not wait until it is recorded here too. Where that has
/// its outcome at once both are one record.
void reservation_state::receipt_voided(const domain::record_void& what) {
  log_->gather(decided(what));
  if (!leaving_ && domain::next_step(log_->state()) == domain::step::refund) {
    forget_retry();
    begin_payment(domain::step::refund);
  }
  if (log_->has_gathered()) return commit({});
  advance();
}

void reservation_state::child_down(const child_failed& what) {
  if (!under_way_.child || what.attempt != under_way_.attempt) return;
  const auto step = std::exchange(under_way_, {}).step;
  const tracing::logged_trace about(trace_);
  spdlog::error("reservation {}: the child for step {} went down: {}", log_->id(), static_cast<int>(step),
                self_->system().render(what.reason));
  self_->delayed_send(self_, backoff(log_->id(), ++children_down_), tick{});
}

}  // namespace holdfast::actors
