// The store of a cluster's membership as its port allows it to be: slow, out of reach for some nodes or for
// all of them, and doing what was asked although nobody hears of it. It outlives the nodes.
//
// Refers to the world and the store, which must outlive it. One thread.
#pragma once

#include <memory>
#include <set>

#include "storage/memory_membership.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

/// One node's way to it.
class simulated_leases final : public storage::membership {
 public:
  simulated_leases(world& in, storage::memory_membership& store, owner of)
      : world_(in), store_(store), owner_(of) {}

  /// Nothing gets through, until come_back().
  void go_down() { down_ = true; }
  void come_back() { down_ = false; }
  /// The engine's process ends: nobody waits for answers any more.
  void crash() { waiting_.clear(); }

  std::chrono::milliseconds lease() const override { return store_.lease(); }
  void beat(storage::heartbeat what, storage::heartbeat_callback done) override;
  void leave(std::string name, std::function<void(storage::membership_result<bool>)> done) override;

 private:
  moment way();
  template <class Result, class Call>
  void call(std::function<void(storage::membership_result<Result>)> done, Call what);

  world& world_;
  storage::memory_membership& store_;
  const owner owner_;
  bool down_ = false;
  /// Calls come in their order.
  moment last_arrival_ = 0;
  /// Callbacks of the engine that runs: what outlives a crash must not hold them.
  std::set<std::shared_ptr<void>> waiting_;
};

}  // namespace holdfast::simulation
