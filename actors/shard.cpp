#include "actors/shard.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/exit_reason.hpp>

#include "actors/backoff.hpp"
#include "actors/failure_notice.hpp"
#include "actors/port_callback.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::actors {

namespace {

/// For its type.
template <class Answer>
Answer answer_of(const reply<Answer>&);

}  // namespace

void shard_state::start(self_pointer self, surroundings_ptr around, reservation_links links,
                        storage::shard_claim claim) {
  self_ = self;
  around_ = std::move(around);
  links.around = around_;
  links.shard = self;
  links.owner_epoch = claim.owner_epoch;
  links_ = std::make_shared<const reservation_links>(std::move(links));
  shard_ = claim.shard;
  next_sequence_ = claim.last_entity == 0 ? 1 : storage::sequence_of(claim.last_entity) + 1;
  list_unfinished();
}

shard_state::~shard_state() {
  for (auto& [id, one] : residents_) {
    caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
    around_->meters->sagas.left();
  }
  if (around_) around_->meters->sagas.woke(sleepers_.size());
}

// --- Routing ---

void shard_state::place(placement_call& call) {
  if (closing_) return hand_on(call);
  if (journal_stands_still()) {
    return call.to.deliver({placement_status::unavailable, 0, {}, false, domain::rejection::none});
  }
  if (full()) {
    return call.to.deliver({placement_status::overloaded, 0, {}, false, domain::rejection::none});
  }
  const auto id = storage::id_of(shard_, next_sequence_++);
  placement_waits_.emplace_back(clock() + around_->options.payment_wait, id);
  const auto trace = call.request.trace;
  auto& one = spawn(id, std::move(call));
  one.trace = trace;
  ++one.sent;
  schedule();
}

void shard_state::replay(const replay_call& call) {
  auto& owner = bring_in(call.what.owner);
  send(owner, call);
  if (closing_) send(owner, leave_shard{});
}

void shard_state::cancel(cancellation_call& call) {
  send_to_known(call);
}

void shard_state::operate(operation_call& call) {
  send_to_known(call);
}

/// A command on a reservation that was there before.
template <class Call>
void shard_state::send_to_known(Call& call) {
  if (closing_) return hand_on(call);
  using status = decltype(answer_of(call.to).status);
  const auto id = call.what.id;
  // An id that was never given out needs no look at the journal.
  if (storage::sequence_of(id) >= next_sequence_) {
    return call.to.deliver({status::unknown_reservation});
  }
  if (journal_stands_still()) return call.to.deliver({status::unavailable});
  if (!residents_.contains(id) && full()) return call.to.deliver({status::overloaded});
  send(bring_in(id), call);
}

/// To the shard's next owner, wherever that is.
template <class Call>
void shard_state::hand_on(Call& call) {
  if (call.from_other_node) {
    decltype(answer_of(call.to)) not_here;
    not_here.status = decltype(not_here.status)::elsewhere;
    return call.to.deliver(std::move(not_here));
  }
  self_->send(links_->forwarder, std::move(call));
}

shard_state::resident& shard_state::bring_in(domain::reservation_id id) {
  const auto found = residents_.find(id);
  if (found != residents_.end()) return found->second;
  const auto slept_until = sleepers_.take(id);
  if (slept_until) around_->meters->sagas.woke(1);
  return spawn(id, std::nullopt, slept_until.value_or(step_retry{}));
}

/// It is in memory, or comes back to it by itself.
bool shard_state::is_known(domain::reservation_id id) const {
  return residents_.contains(id) || sleepers_.contains(id);
}

template <class Message>
void shard_state::send(resident& to, Message&& what) {
  ++to.sent;
  self_->send(to.actor, std::forward<Message>(what));
}

/// A new one begins with its placement.
shard_state::resident& shard_state::spawn(domain::reservation_id id, std::optional<placement_call> placement,
                                          const step_retry& slept_until) {
  auto& one = residents_[id];
  around_->meters->sagas.came();
  one = {self_->spawn(reservation, links_, id, std::move(placement), slept_until), 0, {}};
  notice_failure(one.actor, links_->shard, [id](const caf::error& reason) {
    return reservation_failed{id, reason};
  });
  return one;
}

bool shard_state::journal_stands_still() const {
  return around_->meters->reservations.busy_for_longer_than(around_->options.journal_patience, clock());
}

