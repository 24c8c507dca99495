#include "actors/reservation.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/sec.hpp>
#include <utility>

#include "actors/entity_reading.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::actors {

// --- Start and end ---

void reservation_state::start(self_pointer self, reservation_links_ptr links, domain::reservation_id id,
                              std::optional<placement_call>& placement, const step_retry& slept_until) {
  self_ = self;
  links_ = std::move(links);
  retry_ = slept_until;
  log_.emplace(id);
  loaded_ = placement.has_value();
  desk_may_know_ = !loaded_;
  if (placement) return place(*placement);
  // Whoever placed it waits no more, and may have been told before it was in memory again.
  told_in_progress_ = true;
  if (auto read = read_or_hear(links_->around, links_->around->ports.reservations, id,
                               caf::actor_cast<reservation_actor>(self))) {
    loaded(*read);
  }
}

reservation_state::~reservation_state() {
  abandon_step();
  // Of one that sleeps its shard's is what is told of its tries.
  if (!may_go_) forget_retry();
}

void reservation_state::loaded(const entity_read& read) {
  if (!*read.result) return go_down(read.result->error().message);
  const auto& records = **read.result;
  for (const auto& record : records) {
    if (auto wrong = log_->replay(record)) return go_down(*wrong);
    if (decided_size_ == 0 && !pending()) decided_size_ = log_->records().size();
  }
  if (!records.empty()) trace_ = storage::trace_of(records.back().record);
  self_->send(links_->shard, reservation_loaded{log_->id(), trace_});
  for (auto& run : std::exchange(waiting_for_load_, {})) run();
  // Only now: the first of them must not say that it rests before the last has been heard.
  loaded_ = true;
  advance();
}

void reservation_state::when_loaded(std::function<void()> run) {
  if (loaded_) return run();
  // Beyond the bound it is dropped, and with it the reply that it owes.
  if (waiting_for_load_.size() < largest_waiters) waiting_for_load_.push_back(std::move(run));
}

/// Each handler of a message of the shard's comes here first. In the end each has to advance() or rest(),
/// at once or later: the shard may have ignored what it was told before.
void reservation_state::hear() {
  ++heard_;
  may_go_ = false;
}

bool reservation_state::may_leave() const {
  return waiting_for_load_.empty() && log_->settled() && !anyone_waits();
}

/// What its saga has left to do the shard's next owner does.
void reservation_state::leave(const leave_shard& what) {
  hear();
  leaving_ = true;
  if (!what.now) return advance();
  if (placement_.pending()) stop_waiting_for_placement();
  while (!cancellations_.empty()) stop_waiting_for_cancellation();
  leave_now();
}

void reservation_state::leave_now() {
  abandon_step();
  self_->send(links_->shard, reservation_left{log_->id()});
  self_->quit();
}

/// Its shard says so in the log, and brings it back.
void reservation_state::go_down(const std::string& why) {
  self_->quit(caf::make_error(caf::sec::runtime_error, why));
}

// --- Commands ---

void reservation_state::place(placement_call& call) {
  hear();
  auto& request = call.request;
  auto decision = domain::decide(log_->state(), domain::place{std::move(request.what)}, now());
  if (decision.refused != domain::rejection::none) {
    call.to.deliver(refusal(placement_status::rejected, decision.refused));
    return rest();
  }
  placement_ = std::move(call.to);
  card_at_hand_ = true;
  card_number_ = std::move(request.card_number);
  payment_method_ = std::move(request.payment_method);
  trace_ = request.trace;
  commit(std::move(decision.events), request.key);
}

void reservation_state::replay(const replay_call& call) {
  hear();
  when_loaded([this, what = call.what, to = call.to]() mutable {
    if (!what.same_fields) {
      to.deliver(refusal(placement_status::key_reused));
    } else if (decided_size_ != 0) {
      log_->when_durable([this, to]() mutable { to.deliver(answer(placement_status::decided, true)); });
    } else if (told_in_progress_) {
      log_->when_durable([to, told = answer(placement_status::in_progress, true)]() mutable {
        to.deliver(std::move(told));
      });
    } else {
      to.deliver(refusal(placement_status::key_in_use));
    }
    advance();
  });
}

