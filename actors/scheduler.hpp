// The scheduler of the actors: it has no threads of its own for them but runs them on event loops
// that are lent to it. Where a saga hops from actor to actor within microseconds, handing each hop
// to another thread costs more than the hop; on the loop that read the request, a hop costs a
// queue's push and pop, and no thread has to be woken.
//
// One queue for all loops. A loop looks into it when one of its own handlers made an actor ready;
// another is called in where nobody looks, or where many jobs wait.
//
// Actors that all others pass through run first: behind a thousand others in the queue the breaker would
// keep its few places for calls taken long after the provider has answered.
//
// Clock: CAF tells its clock of every actor that ends, so that it forgets the actor's time-outs,
// and wakes a thread for that. Actors that never set a time-out are not reported.
#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <vector>

#include "actors/engine.hpp"

namespace holdfast::actors {

/// Before the actor system is made.
void use_lent_loops(caf::actor_system_config& config);

/// From now on, until the system is gone, its actors run on these loops: at least one, and they
/// must run that long. Called once; what became ready before waits for it.
void lend_loops(caf::actor_system& system, std::vector<lent_loop> loops);

/// When it is ready, it runs before all others. For the few, before there is load. Does nothing in a
/// system with another scheduler.
void run_first(caf::actor_system& system, const caf::actor& one);

}  // namespace holdfast::actors
