// The scheduler of the actors: it has no threads of its own for them but runs them on event loops
// that are lent to it. Where a saga hops from actor to actor within microseconds, handing each hop
// to another thread costs more than the hop; on the loop that read the request, a hop costs a
// queue's push and pop, and no thread has to be woken.
//
// Each loop has a queue of its own, for the actors that its own handlers and actors make ready, and gives
// half of a long one to a loop that is idle. What other threads make ready, with answers of the journals
// and the provider, comes before that, for whichever loop is at work.
//
// One actor may run before all others: behind a thousand in the queue the breaker would keep its few
// places for calls long after the provider has answered.
//
// Clock: CAF tells its clock of every actor that ends, so that it forgets the actor's time-outs,
// and wakes a thread for that. Actors that never set a time-out are not reported.
#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <cstddef>
#include <vector>

#include "actors/engine.hpp"

namespace holdfast::actors {

/// Before the actor system is made.
void use_lent_loops(caf::actor_system_config& config);

/// From now on, until the system is gone, its actors run on these loops: at least one, and they
/// must run that long. Called once; what became ready before waits for it.
void lend_loops(caf::actor_system& system, std::vector<lent_loop> loops);

/// When it is ready, it runs before all others. For one actor that lives as long as the system serves.
/// Does nothing in a system with another scheduler.
void run_first(caf::actor_system& system, const caf::actor& one);

/// How many actors have messages in their mailboxes and wait for a loop, as of the loops' last turns. 0 in a
/// system with another scheduler.
std::size_t ready_actors(caf::actor_system& system);

}  // namespace holdfast::actors
