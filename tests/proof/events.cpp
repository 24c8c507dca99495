// Invariant 13: every event that was published is in the journal, every one there was published at least
// once to each reader who has read all, and each was told those of a reservation in order. Some may be told
// again; then they say the same.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/proof/case_file.hpp"
#include "tests/proof/names.hpp"

namespace holdfast::proof {

namespace {

using event_key = std::pair<reservation_id, std::uint64_t>;

std::string describe_event(const event_line& event) {
  return event.type + " of version " + std::to_string(event.version);
}

/// What the journal has there, as it is published; empty where that is nothing.
std::string_view journalled(const case_file& file, const event_line& event) {
  const auto* kept = file.find(event.reservation);
  if (kept == nullptr || event.version == 0 || event.version > kept->version()) return {};
  return published_name_of(kept->events[event.version - 1]);
}

void check_order_of_each(case_file& file) {
  std::map<std::pair<std::uint32_t, reservation_id>, std::set<std::uint64_t>> told;
  for (const auto& event : file.run.events) {
    auto& versions = told[{event.reader, event.reservation}];
    if (!versions.insert(event.version).second || event.version == *versions.rbegin()) continue;
    file.report(13, event.reservation,
                "reader " + std::to_string(event.reader) + " was told " + describe_event(event) +
                    " for the first time after version " + std::to_string(*versions.rbegin()));
  }
}

void check_all_were_told(case_file& file, std::uint32_t reader) {
  std::set<event_key> told;
  for (const auto& event : file.run.events) {
    if (event.reader == reader) told.emplace(event.reservation, event.version);
  }
  for (const auto& [id, kept] : file.reservations) {
    for (std::uint64_t version = 1; version <= kept.version(); ++version) {
      const auto name = published_name_of(kept.events[version - 1]);
      if (name.empty() || told.contains({id, version})) continue;
      file.report(13, id,
                  std::string(name) + " of version " + std::to_string(version) +
                      " was never published to reader " + std::to_string(reader));
    }
  }
}

}  // namespace

void check_events(case_file& file) {
  for (const auto& event : file.run.events) {
    if (journalled(file, event) == event.type) continue;
    file.report(13, event.reservation, describe_event(event) + " was published and is not in the journal");
  }
  check_order_of_each(file);
  if (!file.run.facts.at_rest) return;
  for (std::uint32_t reader = 0; reader < file.run.facts.event_readers; ++reader) {
    check_all_were_told(file, reader);
  }
}

}  // namespace holdfast::proof
