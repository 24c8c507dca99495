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

}  // namespace holdfast::storage
