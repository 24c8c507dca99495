#include "storage/event_replay.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "storage/event_codec.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::storage {

journal_result<std::monostate> event_replay::replay(const journal_record& record, const taker& take) {
  auto state = state_before(record);
  if (!state) return tl::unexpected(std::move(state.error()));
  const auto read = for_each_reservation_event(record.record, [&](const domain::reservation_event& event) {
    domain::apply(*state, event);
    take(event, *state);
  });
  if (!read) {
    const tracing::logged_trace about(trace_of(record.record));
    spdlog::error("the events of reservation {} at position {} of shard {} can't be read: {}", record.entity,
                  record.at, record.shard, read.error().message);
    return std::monostate{};
  }
  keep(record.entity, std::move(*state));
  return std::monostate{};
}

journal_result<domain::reservation> event_replay::state_before(const journal_record& record) {
  if (record.first_sequence == 1) return domain::reservation{};
  auto kept = take_kept(record.entity);
  if (kept && kept->version + 1 == record.first_sequence) return std::move(*kept);
  const auto records = journal_.read_entity(record.entity);
  if (!records) return tl::unexpected(records.error());
  std::string before;
  for (const auto& one : *records) {
    if (one.at < record.at) before += one.record;
  }
  auto state = fold_reservation(before);
  if (state) return std::move(*state);
  const tracing::logged_trace about(trace_of(record.record));
  spdlog::error("reservation {} can't be replayed: {}", record.entity, state.error().message);
  return domain::reservation{};
}

std::optional<domain::reservation> event_replay::take_kept(entity_id id) {
  for (auto* some : {&younger_, &older_}) {
    if (auto found = some->extract(id)) return std::move(found.mapped());
  }
  return std::nullopt;
}

void event_replay::keep(entity_id id, domain::reservation state) {
  if (younger_.size() >= kept_states) {
    older_ = std::move(younger_);
    younger_ = {};
  }
  younger_.insert_or_assign(id, std::move(state));
}

}  // namespace holdfast::storage
