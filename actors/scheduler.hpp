// The scheduler of the actors: CAF's own, with a policy and a clock that wake fewer threads. Where
// a saga hops from actor to actor within microseconds, waking a second thread for each hop costs
// more than the hop.
//
// Policy: one queue for all workers. A worker sleeps when the queue is empty, and one is woken
// when all of them sleep or when several jobs wait, so that a lone job is left to the worker that
// is awake: it looks at the queue before it sleeps.
//
// Clock: CAF tells its clock of every actor that ends, so that it forgets the actor's time-outs,
// and wakes a thread for that. Actors that never set a time-out are not reported.
#pragma once

#include <caf/actor_system_config.hpp>

namespace holdfast::actors {

/// Before the actor system is made.
void use_quiet_scheduler(caf::actor_system_config& config);

}  // namespace holdfast::actors