void reservation_state::cancel(const cancellation_call& call) {
  hear();
  when_loaded([this, what = call.what, to = call.to]() mutable {
    const domain::cancel wish{what.reason, what.of_user};
    const auto decision = domain::decide(log_->state(), wish, now());
    if (decision.refused != domain::rejection::none) {
      to.deliver({cancellation_status::unknown_reservation});
      return advance();
    }
    if (cancellations_.size() == largest_waiters) return to.deliver({cancellation_status::overloaded});
    cancellations_.push_back({to, 0});
    self_->send(links_->shard, cancellation_waits{log_->id()});
    // The void that follows finds out what the desk has made of it.
    if (under_way_.step == domain::step::issue_receipt) abandon_step();
    if (!decision.events.empty()) trace_ = what.trace;
    decide(wish);
    if (!cancellations_.empty()) cancellations_.back().wished_at_version = log_->state().version;
    const bool done = log_->state().status == domain::reservation_status::reservation_cancelled;
    if (!done) return;
    log_->when_durable([this] {
      answer_cancellations();
      advance();
    });
  });
}

void reservation_state::operate(const operation_call& call) {
  hear();
  when_loaded([this, what = call.what, to = call.to]() mutable {
    if (log_->state().version == 0) {
      to.deliver({operation_status::unknown_reservation});
      return rest();
    }
    auto decision = domain::decide(
        log_->state(), domain::intervene{what.action, what.who, what.why, what.seen_version}, now());
    if (decision.refused != domain::rejection::none) {
      to.deliver({operation_status::rejected});
      return advance();
    }
    const auto status = decision.events.empty() ? operation_status::unchanged : operation_status::recorded;
    const bool cancelled = what.action == domain::operator_action::cancel;
    if (!decision.events.empty()) {
      trace_ = what.trace;
      const tracing::logged_trace about(trace_);
      spdlog::warn("reservation {}: operator {} wants it {}: {}", log_->id(), what.who,
                   cancelled ? "cancelled" : "tried again", what.why);
      // As with a customer's cancellation.
      if (cancelled && under_way_.step == domain::step::issue_receipt) abandon_step();
      commit(std::move(decision.events));
    }
    log_->when_durable([this, to, status, cancelled]() mutable {
      to.deliver({status});
      const bool hurried = status == operation_status::recorded && !cancelled;
      if (hurried) retry_.due = {};
      hurried_ = hurried && under_way_.child;
      if (hurried && under_way_.child) caf::anon_send(under_way_.child, tick{});
      advance();
    });
  });
}

/// Decides, and commits what that brings. A refusal here means that two truths disagree: that is
/// an operator's case, so it parks.
void reservation_state::decide(const domain::reservation_command& command) {
  auto events = decided(command);
  if (events.empty()) return advance();
  commit(std::move(events));
}

std::vector<domain::reservation_event> reservation_state::decided(
    const domain::reservation_command& command) const {
  auto decision = domain::decide(log_->state(), command, now());
  if (decision.refused != domain::rejection::none) {
    const auto why = "an outcome was refused by rule " + std::to_string(static_cast<int>(decision.refused));
    const tracing::logged_trace about(trace_);
    spdlog::error("reservation {}: {}", log_->id(), why);
    decision = domain::decide(log_->state(), domain::park{why}, now());
  }
  return std::move(decision.events);
}

// --- The journal ---

void reservation_state::commit(std::vector<domain::reservation_event> events,
                               const std::optional<storage::idempotency_claim>& key) {
  append_entry append;
  append.on_open_appends = log_->appends_under_way();
  append.entry = log_->commit(std::move(events), links_->owner_epoch, trace_);
  append.entry.key = key;
  const auto& state = log_->state();
  append.row = {
      log_->id(),       state.version,
      log_->records(),  state.what.user_id,
      state.created_at, state.paid_at == domain::timestamp{} ? std::nullopt : std::optional(state.paid_at)};
  if (decided_size_ == 0 && !pending()) {
    decided_size_ = log_->records().size();
    log_->when_durable([this] { answer_placement(); });
  }
  if (state.status == domain::reservation_status::reservation_cancelled) {
    log_->when_durable([this] { answer_cancellations(); });
  }
  append.awaited = anyone_waits();
  append.asker = caf::actor_cast<caf::actor>(self_);
  append.ticket = state.version;
  appends_.push_back(
      {state.version, key ? key->fingerprint : 0,
       append.entry.unfinished ? domain::placement_outcome::pending : domain::outcome_of(state),
       tracing::open_span(links_->around->ports.tracer, trace_, tracing::span_kind::internal, "append")});
  links_->journal->add(std::move(append));
}

void reservation_state::append_over(const append_ended& what) {
  const auto found = std::find_if(appends_.begin(), appends_.end(),
                                  [&](const auto& one) { return one.version == what.ticket; });
  auto ended = std::move(*found);
  appends_.erase(found);
  if (!what.verdict) return go_down("the journal has failed");
  appended(*what.verdict, ended);
}