bool shard_state::full() const {
  return residents_.size() >= bounds().residents;
}

/// For those that come back although nobody asks for them.
bool shard_state::has_room() const {
  return residents_.size() < bounds().residents / 2 && resuming_.size() < bounds().resume_window;
}

// --- Coming to rest, and going ---

/// It leaves at once: most are never asked for again, and thousands that linger would have left the
/// processor's caches when they go.
void shard_state::rested(const reservation_rested& what) {
  if (!drop(what.id, what.heard)) return;
  downs_.erase(what.id);
  resume_more();
}

/// Nothing but its alarm stays.
void shard_state::slept(const reservation_sleeps& what) {
  if (!drop(what.id, what.heard)) return;
  downs_.erase(what.id);
  if (sleepers_.size() < bounds().sleepers) {
    sleepers_.put(what.id, what.until);
    around_->meters->sagas.slept();
  } else {
    around_->retries->remove(what.id, retry_board::by_itself);
    come_back_ = std::min(come_back_, clock() + bounds().come_back_after);
  }
  schedule();
  resume_more();
}

/// A few with each look, however many are due: whoever waits for an answer comes first.
/// While the journal stands still they could do nothing, and would fill the memory.
void shard_state::wake() {
  if (journal_stands_still()) return;
  for (auto left = bounds().wakes_at_once; left > 0 && has_room() && sleepers_.next_alarm() <= clock();
       --left) {
    const auto id = sleepers_.first();
    resuming_.insert(id);
    bring_in(id);
  }
}

/// Lets go of the reservation that says so, and with it of the last who knows its address, unless more
/// was sent than it had heard: that makes it say again what it is up to.
bool shard_state::drop(domain::reservation_id id, std::uint64_t heard) {
  const auto found = residents_.find(id);
  if (!was_sent_by(found)) return false;
  if (found->second.sent != heard) return false;
  forget(found);
  return true;
}

/// Another one may have taken its place, where a reminder of its own kept it in memory.
bool shard_state::was_sent_by(resident_map::const_iterator one) const {
  return one != residents_.end() && one->second.actor == self_->current_sender();
}

void shard_state::forget(resident_map::iterator one) {
  residents_.erase(one);
  around_->meters->sagas.left();
  tell_if_closed();
}

void shard_state::reservation_down(const reservation_failed& what) {
  const auto found = residents_.find(what.id);
  if (found == residents_.end()) return;
  if (!*around_->stopping) {
    const tracing::logged_trace about(found->second.trace);
    spdlog::warn("reservation {} went down and is replayed: {}", found->first,
                 self_->system().render(what.reason));
  }
  if (!closing_)
    self_->delayed_send(self_, backoff(found->first, ++downs_[found->first]), respawn{found->first});
  resuming_.erase(found->first);
  forget(found);
  // It no longer counts among those that are read, so the next page may be due.
  resume_more();
}

/// What it has left on its way to the journal comes first, or its records would be read without.
void shard_state::bring_back(domain::reservation_id id) {
  if (!closing_) self_->send(links_->journal->writer(), settle_entity{id});
}

void shard_state::settled(domain::reservation_id id) {
  if (closing_) return;
  if (!is_known(id)) return void(spawn(id));
  if (sleepers_.contains(id)) return;
  // A command has brought it back, perhaps too early: once more when it has gone.
  self_->delayed_send(self_, longest_backoff, respawn{id});
}

// --- Going to another node ---

void shard_state::close(const close_shard& what) {
  closing_ = true;
  around_->meters->sagas.woke(sleepers_.size());
  sleepers_.clear();
  const bool now = what.within == what.within.zero();
  for (auto& [id, one] : residents_) send(one, leave_shard{now});
  if (!now && !residents_.empty()) self_->delayed_send(self_, what.within, close_shard{});
  tell_if_closed();
}

void shard_state::left(domain::reservation_id id) {
  const auto found = residents_.find(id);
  if (was_sent_by(found)) forget(found);
}

void shard_state::tell_if_closed() {
  if (closing_ && residents_.empty()) self_->send(links_->keeper, shard_closed{shard_});
}

// --- Resuming what is unfinished ---

