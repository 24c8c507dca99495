#include "storage/memory_membership.hpp"

#include <algorithm>
#include <limits>

namespace holdfast::storage {

void memory_membership::beat(heartbeat what, heartbeat_callback done) {
  if (cut_off_.contains(what.from.name)) return done(tl::unexpected(std::string("cut off")));
  const auto now = clock_();
  const auto until = now + lease_;
  auto& known = members_[what.from.name];
  if (what.number < known.last_beat) return done(state(what.from.name));
  known = {what.from, until, what.number};
  const std::set<shard_id> served(what.serves.begin(), what.serves.end());
  give_back(what.from.name, served);
  std::size_t owned = 0;
  for (auto& lease : leases_) {
    if (lease.owner != what.from.name || lease.until <= now) continue;
    lease.until = until;
    ++owned;
  }
  const auto share = state(what.from.name).share;
  for (auto& lease : leases_) {
    if (!what.from.roles.reservation || owned >= share) break;
    if (!lease.owner.empty() && lease.until > now) continue;
    lease = {what.from.name, until};
    ++owned;
  }
  done(state(what.from.name));
}

void memory_membership::leave(std::string name, std::function<void(membership_result<bool>)> done) {
  if (cut_off_.contains(name)) return done(tl::unexpected(std::string("cut off")));
  give_back(name, {});
  members_[name] = {{name, "", no_roles}, clock_(), std::numeric_limits<std::uint64_t>::max()};
  done(true);
}

void memory_membership::give_back(const std::string& from, const std::set<shard_id>& except) {
  for (std::size_t shard = 0; shard < leases_.size(); ++shard) {
    if (leases_[shard].owner == from && !except.contains(static_cast<shard_id>(shard))) leases_[shard] = {};
  }
}

cluster_state memory_membership::state(const std::string& for_whom) const {
  cluster_state seen;
  const auto now = clock_();
  for (const auto& [name, one] : members_) {
    if (one.until > now) seen.members.push_back(one.who);
  }
  auto owner = seen.members.end();
  for (std::size_t shard = 0; shard < leases_.size(); ++shard) {
    const auto& lease = leases_[shard];
    // Mostly that of the shard before.
    if (owner == seen.members.end() || owner->name != lease.owner) {
      owner = std::find_if(seen.members.begin(), seen.members.end(),
                           [&](const auto& member) { return member.name == lease.owner; });
    }
    const bool owned = lease.until > now && owner != seen.members.end();
    seen.owners[shard] = owned ? static_cast<member_index>(owner - seen.members.begin()) : nobody;
  }
  seen.share = even_share(seen, for_whom);
  return seen;
}

}  // namespace holdfast::storage
