#include "actors/router.hpp"

#include <caf/send.hpp>

#include "storage/shard.hpp"

namespace holdfast::actors {

void router::place(placement_request request, std::function<void(placement_answer)> done) {
  const auto& to = shard_for(request);
  caf::anon_send(to, placement_call{std::move(request), reply<placement_answer>(std::move(done))});
}

void router::cancel(cancel_reservation what, std::function<void(cancellation_answer)> done) {
  caf::anon_send(shards_[storage::shard_of(what.id)],
                 cancellation_call{what, reply<cancellation_answer>(std::move(done))});
}

const shard_actor& router::shard_for(const placement_request& request) {
  if (request.key) return shards_[storage::shard_of_key(request.key->key.data(), request.key->key.size())];
  return shards_[next_shard_.fetch_add(1, std::memory_order_relaxed) % shards_.size()];
}

}  // namespace holdfast::actors
