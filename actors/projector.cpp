#include "actors/projector.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "actors/port_callback.hpp"
#include "storage/event_codec.hpp"
#include "storage/projection_progress.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::actors {

namespace {

/// The row that an entity's records lead to; nothing where they can't be read.
std::optional<storage::view_row> row_of(storage::entity_id id,
                                        const std::vector<storage::journal_record>& records) {
  storage::view_row row;
  row.id = id;
  for (const auto& record : records) row.records += record.record;
  const auto state = storage::fold_reservation(row.records);
  if (!state) {
    const tracing::logged_trace about(storage::trace_of(row.records));
    spdlog::error("reservation {} can't be projected: {}", id, state.error().message);
    return std::nullopt;
  }
  row.version = state->version;
  row.user_id = state->what.user_id;
  row.created_at = state->created_at;
  if (state->paid_at != domain::timestamp{}) row.paid_at = state->paid_at;
  return row;
}

}  // namespace

void projector_state::start(self_pointer self, surroundings_ptr around) {
  self_ = self;
  around_ = std::move(around);
  self_->delayed_send(self_, view_look, tick{});
}

void projector_state::gain(const shards_gained& what) {
  for (const auto shard : what.shards) {
    kept_.set(shard);
    around_->ports.progress.kept(shard, true);
  }
  gained_ = true;
  around_->meters->projection.falls_behind(self_->clock().now());
  pump();
}

void projector_state::lose(const shards_lost& what) {
  for (const auto shard : what.shards) {
    kept_.reset(shard);
    followed_.reset(shard);
    around_->ports.progress.kept(shard, false);
  }
}

// --- Opening the view ---

void projector_state::open() {
  phase_ = phase::opening;
  busy_ = true;
  gained_ = false;
  forget_waiting();
  clearing_ = std::exchange(rebuild_, false);
  around_->ports.view.open(clearing_ ? storage::nobodys_store : around_->ports.reservations.store_id(),
                           result_to_actor<view_opened>(around_, caf::actor_cast<projector_actor>(self_)));
}

void projector_state::opened(const view_opened& what) {
  busy_ = false;
  if (!*what.result) {
    // To be cleared all the same.
    rebuild_ = std::exchange(clearing_, false) || rebuild_;
    return fail(view_call::open);
  }
  if (std::exchange(clearing_, false)) return open();
  const auto& checkpoints = **what.result;
  if (has_what_the_journal_lacks(checkpoints)) return open();
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    projected_[shard] = checkpoints[shard];
    around_->ports.progress.projected(shard, projected_[shard]);
  }
  if (!others_looked_up_) published_ = false;
  others_complete_.fill(false);
  ask_for_ends_ = true;
  phase_ = phase::catching_up;
  shard_ = 0;
  pump();
}

/// A database that was restored, or whose standby took over without what came last, gives its positions and
/// numbers out again: rows of orders that are gone would stand in the place of later ones. Then it is to be
/// made anew.
bool projector_state::has_what_the_journal_lacks(const storage::checkpoints& checkpoints) {
  const auto& progress = around_->ports.progress;
  // Others may have gone on with shards that this node has not noticed to be lost.
  if (!progress.may_serve()) return false;
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    const auto end = progress.last_durable(shard);
    if (!kept_[shard] || !progress.owned(shard) || checkpoints[shard] <= end) continue;
    lacks(shard, checkpoints[shard], end);
    return true;
  }
  return false;
}

void projector_state::lacks(storage::shard_id shard, storage::position seen, storage::position end) {
  spdlog::error(
      "the journal has lost its end: of shard {} the view has records up to {}, the journal up to "
      "{}; the view is made anew",
      shard, seen, end);
  rebuild_ = true;
}

/// The journal has them.
void projector_state::forget_waiting() {
  followed_.reset();
  waiting_.clear();
  reached_.clear();
  chunk_.clear();
  incomplete_.clear();
}

void projector_state::fail(view_call what) {
  around_->meters->projection.failed(what);
  lose_view();
}

/// What it needs of the journal can't be read for now. Readers by id are not told less than was acknowledged
/// meanwhile, since the view is known to lag.
void projector_state::fail_reading(const storage::journal_error& why) {
  if (!lost_) spdlog::error("the view can't catch up with the journal: {}", why.message);
  lose_view();
}

void projector_state::lose_view() {
  around_->meters->projection.falls_behind(self_->clock().now());
  if (!std::exchange(lost_, true)) {
    spdlog::warn(
        "the view is not available, or takes nothing new: lists answer 503, or are old, until it is back "
        "and has caught up; orders go on");
  }
  forget_waiting();
  others_looked_up_ = false;
  phase_ = phase::waiting;
}

void projector_state::rebuild() {
  rebuild_ = true;
  around_->meters->projection.falls_behind(self_->clock().now());
  pump();
}

