// Finds the shard of each command and sends it there, with the one who waits for its answer; or to the
// forwarder, where another node has the shard. A value; thread-safe; must go before the actor system does.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "actors/interfaces.hpp"
#include "actors/routes.hpp"

namespace holdfast::actors {

/// The shard of a placement's key.
storage::shard_id shard_of_key(const storage::idempotency_claim& key);

class router {
 public:
  /// `forwarder` is null where there is no cluster.
  router(std::shared_ptr<routes> served, forwarder_actor forwarder)
      : served_(std::move(served)), forwarder_(std::move(forwarder)) {}

  void place(placement_request request, std::function<void(placement_answer)> done) const;
  void cancel(cancel_reservation what, std::function<void(cancellation_answer)> done) const;
  void operate(operator_command what, std::function<void(operation_answer)> done) const;

 private:
  template <class Call>
  void send(const shard_actor& to, Call call) const;

  std::shared_ptr<routes> served_;
  forwarder_actor forwarder_;
};

}  // namespace holdfast::actors
