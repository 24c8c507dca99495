// Owner of one shard's reservations: allocates ids, spawns, routes, lets go of those that rest, wakes those
// that sleep until their next try, resumes unfinished ones at start, and brings back those that went down.
//
// When another node gets the shard it closes: takes no command any more but hands each on, and lets its
// reservations leave as soon as nobody waits for them.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/reply.hpp"
#include "actors/reservation.hpp"
#include "actors/sleepers.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// The finest grain at which a shard looks at its waits.
inline constexpr std::chrono::milliseconds shard_tick{100};

class shard_state {
 public:
  using self_pointer = shard_actor::stateful_pointer<shard_state>;
  using time_point = caf::actor_clock::time_point;

  ~shard_state();

  void start(self_pointer self, surroundings_ptr around, reservation_links links, storage::shard_claim claim);

  void place(placement_call& call);
  void replay(const replay_call& call);
  void cancel(cancellation_call& call);
  void operate(operation_call& call);
  void loaded(const reservation_loaded& what);
  void rested(const reservation_rested& what);
  void slept(const reservation_sleeps& what);
  void await_cancellation(domain::reservation_id id);
  void resume(const unfinished_listed& page);
  void look_around();
  void bring_back(domain::reservation_id id);
  void settled(domain::reservation_id id);
  void reservation_down(const reservation_failed& what);
  void close(const close_shard& what);
  void left(domain::reservation_id id);

  static inline const char* name = "shard";

 private:
  struct resident {
    reservation_actor actor;
    /// Messages that it was sent from here.
    std::uint64_t sent = 0;
    /// For the log, should it go down.
    tracing::trace_context trace = {};
  };
  using resident_map = std::unordered_map<domain::reservation_id, resident>;
  using deadlines = std::deque<std::pair<time_point, domain::reservation_id>>;

  time_point clock() const { return self_->clock().now(); }
  const shard_bounds& bounds() const { return around_->options.shards; }
  bool journal_stands_still() const;
  bool full() const;
  bool has_room() const;
  template <class Call>
  void hand_on(Call& call);
  template <class Call>
  void send_to_known(Call& call);
  bool was_sent_by(resident_map::const_iterator one) const;
  void tell_if_closed();
  resident& spawn(domain::reservation_id id, std::optional<placement_call> placement = std::nullopt,
                  const step_retry& slept_until = {});
  resident& bring_in(domain::reservation_id id);
  bool is_known(domain::reservation_id id) const;
  template <class Message>
  void send(resident& to, Message&& what);
  bool drop(domain::reservation_id id, std::uint64_t heard);
  void forget(resident_map::iterator one);
  void wake();
  void take_up_again();
  void list_unfinished();
  void resume_more();
  void schedule();
  template <class Message>
  void remind(deadlines& waits);

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  reservation_links_ptr links_;
  storage::shard_id shard_ = 0;
  std::uint64_t next_sequence_ = 1;
  resident_map residents_;
  /// How often each went down since it last came to rest.
  std::unordered_map<domain::reservation_id, std::uint32_t> downs_;
  deadlines placement_waits_;
  deadlines cancellation_waits_;
  sleepers sleepers_;
  /// When those that left unfinished without an alarm are taken up again; never where none did.
  time_point come_back_ = time_point::max();
  std::unordered_set<domain::reservation_id> resuming_;
  domain::reservation_id resumed_up_to_ = 0;
  bool more_unfinished_ = true;
  bool listing_ = false;
  bool closing_ = false;
  time_point next_look_ = time_point::max();
};

shard_actor::behavior_type shard(shard_state::self_pointer self, surroundings_ptr around,
                                 reservation_links links, storage::shard_claim claim);

}  // namespace holdfast::actors