void projector_state::look() {
  self_->delayed_send(self_, view_look, tick{});
  if (phase_ == phase::waiting) return open();
  // A node that keeps no rows reads them all the same.
  if (phase_ == phase::idle && clustered(*around_)) return open();
  if (phase_ != phase::live) return;
  // Not before what the journal said last is read: with new ends all the time that would not end.
  ask_for_ends_ = ask_for_ends_ || keeps_for_others();
  if (busy_) return;
  // A write of nothing notices a view that was emptied while there was nothing to write.
  write({}, {});
}

// --- What is handed over ---

/// The rows of shards that are not followed are in the journal, and `progress` knows.
void projector_state::add(durable_rows& rows) {
  const bool none_waited = waiting_.empty();
  for (auto& row : rows.rows) {
    if (!followed_[row.shard] || row.at <= projected_[row.shard]) continue;
    reached_[row.shard] = row.at;
    auto& waiting = waiting_[row.content.id];
    if (waiting.version < row.content.version) waiting = std::move(row.content);
  }
  if (none_waited && !waiting_.empty()) begin_to_wait();
  if (waiting_.size() > largest_waiting_rows) {
    followed_.reset();
    waiting_.clear();
    reached_.clear();
    phase_ = phase::catching_up;
  }
  pump();
}

/// Those that are being written came before.
void projector_state::begin_to_wait() {
  waiting_since_ = self_->clock().now();
  around_->meters->projection.falls_behind(waiting_since_);
}

/// What was being written is in the view now: the oldest row that is not waits, if any does.
void projector_state::tell_lag() {
  if (phase_ != phase::live || rebuild_ || gained_) return;
  auto& meter = around_->meters->projection;
  waiting_.empty() ? meter.caught_up() : meter.behind_since(waiting_since_);
}

void projector_state::pump() {
  if (busy_) return;
  if ((gained_ || rebuild_) && phase_ != phase::waiting) {
    others_looked_up_ = false;
    return open();
  }
  if (phase_ != phase::catching_up && phase_ != phase::live) return;
  const bool all_read = phase_ == phase::live && !ask_for_ends_;
  // What waits and what is still to be read go by turns, so that neither holds up the other.
  if (all_read || !std::exchange(reads_next_, false)) reads_next_ = write_waiting();
  if (!busy_ && !all_read) catch_up();
}

/// Rows change several times within milliseconds while their saga runs: written a little later,
/// once is enough.
bool projector_state::wait_for_more() {
  const auto now = self_->clock().now();
  if (now >= next_write_ || waiting_.size() >= enough_waiting_rows) {
    next_write_ = now + around_->options.view_interval;
    return false;
  }
  if (!std::exchange(reminded_, true)) self_->delayed_send(self_, next_write_ - now, write_due{});
  return true;
}

void projector_state::next_write_due() {
  reminded_ = false;
  pump();
}

/// Whether it has begun to.
bool projector_state::write_waiting() {
  if (waiting_.empty() || wait_for_more()) return false;
  std::vector<storage::view_row> rows;
  rows.reserve(waiting_.size());
  for (auto& [id, row] : waiting_) rows.push_back(std::move(row));
  waiting_.clear();
  std::vector<std::pair<storage::shard_id, storage::position>> reached;
  reached.reserve(reached_.size());
  for (const auto& [shard, at] : reached_) {
    // The journal may have told of it before.
    if (at > projected_[shard]) reached.emplace_back(shard, at);
  }
  reached_.clear();
  write(std::move(rows), std::move(reached));
  return true;
}

void projector_state::write(std::vector<storage::view_row> rows,
                            std::vector<std::pair<storage::shard_id, storage::position>> reached) {
  busy_ = true;
  writing_ = reached;
  around_->ports.view.write(std::move(rows), std::move(reached),
                            to_actor(around_, caf::actor_cast<projector_actor>(self_),
                                     [](auto result) { return view_written{result.has_value()}; }));
}

void projector_state::written(const view_written& what) {
  busy_ = false;
  if (!what.succeeded) return fail(view_call::write);
  for (const auto& [shard, at] : writing_) {
    projected_[shard] = std::max(projected_[shard], at);
    around_->ports.progress.projected(shard, projected_[shard]);
  }
  tell_lag();
  pump();
}

// --- Catching up ---

bool projector_state::lags(storage::shard_id shard) const {
  if (kept_[shard]) return projected_[shard] < around_->ports.progress.last_durable(shard);
  return others_looked_up_ && !published_ && !others_complete_[shard];
}

bool projector_state::keeps_for_others() const {
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    if (kept_[shard] && !around_->ports.progress.owned(shard)) return true;
  }
  return false;
}

void projector_state::read_ends() {
  busy_ = true;
  around_->ports.reservations.read_ends(
      result_to_actor<ends_read>(around_, caf::actor_cast<projector_actor>(self_)));
}

void projector_state::hear_ends(const ends_read& what) {
  busy_ = false;
  if (!*what.result) return fail_reading(what.result->error());
  auto& progress = around_->ports.progress;
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    if (!kept_[shard] || progress.owned(shard)) continue;
    const auto end = (**what.result)[shard];
    if (projected_[shard] > end) {
      lacks(shard, projected_[shard], end);
      return pump();
    }
    progress.seen_in_journal(shard, end);
    unfollow(shard);
  }
  if (phase_ == phase::live) phase_ = phase::catching_up;
  pump();
}

