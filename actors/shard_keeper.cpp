#include "actors/shard_keeper.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <numeric>
#include <utility>

#include "actors/node_network.hpp"
#include "actors/port_callback.hpp"
#include "actors/shard.hpp"
#include "storage/projection_progress.hpp"

namespace holdfast::actors {

namespace {

/// The shard whose next id is the smallest, so that ids go on where they were before a restart.
storage::shard_id shard_of_next_id(const std::vector<storage::shard_claim>& claims) {
  const auto next_id = [](const storage::shard_claim& claim) {
    return claim.last_entity == 0 ? storage::id_of(claim.shard, 1) : claim.last_entity + storage::shard_count;
  };
  return std::min_element(claims.begin(), claims.end(),
                          [&](const auto& a, const auto& b) { return next_id(a) < next_id(b); })
      ->shard;
}

}  // namespace

// --- Start and end ---

void shard_keeper_state::start(self_pointer self, keeper_parts parts, started_callback started) {
  self_ = self;
  around_ = parts.links.around;
  parts_ = std::move(parts);
  parts_.links.keeper = caf::actor_cast<shard_keeper_actor>(self);
  started_ = std::move(started);
  if (in_cluster()) {
    around_->cluster->joined();
    return around_->network->publish(
        parts_.gate, [keeper = caf::actor_cast<shard_keeper_actor>(self)](auto address) {
          caf::anon_send(keeper, node_published{std::make_shared<decltype(address)>(std::move(address))});
        });
  }
  std::vector<storage::shard_id> all(storage::shard_count);
  std::iota(all.begin(), all.end(), storage::shard_id{0});
  claim(std::move(all));
}

shard_keeper_state::~shard_keeper_state() {
  parts_.served->clear();
  for (auto& one : shards_) {
    if (one.actor) caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
  }
}

void shard_keeper_state::tell_start() {
  if (started_) std::exchange(started_, nullptr)(router(parts_.served, parts_.links.forwarder));
}

void shard_keeper_state::published(const node_published& what) {
  if (!*what.address) return std::exchange(started_, nullptr)(tl::unexpected(what.address->error()));
  address_ = **what.address;
  look();
}

// --- Leases ---

/// Between the moment at which it stops by itself and the end of its leases: it looks once in a beat's time,
/// and may be late with that.
std::chrono::milliseconds shard_keeper_state::safety_margin() const {
  return around_->options.node.beat_interval + around_->ports.membership->lease() / 10;
}

void shard_keeper_state::look() {
  self_->delayed_send(self_, around_->options.node.beat_interval, tick{});
  if (lapsed()) stop();
  if (!beating_) beat();
}

bool shard_keeper_state::lapsed() const {
  return clock() >= leased_until_ - safety_margin();
}

void shard_keeper_state::stop() {
  around_->cluster->out_of_touch();
  me_ = storage::nobody;
  share_parts();
  give_up(std::chrono::milliseconds(0));
}

bool shard_keeper_state::has_any() const {
  return std::any_of(shards_.begin(), shards_.end(), [](const auto& one) { return one.now != phase::away; });
}

void shard_keeper_state::beat() {
  if (std::exchange(beating_, true)) {
    beat_again_ = true;
    return;
  }
  storage::heartbeat what;
  what.number = ++beats_;
  what.from = {around_->options.node.name, address_,
               handed_over_ ? storage::no_roles : around_->options.node.roles};
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    shards_[shard].told = shards_[shard].now != phase::away;
    if (shards_[shard].told) what.serves.push_back(static_cast<storage::shard_id>(shard));
  }
  sent_at_ = clock();
  around_->ports.membership->beat(
      std::move(what), result_to_actor<beat_answered>(around_, caf::actor_cast<shard_keeper_actor>(self_)));
}

void shard_keeper_state::heard(const beat_answered& what) {
  beating_ = false;
  // Leases that come back after a lapse may have been another's: nothing of before must take them for its
  // own.
  bool begun_anew = true;
  if (lapsed()) {
    stop();
    begun_anew = !has_any();
  }
  const auto until = sent_at_ + around_->ports.membership->lease();
  // After a pause the answer may be older than the leases of which it tells.
  if (*what.result && begun_anew && clock() < until - safety_margin()) {
    leased_until_ = until;
    around_->ports.progress.serve_until(leased_until_ - safety_margin());
    if (std::exchange(unheard_, false)) spdlog::info("the cluster's membership answers again");
    obey(std::move(**what.result));
  } else {
    around_->cluster->beat_failed();
    if (!std::exchange(unheard_, true)) {
      spdlog::warn("no answer from the cluster's membership: {}; trying again",
                   *what.result ? "it came when its leases were over" : what.result->error());
    }
  }
  if (std::exchange(beat_again_, false)) beat();
}

