// Port: which nodes of a cluster are there, and which of the shards each of them may serve. One store judges
// for all, by its own clock, so that nodes need not agree with each other about anything.
//
// A lease says who may serve a shard; it is not the fence. That is the shard's epoch in the journal, which a
// new owner raises, so that a node which has not noticed that its lease ran out can do no harm.
//
// Threading: as of the journal's port: calls return at once, callbacks come on a thread of the adapter's,
// each exactly once. A call that the store does not answer in time fails; the next one may succeed.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "storage/shard.hpp"

namespace holdfast::storage {

/// What a member does with shards, besides taking commands on them from its clients.
struct member_roles {
  /// Owns reservations: takes leases.
  bool reservation = true;
  /// Issues receipts.
  bool receipt = true;
  /// Keeps the view.
  bool projection = true;

  bool operator==(const member_roles&) const = default;
};
/// None: of one that takes commands only, or ends.
inline constexpr member_roles no_roles{false, false, false};

struct cluster_member {
  /// Unique among all nodes, and among all runs of one.
  std::string name;
  /// Where other nodes reach it, HOST:PORT; empty where they do not.
  std::string address;
  member_roles roles{};

  bool operator==(const cluster_member&) const = default;
};

struct heartbeat {
  cluster_member from;
  /// Growing. One that arrives behind a later one, or behind the member's leave, has no effect: a network may
  /// bring it long after who sent it has given it up.
  std::uint64_t number = 0;
  /// The shards that it serves. Those of its leases are renewed where they have not run out; others that it
  /// has are given back.
  std::vector<shard_id> serves;
};

/// An index into the members.
using member_index = std::uint16_t;
inline constexpr member_index nobody = 0xffff;

/// The cluster as the store has it after a heartbeat.
struct cluster_state {
  /// Those whose last heartbeat is not older than a lease, by their names.
  std::vector<cluster_member> members;
  /// Of each shard, where its lease has not run out.
  std::array<member_index, shard_count> owners{};
  /// As many shards the member whose heartbeat it was has when they are shared out evenly.
  std::size_t share = shard_count;
};

template <class T>
using membership_result = tl::expected<T, std::string>;
using heartbeat_callback = std::function<void(membership_result<cluster_state>)>;

class membership {
 public:
  virtual ~membership() = default;

  /// How long a lease lasts from the moment at which the heartbeat was sent, or longer.
  virtual std::chrono::milliseconds lease() const = 0;

  /// Renews and gives back, and takes shards that nobody has until the member has its share.
  virtual void beat(heartbeat what, heartbeat_callback done) = 0;

  /// Gives everything back and forgets the member.
  virtual void leave(std::string name, std::function<void(membership_result<bool>)> done) = 0;

  /// Nobody waits for the answers any more.
  virtual void close() {}
};

/// Who has this part of a shard: its owner if the role is his too, else those who have the role in turn, so
/// that all nodes come to the same answer; nobody where nobody has the role, or owns the shard.
member_index keeper_of(const cluster_state& state, shard_id shard, bool member_roles::*role);

/// As many shards as the member has when they are shared out evenly. The first ones by name have what is left
/// over: by what each has already, two could give up the same one before they know of each other.
std::size_t even_share(const cluster_state& state, const std::string& name);

}  // namespace holdfast::storage