void projector_state::catch_up() {
  if (std::exchange(ask_for_ends_, false) && keeps_for_others()) return read_ends();
  for (std::uint32_t looked_at = 0; looked_at < storage::shard_count; ++looked_at) {
    if (!followed_[shard_] && lags(shard_)) return read_on();
    followed_[shard_] = kept_[shard_];
    shard_ = static_cast<storage::shard_id>((shard_ + 1) % storage::shard_count);
  }
  if (kept_.none()) return watch();
  if (clustered(*around_) && !published_ && !std::exchange(others_looked_up_, true)) {
    // Meanwhile their owners may have written most of it.
    return open();
  }
  phase_ = phase::live;
  if (std::exchange(published_, true)) {
    tell_lag();
    return pump();
  }
  busy_ = true;
  around_->ports.view.publish(to_actor(around_, caf::actor_cast<projector_actor>(self_),
                                       [](auto result) { return view_published{result.has_value()}; }));
}

/// Others keep the view, and publish it.
void projector_state::watch() {
  phase_ = phase::live;
  lost_ = false;
  around_->view_published->open();
  around_->meters->projection.caught_up();
}

/// From now on what becomes durable in the shard is taken as it is handed over: `durable` is advanced before
/// that, so what came earlier is read now. A shard that had to be at rest before it is followed never would
/// be while customers come.
void projector_state::read_on() {
  busy_ = true;
  read_for_ = around_->ports.progress.last_durable(shard_);
  followed_[shard_] = kept_[shard_];
  around_->ports.reservations.read_shard(
      shard_, projected_[shard_] + 1, catch_up_records,
      result_to_actor<records_read>(around_, caf::actor_cast<projector_actor>(self_)));
}

void projector_state::published(const view_published& what) {
  busy_ = false;
  if (!what.succeeded) return fail(view_call::publish);
  around_->view_published->open();
  if (std::exchange(lost_, false)) spdlog::info("the view is back and has caught up");
  tell_lag();
  pump();
}

void projector_state::read(const records_read& what) {
  busy_ = false;
  if (!*what.result) return fail_reading(what.result->error());
  // The shard may have gone, or others come.
  if (gained_ || rebuild_) return pump();
  auto& records = **what.result;
  if (!incomplete_.empty()) {
    // All records of the entity that was asked for: they take the place of those in the chunk.
    chunk_[incomplete_.back()] = std::move(records);
    incomplete_.pop_back();
  } else if (records.empty() && !kept_[shard_]) {
    others_complete_[shard_] = true;
    return pump();
  } else if (records.empty()) {
    return around_->ports.on_fatal("the journal lacks records of shard " + std::to_string(shard_) +
                                   " behind position " + std::to_string(projected_[shard_]));
  } else {
    chunk_.clear();
    chunk_end_ = records.back().at;
    if (chunk_end_ < read_for_) unfollow(shard_);
    for (auto& record : records) chunk_[record.entity].push_back(std::move(record));
    for (const auto& [id, of_entity] : chunk_) {
      if (of_entity.front().first_sequence != 1) incomplete_.push_back(id);
    }
  }
  if (incomplete_.empty()) return write_chunk();
  complete(incomplete_.back());
}

/// What was handed over lately may stand behind a gap: its rows are good, but the view does not reach them.
void projector_state::unfollow(storage::shard_id shard) {
  followed_.reset(shard);
  reached_.erase(shard);
}

void projector_state::complete(storage::entity_id entity) {
  busy_ = true;
  around_->ports.reservations.read_entity(
      entity, result_to_actor<records_read>(around_, caf::actor_cast<projector_actor>(self_)));
}

void projector_state::write_chunk() {
  std::vector<storage::view_row> rows;
  rows.reserve(chunk_.size());
  for (const auto& [id, records] : chunk_) {
    if (auto row = row_of(id, records)) rows.push_back(std::move(*row));
  }
  chunk_.clear();
  write(std::move(rows), {{shard_, chunk_end_}});
}

projector_actor::behavior_type projector(projector_state::self_pointer self, surroundings_ptr around) {
  self->state.start(self, std::move(around));
  return {
      [self](durable_rows& rows) { self->state.add(rows); },
      [self](const shards_gained& what) { self->state.gain(what); },
      [self](const shards_lost& what) { self->state.lose(what); },
      [self](const view_opened& what) { self->state.opened(what); },
      [self](const view_written& what) { self->state.written(what); },
      [self](const view_published& what) { self->state.published(what); },
      [self](const records_read& what) { self->state.read(what); },
      [self](const ends_read& what) { self->state.hear_ends(what); },
      [self](rebuild_view) { self->state.rebuild(); },
      [self](tick) { self->state.look(); },
      [self](write_due) { self->state.next_write_due(); },
  };
}

}  // namespace holdfast::actors
