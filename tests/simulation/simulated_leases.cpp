#include "tests/simulation/simulated_leases.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace holdfast::simulation {

namespace {

/// The adapter's time-out for each call.
constexpr moment lease_call_time_out = second;
constexpr moment slowest_way = 2 * second;

}  // namespace

void simulated_leases::beat(storage::heartbeat what, storage::heartbeat_callback done) {
  call<storage::cluster_state>(
      std::move(done), [what = std::move(what)](auto& store, auto answer) { store.beat(what, answer); });
}

void simulated_leases::leave(std::string name, std::function<void(storage::membership_result<bool>)> done) {
  call<bool>(std::move(done),
             [name = std::move(name)](auto& store, auto answer) { store.leave(name, answer); });
}

moment simulated_leases::way() {
  if (world_.strikes(fault::leases_slow, "")) return world_.random.between(0, slowest_way);
  return world_.latency(world_.drawn.lease_latency);
}

/// The store may do it long after who asked has given up.
template <class Result, class Call>
void simulated_leases::call(std::function<void(storage::membership_result<Result>)> done, Call what) {
  using result = storage::membership_result<Result>;
  using callback = std::function<void(result)>;
  const auto arrival = std::max(world_.now() + way(), last_arrival_);
  const auto there = arrival - world_.now();
  const auto back = way();
  const bool heard = !world_.strikes(fault::lease_answer_lost, "") && there + back < lease_call_time_out;
  std::weak_ptr<callback> waiting;
  if (heard && !down_) {
    auto kept = std::make_shared<callback>(std::move(done));
    waiting = kept;
    waiting_.insert(std::move(kept));
  } else {
    world_.after(lease_call_time_out, owner_,
                 [done] { done(tl::unexpected(std::string("no answer in time"))); });
  }
  if (down_) return;
  last_arrival_ = arrival;
  world_.after(there, nobody, [this, back, what = std::move(what), waiting] {
    std::optional<result> told;
    what(store_, [&](result answer) { told = std::move(answer); });
    const auto kept = waiting.lock();
    if (!kept) return;
    waiting_.erase(kept);
    world_.after(back, owner_, [done = std::move(*kept), told] { done(*told); });
  });
}

}  // namespace holdfast::simulation
