#include "storage/membership.hpp"

namespace holdfast::storage {

member_index keeper_of(const cluster_state& state, shard_id shard, bool member_roles::*role) {
  const auto owner = state.owners[shard];
  if (owner == nobody || state.members[owner].roles.*role) return owner;
  std::vector<member_index> keepers;
  for (std::size_t member = 0; member < state.members.size(); ++member) {
    if (state.members[member].roles.*role) keepers.push_back(static_cast<member_index>(member));
  }
  return keepers.empty() ? nobody : keepers[shard % keepers.size()];
}

std::size_t even_share(const cluster_state& state, const std::string& name) {
  std::size_t takers = 0;
  std::size_t before = 0;
  for (const auto& member : state.members) {
    if (!member.roles.reservation) continue;
    ++takers;
    if (member.name < name) ++before;
  }
  if (takers == 0) return shard_count;
  return shard_count / takers + (before < shard_count % takers ? 1 : 0);
}

}  // namespace holdfast::storage
