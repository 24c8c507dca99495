// A cluster's membership in PostgreSQL, in a schema of its own, by that server's clock. A heartbeat is one
// transaction in one round trip; heartbeats of all nodes wait for each other, so that two never share out
// the same shards. It writes the member's row, which says how long all its leases last, and those of shards
// that change hands.
//
// Threading: as the port says. Owns one thread and its connection. What the server does not answer within
// half a lease fails.
#pragma once

#include <cstdint>
#include <memory>

#include "storage/membership.hpp"
#include "storage/postgres_options.hpp"

namespace holdfast::storage {

class postgres_membership final : public membership {
 public:
  /// Connects, makes or migrates the schema. Fails where the server is not there, or where the
  /// schema is of a newer version.
  static membership_result<std::unique_ptr<postgres_membership>> open(postgres_options options,
                                                                      std::chrono::milliseconds lease);
  /// How many nodes are in the cluster whose membership is in this schema; 0 where there is none.
  static membership_result<std::uint64_t> count_members(postgres_options options);
  ~postgres_membership() override;
  postgres_membership(const postgres_membership&) = delete;
  postgres_membership& operator=(const postgres_membership&) = delete;

  std::chrono::milliseconds lease() const override;
  void beat(heartbeat what, heartbeat_callback done) override;
  void leave(std::string name, std::function<void(membership_result<bool>)> done) override;
  void close() override;

 private:
  class worker;
  explicit postgres_membership(std::unique_ptr<worker> running);
  std::unique_ptr<worker> worker_;
};

}  // namespace holdfast::storage
