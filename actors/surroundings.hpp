// What every actor of a node shares: ports, options, and the count of calls to ports that are
// still out. Immutable once the actors run; shared by them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "actors/breaker_gate.hpp"
#include "actors/cluster_meter.hpp"
#include "actors/engine.hpp"
#include "actors/latch.hpp"
#include "actors/meters.hpp"
#include "actors/parked_list.hpp"
#include "actors/receipt_door.hpp"
#include "actors/retry_board.hpp"

namespace holdfast::actors {

class node_network;

/// Counts calls to ports whose callback has not been called: the actor system must outlive them,
/// since each callback holds an actor's address. Thread-safe.
class calls_out {
 public:
  class guard {
   public:
    explicit guard(std::shared_ptr<calls_out> owner) : owner_(std::move(owner)) { owner_->begin(); }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() { owner_->end(); }

   private:
    std::shared_ptr<calls_out> owner_;
  };

  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  void begin() { count_.fetch_add(1, std::memory_order_relaxed); }
  void end() {
    if (count_.fetch_sub(1) != 1) return;
    // Behind the lock, so that who has just found one does not miss it.
    std::lock_guard lock(mutex_);
    none_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable none_;
  std::atomic<std::uint64_t> count_ = 0;
};

struct surroundings {
  engine_ports ports;
  engine_options options;
  std::shared_ptr<calls_out> calls = std::make_shared<calls_out>();
  std::shared_ptr<breaker_gate> breaker = std::make_shared<breaker_gate>(options.payment_timeout);
  std::shared_ptr<receipt_door> door = std::make_shared<receipt_door>();
  std::shared_ptr<parked_list> parked = std::make_shared<parked_list>();
  std::shared_ptr<retry_board> retries = std::make_shared<retry_board>();
  std::shared_ptr<engine_meters> meters = std::make_shared<engine_meters>();
  std::shared_ptr<cluster_meter> cluster = std::make_shared<cluster_meter>();
  /// How other nodes are reached: null where there is no cluster. It outlives the actors.
  node_network* network = nullptr;
  /// The engine is being stopped: parts that go down now are not worth a warning.
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<latch> view_published = std::make_shared<latch>();
  std::shared_ptr<latch> first_shard_served = std::make_shared<latch>();
};

/// Whether shards come and go.
inline bool clustered(const surroundings& around) {
  return around.ports.membership != nullptr;
}

using surroundings_ptr = std::shared_ptr<const surroundings>;

}  // namespace holdfast::actors
