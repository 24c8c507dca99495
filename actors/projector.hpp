// The projector: durable events become rows of the view. Of a shard that it follows it writes the rows
// that the journal writer hands over, the newest of each reservation. When it starts, falls behind or the
// view was lost, it reads the journal from its checkpoints on, so that memory stays bounded and
// the view can be rebuilt from nothing; each shard is followed as soon as it is read, whatever goes on in
// the others. Writing a row twice is harmless: rows carry versions.
//
// In a cluster each node keeps the rows of the shards that it owns; those of nodes that keep none are kept by
// others, which look in the journal for what is new. Readers see a view that was lost when all shards are in
// it again, so whoever publishes it first reads what other nodes' shards may still lack.
#pragma once

#include <array>
#include <bitset>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Rows that wait for the view; with more it reads the journal instead.
inline constexpr std::size_t largest_waiting_rows = 20'000;
/// Records of one shard that are read at once when catching up.
inline constexpr std::uint32_t catch_up_records = 2'000;
/// Between looks at whether the view is there, is there again, or was emptied.
inline constexpr std::chrono::milliseconds view_look{250};

/// So many rows are written without waiting for more.
inline constexpr std::size_t enough_waiting_rows = 2'000;

class projector_state {
 public:
  using self_pointer = projector_actor::stateful_pointer<projector_state>;

  void start(self_pointer self, surroundings_ptr around);

  void gain(const shards_gained& what);
  void lose(const shards_lost& what);
  void add(durable_rows& rows);
  void opened(const view_opened& what);
  void written(const view_written& what);
  void published(const view_published& what);
  void read(const records_read& what);
  void hear_ends(const ends_read& what);
  void look();
  void rebuild();
  void next_write_due();

  static inline const char* name = "projector";

 private:
  enum class phase : std::uint8_t {
    /// Nothing is known of any shard yet.
    idle,
    /// Asking the view where it stands.
    opening,
    /// Waiting before asking again.
    waiting,
    /// Reading what the view lacks from the journal, shard by shard.
    catching_up,
    /// All shards are followed.
    live
  };

  void open();
  bool has_what_the_journal_lacks(const storage::checkpoints& checkpoints);
  void lacks(storage::shard_id shard, storage::position seen, storage::position end);
  void fail_reading(const storage::journal_error& why);
  void lose_view();
  void forget_waiting();
  void pump();
  void catch_up();
  void watch();
  bool keeps_for_others() const;
  void read_ends();
  void read_on();
  void complete(storage::entity_id entity);
  void write_chunk();
  void unfollow(storage::shard_id shard);
  bool write_waiting();
  bool wait_for_more();
  void write(std::vector<storage::view_row> rows,
             std::vector<std::pair<storage::shard_id, storage::position>>);
  bool lags(storage::shard_id shard) const;
  void fail(view_call what);
  void begin_to_wait();
  void tell_lag();

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  phase phase_ = phase::idle;
  bool published_ = false;
  /// Shards have come since the view was opened: where they stand in it has to be looked up.
  bool gained_ = false;
  /// An operator wants the view made anew; the call that clears it is out.
  bool rebuild_ = false;
  bool clearing_ = false;
  /// Whose rows this node keeps.
  std::bitset<storage::shard_count> kept_;
  /// Of these shards what is handed over is taken; the others are read from the journal first.
  std::bitset<storage::shard_count> followed_;
  /// How far other nodes' shards go that are kept here is to be asked of the journal.
  bool ask_for_ends_ = false;
  /// Shards of other nodes: looked up again once this node's are in the view, and then found complete.
  bool others_looked_up_ = false;
  std::array<bool, storage::shard_count> others_complete_{};
  /// The view was away, and its loss has been logged.
  bool lost_ = false;
  /// A call to a port is out; one at a time.
  bool busy_ = false;
  /// In the view, as its checkpoints say.
  std::array<storage::position, storage::shard_count> projected_{};
  /// Handed over: the newest row of each reservation that waits, and how far they reach.
  std::unordered_map<storage::entity_id, storage::view_row> waiting_;
  std::unordered_map<storage::shard_id, storage::position> reached_;
  /// When the first of those that wait came.
  caf::actor_clock::time_point waiting_since_{};
  /// The next write is not to begin before this, and whether a reminder is on its way.
  caf::actor_clock::time_point next_write_{};
  bool reminded_ = false;
  /// They were written last, while there was something to read.
  bool reads_next_ = false;
  /// The write under way.
  std::vector<std::pair<storage::shard_id, storage::position>> writing_;
  /// Catching up: the shard, what was durable in it when it was asked for, the records of its entities, and
  /// those whose beginning lies before.
  storage::shard_id shard_ = 0;
  storage::position read_for_ = 0;
  storage::position chunk_end_ = 0;
  std::unordered_map<storage::entity_id, std::vector<storage::journal_record>> chunk_;
  std::vector<storage::entity_id> incomplete_;
};

projector_actor::behavior_type projector(projector_state::self_pointer self, surroundings_ptr around);

}  // namespace holdfast::actors
