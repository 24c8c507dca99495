// A reader of the published events, as the feed of a node is one that has been there from the beginning: at
// moments of chance it reads on in some shard, whatever becomes of the nodes meanwhile, and replays what it
// finds. It draws from a source of its own, and has no steps in the world, so that it moves nobody else.
//
// Refers to the journal, which must outlive it. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/event_replay.hpp"
#include "storage/journal_place.hpp"
#include "tests/proof/history.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/simulated_journal.hpp"

namespace holdfast::simulation {

class event_follower {
 public:
  event_follower(const world& in, journal_store& journal);

  /// To be called with every step: mostly it does nothing.
  void look();
  void read_to_the_end();

  const std::vector<proof::event_line>& told() const { return told_; }

 private:
  /// False where there is nothing more.
  bool read_some(storage::shard_id shard, std::uint32_t records);

  const world& world_;
  journal_store& journal_;
  storage::event_replay replay_;
  random_source random_;
  storage::journal_place place_;
  std::vector<proof::event_line> told_;
};

}  // namespace holdfast::simulation