void shard_keeper_state::obey(storage::cluster_state state) {
  const auto found = std::find_if(state.members.begin(), state.members.end(), [this](const auto& member) {
    return member.name == around_->options.node.name;
  });
  me_ = found == state.members.end() ? storage::nobody
                                     : static_cast<storage::member_index>(found - state.members.begin());
  std::vector<storage::shard_id> gained;
  cluster_figures seen;
  seen.members = static_cast<std::uint32_t>(state.members.size());
  for (std::size_t index = 0; index < shards_.size(); ++index) {
    auto& one = shards_[index];
    const auto shard = static_cast<storage::shard_id>(index);
    const bool mine = me_ != storage::nobody && state.owners[shard] == me_;
    if (state.owners[shard] == storage::nobody) ++seen.shards_without_owner;
    // What it has given up since the beat was sent, the next one gives back.
    if (mine && one.now == phase::away && !one.told) gained.push_back(shard);
    if (!mine && one.now == phase::serving) close(shard, std::chrono::milliseconds(0));
    if (!mine && one.now == phase::claiming) one.now = phase::away;
  }
  around_->cluster->beat_answered(seen);
  caf::anon_send(parts_.links.forwarder,
                 cluster_changed{std::make_shared<const storage::cluster_state>(state)});
  cluster_ = std::move(state);
  share_parts();
  if (handed_over_) {
    if (!has_any()) handed_over_->open();
    return tell_start();
  }
  if (!gained.empty()) claim(std::move(gained));
  shed(cluster_.share);
  // The first claims serve before the start is over; without any there is nothing to wait for.
  if (!has_any()) tell_start();
}

/// What is above its share, the last ones: as few as it must.
void shard_keeper_state::shed(std::size_t share) {
  std::size_t kept = 0;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    auto& one = shards_[shard];
    if (one.now != phase::serving && one.now != phase::claiming) continue;
    if (++kept <= share) continue;
    if (one.now == phase::claiming) {
      one.now = phase::away;
    } else {
      close(static_cast<storage::shard_id>(shard), around_->options.node.hand_over_wait);
    }
  }
}

// --- Shards that come ---

void shard_keeper_state::claim(std::vector<storage::shard_id> shards) {
  const auto round = ++last_round_;
  for (const auto shard : shards) {
    shards_[shard].now = phase::claiming;
    shards_[shard].round = round;
  }
  around_->ports.reservations.claim(
      std::move(shards), to_actor(around_, caf::actor_cast<shard_keeper_actor>(self_), [round](auto result) {
        return shards_claimed{std::make_shared<decltype(result)>(std::move(result)), round};
      }));
}

void shard_keeper_state::claimed(const shards_claimed& what) {
  if (!*what.result) {
    const auto& why = what.result->error().message;
    if (started_) return std::exchange(started_, nullptr)(tl::unexpected(why));
    return around_->ports.on_fatal(why);
  }
  auto claims = **what.result;
  std::erase_if(claims, [&](const auto& claim) {
    const auto& one = shards_[claim.shard];
    return one.now != phase::claiming || one.round != what.round;
  });
  if (claims.empty()) return;
  for (const auto& claim : claims) {
    shards_[claim.shard].now = phase::serving;
    around_->ports.progress.claimed(claim.shard, claim.last_position);
    around_->cluster->gained(claim.owner_epoch);
  }
  // Before the first of their reservations can ask the desk for anything.
  share_parts();
  for (const auto& claim : claims) serve(claim);
  if (!in_cluster()) parts_.served->go_on_with(shard_of_next_id(claims));
  tell_start();
}

void shard_keeper_state::serve(const storage::shard_claim& claim) {
  auto& one = shards_[claim.shard];
  if (one.actor) caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
  one.owner_epoch = claim.owner_epoch;
  one.actor = self_->spawn<caf::monitored>(shard, around_, parts_.links, claim);
  parts_.served->put(claim.shard, one.actor);
  around_->first_shard_served->open();
}

// --- Shards that go ---