void reservation_state::appended(const storage::append_verdict& verdict, append_under_way& what) {
  if (verdict.status != storage::append_status::appended) what.span.fail("refused");
  what.span.end();
  switch (verdict.status) {
    case storage::append_status::appended:
      if (what.ended != domain::placement_outcome::pending) links_->around->meters->sagas.ended(what.ended);
      log_->appended(what.version);
      return advance();
    case storage::append_status::key_taken:
      // Nothing was appended: this reservation never was, and its shard may forget it.
      // Whoever wanted to cancel it, having guessed its id, asked for one that is unknown.
      for (auto& waiter : std::exchange(cancellations_, {})) {
        waiter.to.deliver({cancellation_status::unknown_reservation});
      }
      log_.emplace(log_->id());
      decided_size_ = 0;
      forget_card();
      self_->send(links_->shard, replay_call{{verdict.key_owner, verdict.key_fingerprint == what.fingerprint},
                                             std::exchange(placement_, {})});
      return rest();
    case storage::append_status::stale_epoch:
      self_->send(links_->keeper, shard_refused{storage::shard_of(log_->id()), links_->owner_epoch});
      return go_down("another owner has claimed its shard");
    default:
      return go_down("the journal refused an append as stale");
  }
}

// --- Answers ---

placement_answer reservation_state::answer(placement_status status, bool replayed) const {
  const auto size = status == placement_status::decided ? decided_size_ : log_->records().size();
  return {status, log_->id(), log_->records().substr(0, size), replayed, domain::rejection::none};
}

placement_answer reservation_state::refusal(placement_status status, domain::rejection why) const {
  return {status, log_->id(), {}, false, why};
}

void reservation_state::answer_placement() {
  if (placement_.pending()) placement_.deliver(answer(placement_status::decided, false));
  placement_ = {};
}

void reservation_state::answer_cancellations() {
  for (auto& waiter : std::exchange(cancellations_, {})) waiter.to.deliver({cancellation_status::done});
}

void reservation_state::end_placement_wait() {
  hear();
  if (placement_.pending()) stop_waiting_for_placement();
  advance();
}

void reservation_state::stop_waiting_for_placement() {
  if (log_->durable_version() == 0) {
    // The journal is slow or away, and its customer hears that it was not taken: should it become durable
    // all the same, it goes on without its card, which undoes it.
    forget_card();
    placement_.deliver(refusal(placement_status::unavailable));
  } else {
    told_in_progress_ = true;
    placement_.deliver(
        {placement_status::in_progress, log_->id(), log_->durable_records(), false, domain::rejection::none});
  }
}

/// One of these comes for each waiter, in their order.
void reservation_state::end_cancellation_wait() {
  hear();
  if (!cancellations_.empty()) stop_waiting_for_cancellation();
  advance();
}

void reservation_state::stop_waiting_for_cancellation() {
  const bool durable = log_->durable_version() >= cancellations_.front().wished_at_version;
  cancellations_.front().to.deliver(
      {durable ? cancellation_status::in_progress : cancellation_status::unavailable});
  cancellations_.erase(cancellations_.begin());
}

reservation_actor::behavior_type reservation(reservation_state::self_pointer self,
                                             reservation_links_ptr links, domain::reservation_id id,
                                             std::optional<placement_call> placement,
                                             step_retry slept_until) {
  self->state.start(self, std::move(links), id, placement, slept_until);
  // CAF looks for the handler of a message from the first on: those of every saga stand before the others.
  return {
      [self](const append_ended& what) { self->state.append_over(what); },
      [self](const replay_call& call) { self->state.replay(call); },
      [self](const cancellation_call& call) { self->state.cancel(call); },
      [self](const operation_call& call) { self->state.operate(call); },
      [self](const leave_shard& what) { self->state.leave(what); },
      [self](placement_wait_over) { self->state.end_placement_wait(); },
      [self](cancellation_wait_over) { self->state.end_cancellation_wait(); },
      [self](const entity_read& read) { self->state.loaded(read); },
      [self](payment_answered& what) { self->state.payment_tried(what); },
      [self](payment_ended& what) { self->state.payment_over(what); },
      [self](receipt_ended& what) { self->state.receipt_over(what); },
      [self](const try_put_off& what) { self->state.child_put_off(what); },
      [self](const child_failed& what) { self->state.child_down(what); },
      [self](tick) { self->state.advance(); },
  };
}

}  // namespace holdfast::actors
