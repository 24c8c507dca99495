// Decides which shards this node serves: all of them for good where it is alone; in a cluster those that the
// membership's leases give it. Claims them in the journal, which fences off whoever had them before, starts
// their actors, and ends them when they go to another node.
//
// A lease lets a node serve; it keeps nobody from writing. That is the epoch's part. So a node that can't
// renew in time stops by its own clock, and whatever it still sends is refused by the journal.
#pragma once

#include <array>
#include <bitset>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/reservation.hpp"
#include "actors/router.hpp"
#include "actors/routes.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Called once: when commands are served, or with what failed.
using started_callback = std::function<void(tl::expected<router, std::string>)>;

/// Whom the keeper works with.
struct keeper_parts {
  /// But for what each shard has of its own.
  reservation_links links;
  std::shared_ptr<routes> served;
  projector_actor projector;
  /// Null without a cluster.
  node_gate_actor gate;
};

class shard_keeper_state {
 public:
  using self_pointer = shard_keeper_actor::stateful_pointer<shard_keeper_state>;
  using time_point = caf::actor_clock::time_point;

  ~shard_keeper_state();

  void start(self_pointer self, keeper_parts parts, started_callback started);
  void published(const node_published& what);
  void look();
  void heard(const beat_answered& what);
  void claimed(const shards_claimed& what);
  void closed(storage::shard_id shard);
  void refused(const shard_refused& what);
  void give_all(const hand_over& what);
  void shard_down(const caf::down_msg& down);

  static inline const char* name = "shard_keeper";

 private:
  enum class phase : std::uint8_t { away, claiming, serving, closing };
  struct kept_shard {
    phase now = phase::away;
    /// Also of one that is away: it hands on what was on its way to it.
    shard_actor actor;
    /// The claim under way.
    std::uint64_t round = 0;
    /// Of the last claim.
    storage::epoch owner_epoch = 0;
    /// The last beat that was sent said that it is served.
    bool told = false;
  };

  bool in_cluster() const { return clustered(*around_); }
  time_point clock() const { return self_->clock().now(); }
  std::chrono::milliseconds safety_margin() const;
  bool lapsed() const;
  void stop();
  void beat();
  void obey(storage::cluster_state state);
  void shed(std::size_t share);
  void claim(std::vector<storage::shard_id> shards);
  void serve(const storage::shard_claim& claim);
  void close(storage::shard_id shard, std::chrono::milliseconds within);
  void give_up(std::chrono::milliseconds within);
  bool has_any() const;
  void tell_start();
  void share_parts();
  bool has_part(storage::shard_id shard, bool storage::member_roles::*role) const;
  template <class Handle>
  void tell(const Handle& whom, std::bitset<storage::shard_count>& told, bool storage::member_roles::*role);

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  keeper_parts parts_;
  started_callback started_;
  std::array<kept_shard, storage::shard_count> shards_{};
  std::uint64_t last_round_ = 0;
  std::string address_;
  /// A beat is out: when it was sent, and whether another is to follow at once.
  bool beating_ = false;
  bool beat_again_ = false;
  std::uint64_t beats_ = 0;
  /// The last one had no answer.
  bool unheard_ = false;
  time_point sent_at_{};
  /// When this node's leases end at the earliest, by its own clock.
  time_point leased_until_{};
  std::shared_ptr<latch> handed_over_;
  /// As the last beat's answer had it, and where this node stands in it.
  storage::cluster_state cluster_;
  storage::member_index me_ = storage::nobody;
  /// Whose books the desk, and whose rows the projector has been told to keep.
  std::bitset<storage::shard_count> books_;
  std::bitset<storage::shard_count> rows_;
};

shard_keeper_actor::behavior_type shard_keeper(shard_keeper_state::self_pointer self, keeper_parts parts,
                                               started_callback started);

}  // namespace holdfast::actors