void shard_keeper_state::close(storage::shard_id shard, std::chrono::milliseconds within) {
  auto& one = shards_[shard];
  one.now = phase::closing;
  // What comes from now on looks for the next owner.
  parts_.served->remove(shard);
  around_->ports.progress.left(shard);
  self_->send(one.actor, close_shard{within});
}

void shard_keeper_state::closed(storage::shard_id shard) {
  auto& one = shards_[shard];
  if (one.now != phase::closing || one.actor != self_->current_sender()) return;
  one.now = phase::away;
  around_->parked->remove_shard(shard);
  around_->retries->remove_shard(shard);
  around_->cluster->lost_shard();
  share_parts();
  const bool others = std::any_of(shards_.begin(), shards_.end(),
                                  [](const auto& each) { return each.now == phase::closing; });
  // Whoever gets them need not wait for the next beat.
  if (!others) beat();
}

/// Another node has claimed it: the leases say which of the two claims it anew. A node that is alone has
/// none, and would refuse all of its customers from now on.
void shard_keeper_state::refused(const shard_refused& what) {
  const auto& one = shards_[what.shard];
  // A late one tells of a claim that has been made anew.
  if (one.now != phase::serving || one.owner_epoch != what.owner_epoch) return;
  if (!in_cluster()) {
    return around_->ports.on_fatal(
        "another holdfast serve has taken over this journal: end one of the two, or run both with "
        "--node-listen");
  }
  close(what.shard, std::chrono::milliseconds(0));
}

/// All that it has.
void shard_keeper_state::give_up(std::chrono::milliseconds within) {
  std::size_t closing = 0;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    auto& one = shards_[shard];
    if (one.now == phase::claiming) one.now = phase::away;
    // One that waits for those whom its customers wait for waits no longer.
    if (one.now == phase::closing && within == within.zero()) self_->send(one.actor, close_shard{within});
    if (one.now != phase::serving) continue;
    close(static_cast<storage::shard_id>(shard), within);
    ++closing;
  }
  if (closing > 0) spdlog::warn("this node gives up its {} shards", closing);
}

void shard_keeper_state::give_all(const hand_over& what) {
  handed_over_ = what.done;
  give_up(around_->options.node.hand_over_wait);
  beat();
}

// --- Receipts and rows ---

/// Those of a shard that is served here are shared out with it, those of others by what all nodes know.
bool shard_keeper_state::has_part(storage::shard_id shard, bool storage::member_roles::*role) const {
  const auto now = shards_[shard].now;
  if (now == phase::serving || now == phase::closing) return around_->options.node.roles.*role;
  if (me_ == storage::nobody || handed_over_ || cluster_.owners[shard] == me_) return false;
  return keeper_of(cluster_, shard, role) == me_;
}

template <class Handle>
void shard_keeper_state::tell(const Handle& whom, std::bitset<storage::shard_count>& told,
                              bool storage::member_roles::*role) {
  shards_gained gained;
  shards_lost lost;
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    const bool has = has_part(shard, role);
    if (has == told[shard]) continue;
    told[shard] = has;
    (has ? gained.shards : lost.shards).push_back(shard);
  }
  if (!lost.shards.empty()) self_->send(whom, std::move(lost));
  if (!gained.shards.empty()) self_->send(whom, std::move(gained));
}

void shard_keeper_state::share_parts() {
  tell(parts_.links.desk, books_, &storage::member_roles::receipt);
  tell(parts_.projector, rows_, &storage::member_roles::projection);
}

void shard_keeper_state::shard_down(const caf::down_msg& down) {
  if (!down.reason || down.reason == caf::exit_reason::user_shutdown) return;
  // It held what only a replay can bring back.
  around_->ports.on_fatal("a shard went down: " + self_->system().render(down.reason));
}

shard_keeper_actor::behavior_type shard_keeper(shard_keeper_state::self_pointer self, keeper_parts parts,
                                               started_callback started) {
  self->state.start(self, std::move(parts), std::move(started));
  self->set_down_handler([self](caf::down_msg& down) { self->state.shard_down(down); });
  return {
      [self](const node_published& what) { self->state.published(what); },
      [self](const beat_answered& what) { self->state.heard(what); },
      [self](const shards_claimed& what) { self->state.claimed(what); },
      [self](const shard_closed& what) { self->state.closed(what.shard); },
      [self](const shard_refused& what) { self->state.refused(what); },
      [self](const hand_over& what) { self->state.give_all(what); },
      [self](tick) { self->state.look(); },
  };
}

}  // namespace holdfast::actors
