#include "actors/shard.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/exit_reason.hpp>

#include "actors/backoff.hpp"
#include "actors/port_callback.hpp"

namespace holdfast::actors {

void shard_state::start(self_pointer self, surroundings_ptr around, reservation_links links,
                        storage::shard_claim claim) {
  self_ = self;
  around_ = std::move(around);
  links_ = std::move(links);
  links_.shard = self;
  links_.owner_epoch = claim.owner_epoch;
  shard_ = claim.shard;
  next_sequence_ = claim.last_entity == 0 ? 1 : storage::sequence_of(claim.last_entity) + 1;
  list_unfinished();
}

shard_state::~shard_state() {
  for (auto& [id, one] : residents_) caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
}

// --- Routing ---

void shard_state::place(place_reservation& what, placement_reply to) {
  if (full()) {
    return to.deliver({placement_status::overloaded, 0, {}, false, domain::rejection::none});
  }
  const auto id = storage::id_of(shard_, next_sequence_++);
  placement_waits_.emplace_back(clock() + around_->options.payment_wait, id);
  to.delegate(spawn(id, true), std::move(what));
  schedule();
}

void shard_state::replay(const replay_placement& what, placement_reply to) {
  route(what.owner, [what, to](const reservation_actor& owner) mutable { to.delegate(owner, what); });
}

void shard_state::cancel(const cancel_reservation& what, cancellation_reply to) {
  // An id that was never given out needs no look at the journal.
  if (storage::sequence_of(what.id) >= next_sequence_) {
    return to.deliver({cancellation_status::unknown_reservation});
  }
  if (!residents_.contains(what.id) && full()) {
    return to.deliver({cancellation_status::overloaded});
  }
  route(what.id, [what, to](const reservation_actor& owner) mutable { to.delegate(owner, what); });
}

void shard_state::route(domain::reservation_id id, std::function<void(const reservation_actor&)> deliver) {
  const auto found = residents_.find(id);
  if (found == residents_.end()) return deliver(spawn(id, false));
  auto& one = found->second;
  one.rested_at = {};
  if (one.ending) {
    one.held.push_back(std::move(deliver));
  } else {
    deliver(one.actor);
  }
}

const reservation_actor& shard_state::spawn(domain::reservation_id id, bool is_new) {
  auto& one = residents_[id];
  one.actor = self_->spawn<caf::monitored>(reservation, around_, links_, id, is_new);
  return one.actor;
}

bool shard_state::full() {
  if (residents_.size() < largest_residents) return false;
  // Room is made by the one that has rested longest; the next command will find it.
  if (!rests_.empty()) {
    passivate(rests_.front().second);
    rests_.pop_front();
  }
  return true;
}

// --- Coming to rest, and going ---

void shard_state::rested(domain::reservation_id id) {
  downs_.erase(id);
  const auto found = residents_.find(id);
  if (found == residents_.end() || found->second.ending) return;
  const bool already = found->second.rested_at != time_point{};
  found->second.rested_at = clock();
  if (already) return;
  rests_.emplace_back(clock() + passivate_after, id);
  schedule();
}

void shard_state::passivate(domain::reservation_id id) {
  const auto found = residents_.find(id);
  if (found == residents_.end() || found->second.ending || found->second.rested_at == time_point{}) return;
  found->second.ending = true;
  const auto asked = found->second.actor;
  self_->request(asked, caf::infinite, actors::passivate{})
      .then([this, id](bool ended) { passivation_answered(id, ended); },
            // It went down before it could answer, so it has ended.
            [this, id](const caf::error&) { passivation_answered(id, true); });
}

void shard_state::passivation_answered(domain::reservation_id id, bool ended) {
  const auto found = residents_.find(id);
  if (found == residents_.end()) return;
  auto held = std::exchange(found->second.held, {});
  if (ended) {
    residents_.erase(found);
    resume_more();
  } else {
    found->second.ending = false;
    found->second.rested_at = {};
  }
  for (auto& deliver : held) route(id, std::move(deliver));
}

void shard_state::reservation_down(const caf::down_msg& down) {
  if (!down.reason || down.reason == caf::exit_reason::user_shutdown) return;
  const auto found = std::find_if(residents_.begin(), residents_.end(),
                                  [&](const auto& one) { return one.second.actor.address() == down.source; });
  if (found == residents_.end() || found->second.ending) return;
  if (!*around_->stopping) {
    spdlog::warn("reservation {} went down and is replayed: {}", found->first,
                 self_->system().render(down.reason));
  }
  self_->delayed_send(self_, backoff(found->first, ++downs_[found->first]), respawn{found->first});
  resuming_.erase(found->first);
  residents_.erase(found);
}

void shard_state::bring_back(domain::reservation_id id) {
  if (!residents_.contains(id)) spawn(id, false);
}

// --- Resuming what is unfinished ---

void shard_state::list_unfinished() {
  listing_ = true;
  around_->ports.reservations.list_unfinished(
      shard_, resumed_up_to_, resume_window,
      result_to_actor<unfinished_listed>(around_, caf::actor_cast<shard_actor>(self_)));
}

void shard_state::resume(const unfinished_listed& page) {
  listing_ = false;
  if (!*page.result) return around_->ports.on_fatal(page.result->error().message);
  const auto& ids = **page.result;
  more_unfinished_ = ids.size() == resume_window;
  if (!ids.empty()) resumed_up_to_ = ids.back();
  for (const auto id : ids) {
    if (residents_.contains(id)) continue;
    resuming_.insert(id);
    spawn(id, false);
  }
  if (resuming_.empty()) resume_more();
}

void shard_state::loaded(domain::reservation_id id) {
  if (resuming_.erase(id) != 0) resume_more();
}

/// Those already back may wait for long, for the receipt desk say: that must not keep the others.
void shard_state::resume_more() {
  if (listing_ || !more_unfinished_) return;
  if (resuming_.size() < resume_window / 2 && residents_.size() < largest_residents / 2) list_unfinished();
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
    if (found != residents_.end()) self_->send(found->second.actor, Message{});
  }
}

void shard_state::look_around() {
  // A later look that was scheduled before an earlier one is not repeated.
  if (clock() < next_look_) return;
  next_look_ = time_point::max();
  remind<placement_wait_over>(placement_waits_);
  remind<cancellation_wait_over>(cancellation_waits_);
  for (; !rests_.empty() && rests_.front().first <= clock(); rests_.pop_front()) {
    passivate(rests_.front().second);
  }
  schedule();
}

void shard_state::schedule() {
  auto due = time_point::max();
  for (const auto* waits : {&placement_waits_, &cancellation_waits_, &rests_}) {
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
  self->set_down_handler([self](caf::down_msg& down) { self->state.reservation_down(down); });
  return {
      [self](place_reservation& what) {
        return owe<placement_answer>(self, [&](auto to) { self->state.place(what, std::move(to)); });
      },
      [self](const replay_placement& what) {
        return owe<placement_answer>(self, [&](auto to) { self->state.replay(what, std::move(to)); });
      },
      [self](const cancel_reservation& what) {
        return owe<cancellation_answer>(self, [&](auto to) { self->state.cancel(what, std::move(to)); });
      },
      [self](const reservation_loaded& what) { self->state.loaded(what.id); },
      [self](const reservation_rested& what) { self->state.rested(what.id); },
      [self](const cancellation_waits& what) { self->state.await_cancellation(what.id); },
      [self](const unfinished_listed& page) { self->state.resume(page); },
      [self](tick) { self->state.look_around(); },
      [self](const respawn& what) { self->state.bring_back(what.id); },
  };
}

}  // namespace holdfast::actors
