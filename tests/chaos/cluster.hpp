// Three nodes of one cluster, each a host of its own on one bridge, and what they share: PostgreSQL, Redis
// and the payment provider, each on an address of its own, so that a node can be cut off from any of them.
// And what happens to all these.
//
// A node that ends is started again, as whatever runs it would, unless it is held down; an end that nobody
// ordered is a complaint. Owned by one run; one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/journal.hpp"
#include "tests/chaos/own_world.hpp"
#include "tests/chaos/recorded_customers.hpp"
#include "tests/chaos/site.hpp"
#include "tests/support/api_key_file.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::chaos {

inline constexpr std::size_t cluster_size = 3;
/// A node that is silent for so long has lost its shards.
inline constexpr std::chrono::milliseconds chaos_lease{2000};

/// The bridge, the hosts on it, and certificates for them: for all episodes of a run.
class cluster_network {
 public:
  cluster_network();

  own_host& host(std::size_t node) { return *hosts_.at(node); }
  const testing::temporary_folder& certificates() const { return certificates_; }

  static std::string address(std::size_t node);

 private:
  testing::temporary_folder certificates_;
  std::vector<std::unique_ptr<own_host>> hosts_;
};

/// What nodes share.
enum class shared_service : std::uint8_t { postgres, redis, provider };
std::string address_of(shared_service which);

/// What a fault has cut off: lifted by those who made it, whoever else has cut the same.
using cuts = std::map<std::size_t, std::set<cut>>;

class cluster final : public site {
 public:
  using clock = std::chrono::steady_clock;

  /// With every node started, none waited for.
  cluster(std::uint64_t seed, cluster_network& network, recorder& into);
  ~cluster() override;

  fronts doors() const;
  /// Starts what has ended and looks into why it has. To be called often.
  void tend();

  // What happens to a node.
  void kill(std::size_t node);
  void tell_to_end(std::size_t node);
  void pause(std::size_t node);
  void resume(std::size_t node);
  /// Not started again while it is held down.
  void hold_down(std::size_t node, bool held) { nodes_[node].held = held; }
  /// It runs, and has said that it is ready.
  bool is_ready(std::size_t node);
  int starts(std::size_t node) const { return nodes_[node].starts; }

  // What happens to the network.
  void add(const cuts& more);
  void lift(const cuts& gone);

  // What happens to what they share.
  void stop_postgres();
  void start_postgres();
  bool has_postgres() const { return postgres_is_up_; }
  void terminate_backends();
  void pause_postgres();
  void resume_postgres();
  testing::redis_server& redis() { return redis_; }

  /// True once all nodes are ready, have all shards among them, and reach each other.
  bool is_whole();
  /// Ends them as an operator would; complains where that does not go well.
  void end_all();
  /// Starts of nodes that ended since their journal was out of reach.
  int starts_in_vain() const { return starts_in_vain_; }

  recorder& into() override { return into_; }
  testing::sandbox_process& provider() override { return provider_; }
  bool serves_all() override;
  std::vector<proof::journal_line> journal(const std::string& name) override;
  testing::http_client client() override { return client_of(0); }
  std::vector<proof::reservation_id> parked() override;
  const testing::redis_server* publishes_to() override { return &redis_; }
  std::vector<proof::canary_search> canaries() override;
  void look_further() override;
  std::string keep_logs(const std::string& stem) override;

 private:
  struct node {
    front door;
    testing::temporary_folder data;
    std::unique_ptr<testing::process> process;
    int starts = 0;
    bool held = false;
    bool paused = false;
    /// It has said so.
    bool ready = false;
    /// By its own end, or by ours; nothing where it was not told.
    std::set<int> expected;
    clock::time_point end_by;
    clock::time_point start_at;
    /// Its journal was out of reach not long ago.
    clock::time_point may_fail_until;
    std::string log;
    std::multiset<cut> cuts;
  };

  void start(node& one, std::size_t number);
  void tend(node& one, std::size_t number);
  void look_into_end(node& one, int code);
  void disturb_journals();
  bool answers_for_all(std::size_t number) const;
  void put_cuts(std::size_t number);
  testing::http_client client_of(std::size_t number) const;
  int figure(std::size_t number, const std::string& name) const;
  std::string sql(const std::string& statements) const;

  recorder& into_;
  cluster_network& network_;
  /// Customers and judges come with an operator's key: nothing is served beyond loopback to just anybody.
  testing::api_key_file keys_;
  const std::string key_ = keys_.add("chaos", "operator");
  testing::temporary_folder ledger_;
  testing::postgres_server postgres_;
  testing::redis_server redis_;
  testing::sandbox_process provider_;
  std::map<std::string, std::unique_ptr<storage::journal>> journals_;
  std::array<node, cluster_size> nodes_;
  bool postgres_is_up_ = true;
  int starts_in_vain_ = 0;
};

}  // namespace holdfast::chaos