void shard_state::list_unfinished() {
  listing_ = true;
  around_->ports.reservations.list_unfinished(
      shard_, resumed_up_to_, bounds().resume_window,
      result_to_actor<unfinished_listed>(around_, caf::actor_cast<shard_actor>(self_)));
}

void shard_state::resume(const unfinished_listed& page) {
  listing_ = false;
  if (closing_) return;
  if (!*page.result) return around_->ports.on_fatal(page.result->error().message);
  const auto& ids = **page.result;
  more_unfinished_ = ids.size() == bounds().resume_window;
  if (!ids.empty()) resumed_up_to_ = ids.back();
  for (const auto id : ids) {
    if (is_known(id)) continue;
    resuming_.insert(id);
    spawn(id);
  }
  if (resuming_.empty()) resume_more();
}

void shard_state::loaded(const reservation_loaded& what) {
  const auto found = residents_.find(what.id);
  if (found != residents_.end()) found->second.trace = what.trace;
  if (resuming_.erase(what.id) != 0) resume_more();
}

/// From the first one on: whoever is in memory, or has an alarm, is passed over.
void shard_state::take_up_again() {
  if (closing_) come_back_ = time_point::max();
  if (clock() < come_back_) return;
  if (listing_ || more_unfinished_ || residents_.size() >= bounds().residents / 2) {
    come_back_ = clock() + bounds().come_back_after;
    return;
  }
  come_back_ = time_point::max();
  resumed_up_to_ = 0;
  list_unfinished();
}

/// Those already back may wait for long, for the receipt desk say: that must not keep the others.
void shard_state::resume_more() {
  if (listing_ || !more_unfinished_ || closing_) return;
  if (resuming_.size() < bounds().resume_window / 2 && residents_.size() < bounds().residents / 2)
    list_unfinished();
}

// --- Waits ---

void shard_state::await_cancellation(domain::reservation_id id) {
  cancellation_waits_.emplace_back(clock() + around_->options.cancel_wait, id);
  schedule();
}

template <class Message>
void shard_state::remind(deadlines& waits) {
  for (; !waits.empty() && waits.front().first <= clock(); waits.pop_front()) {
    const auto found = residents_.find(waits.front().second);
    if (found == residents_.end()) continue;
    send(found->second, Message{});
  }
}

void shard_state::look_around() {
  // A later look that was scheduled before an earlier one is not repeated.
  if (clock() < next_look_) return;
  next_look_ = time_point::max();
  remind<placement_wait_over>(placement_waits_);
  remind<cancellation_wait_over>(cancellation_waits_);
  wake();
  take_up_again();
  schedule();
}

void shard_state::schedule() {
  auto due = std::min(come_back_, sleepers_.next_alarm());
  for (const auto* waits : {&placement_waits_, &cancellation_waits_}) {
    if (!waits->empty()) due = std::min(due, waits->front().first);
  }
  if (due == time_point::max()) return;
  due = std::max(due, clock() + shard_tick);
  if (due >= next_look_) return;
  next_look_ = due;
  self_->delayed_send(self_, due - clock(), tick{});
}

shard_actor::behavior_type shard(shard_state::self_pointer self, surroundings_ptr around,
                                 reservation_links links, storage::shard_claim claim) {
  self->state.start(self, std::move(around), std::move(links), claim);
  // CAF looks for the handler of a message from the first on: those of every saga stand before the others.
  return {
      [self](placement_call& call) { self->state.place(call); },
      [self](const reservation_rested& what) { self->state.rested(what); },
      [self](const replay_call& call) { self->state.replay(call); },
      [self](cancellation_call& call) { self->state.cancel(call); },
      [self](operation_call& call) { self->state.operate(call); },
      [self](const cancellation_waits& what) { self->state.await_cancellation(what.id); },
      [self](const reservation_sleeps& what) { self->state.slept(what); },
      [self](const reservation_loaded& what) { self->state.loaded(what); },
      [self](const reservation_failed& what) { self->state.reservation_down(what); },
      [self](const unfinished_listed& page) { self->state.resume(page); },
      [self](tick) { self->state.look_around(); },
      [self](const respawn& what) { self->state.bring_back(what.id); },
      [self](const entity_settled& what) { self->state.settled(what.entity); },
      [self](const close_shard& what) { self->state.close(what); },
      [self](const reservation_left& what) { self->state.left(what.id); },
  };
}

}  // namespace holdfast::actors
