#include "tests/simulation/event_follower.hpp"

#include <cassert>
#include <string>

#include "http/event_document.hpp"

namespace holdfast::simulation {

namespace {

constexpr std::uint64_t looks_once_in_steps = 50;
constexpr std::uint64_t most_records_at_once = 4;

}  // namespace

event_follower::event_follower(const world& in, journal_store& journal)
    : world_(in),
      journal_(journal),
      replay_(journal.as_journal()),
      random_(~in.drawn.seed),
      place_(storage::shard_count, 0) {}

void event_follower::look() {
  if (random_.below(looks_once_in_steps) != 0) return;
  const auto shard = static_cast<storage::shard_id>(random_.below(world_.drawn.shards));
  read_some(shard, static_cast<std::uint32_t>(1 + random_.below(most_records_at_once)));
}

void event_follower::read_to_the_end() {
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    while (read_some(shard, most_records_at_once)) {
    }
  }
}

bool event_follower::read_some(storage::shard_id shard, std::uint32_t count) {
  auto& at = place_[shard];
  const auto records = journal_.read_shard(shard, at + 1, count);
  for (const auto& record : records) {
    const auto replayed = replay_.replay(record, [&](const auto& event, const domain::reservation& after) {
      const auto type = http::published_type(event);
      if (!type) return;
      told_.push_back({.reservation = record.entity,
                       .version = after.version,
                       .type = std::string(http::published_types[*type]),
                       .reader = 0,
                       .at = world_.now()});
    });
    assert(replayed);
    at = record.at;
  }
  return !records.empty();
}

}  // namespace holdfast::simulation
