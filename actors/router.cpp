#include "actors/router.hpp"

#include <caf/send.hpp>

namespace holdfast::actors {

storage::shard_id shard_of_key(const storage::idempotency_claim& key) {
  return storage::shard_of_key(key.key.data(), key.key.size());
}

void router::place(placement_request request, std::function<void(placement_answer)> done) const {
  const auto to = request.key ? served_->find(shard_of_key(*request.key)) : served_->next();
  send(to, placement_call{std::move(request), reply<placement_answer>(std::move(done))});
}

void router::cancel(cancel_reservation what, std::function<void(cancellation_answer)> done) const {
  send(served_->find(storage::shard_of(what.id)),
       cancellation_call{what, reply<cancellation_answer>(std::move(done))});
}

void router::operate(operator_command what, std::function<void(operation_answer)> done) const {
  const auto to = served_->find(storage::shard_of(what.id));
  send(to, operation_call{std::move(what), reply<operation_answer>(std::move(done))});
}

/// Where neither is there the call is dropped, which answers that it is unavailable.
template <class Call>
void router::send(const shard_actor& to, Call call) const {
  if (to) {
    caf::anon_send(to, std::move(call));
  } else if (forwarder_) {
    caf::anon_send(forwarder_, std::move(call));
  }
}

}  // namespace holdfast::actors
