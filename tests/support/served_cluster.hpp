// Several `holdfast serve` as the nodes of one cluster, all on this machine: on one real PostgreSQL, one real
// Redis and one `holdfast sandbox`, each with a data folder and ports of its own.
// Owned by one test; one thread. What goes wrong is thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "storage/membership.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

/// A node that is silent for so long has lost its shards.
inline constexpr std::chrono::milliseconds cluster_lease{2000};

class served_cluster {
 public:
  /// Without a node. `flags` are for each of them.
  explicit served_cluster(std::vector<std::string> flags = {}) : flags_(std::move(flags)) {}

  /// Starts one more, or again one that has ended, on its folder; its number. Ready once this returns.
  std::size_t start(std::vector<std::string> flags = {}) {
    nodes_.emplace_back();
    folders_.push_back(std::make_unique<temporary_folder>());
    start_again(nodes_.size() - 1, std::move(flags));
    return nodes_.size() - 1;
  }
  void start_again(std::size_t number, std::vector<std::string> flags = {}) {
    std::vector<std::string> all{
        "--journal",     database_.url(), "--view",  redis_url(),
        "--payment",     provider_.url(), "--lease", std::to_string(cluster_lease.count()) + "ms",
        "--node-listen", "127.0.0.1:0"};
    all.insert(all.end(), flags_.begin(), flags_.end());
    all.insert(all.end(), flags.begin(), flags.end());
    nodes_[number] = std::make_unique<serving_process>(folders_[number]->path(), std::move(all));
  }

  std::size_t size() const { return nodes_.size(); }
  serving_process& operator[](std::size_t number) { return *nodes_[number]; }
  std::uint16_t port(std::size_t number) const { return nodes_[number]->port(); }
  /// Each on a connection of its own.
  http_client client(std::size_t number) const { return http_client(port(number)); }

  sandbox_process& provider() { return provider_; }
  const postgres_database& database() const { return database_; }

  /// A figure of the component `cluster` of its health.
  int figure(std::size_t number, const std::string& name) const {
    const auto health = client(number).get("/actuator/health");
    return std::stoi(json_at(health, "/components/cluster/details/" + name));
  }
  int shards_of(std::size_t number) const { return figure(number, "shardsOwned"); }

  /// Whether these have all shards among them, to within one of each other, and views that answer.
  bool is_shared_out(const std::vector<std::size_t>& among) const {
    std::size_t all = 0;
    for (const auto number : among) {
      const auto shards = static_cast<std::size_t>(shards_of(number));
      const auto least = storage::shard_count / among.size();
      if (shards < least || shards > least + 1) return false;
      // As of its last heartbeat.
      if (figure(number, "shardsWithoutOwner") != 0) return false;
      if (client(number).get("/actuator/health").status != 200) return false;
      all += shards;
    }
    return all == storage::shard_count;
  }
  bool becomes_shared_out(const std::vector<std::size_t>& among) const {
    return eventually([&] { return is_shared_out(among); });
  }

 private:
  std::string redis_url() const { return "redis://127.0.0.1:" + std::to_string(redis_.port()) + "/0"; }

  const std::vector<std::string> flags_;
  postgres_database database_;
  redis_server redis_;
  sandbox_process provider_;
  std::vector<std::unique_ptr<temporary_folder>> folders_;
  std::vector<std::unique_ptr<serving_process>> nodes_;
};

}  // namespace holdfast::testing
