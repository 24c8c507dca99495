#include "actors/journal_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "actors/port_callback.hpp"
#include "storage/projection_progress.hpp"

namespace holdfast::actors {

namespace {

bool is_stale(const storage::append_verdict& verdict) {
  return verdict.status != storage::append_status::appended &&
         verdict.status != storage::append_status::key_taken;
}

}  // namespace

void journal_writer_state::add(append_entry& what, verdict_reply to) {
  // Dropped, and with it the reply that it owes.
  if (failed) return;
  waiting.push_back({std::move(what), std::move(to)});
  if (under_way.empty()) write();
}

/// An entry on open ones waits until those are through.
std::size_t journal_writer_state::length_of_batch() const {
  const auto most = std::min(waiting.size(), largest_batch_entries);
  std::size_t length = std::min<std::size_t>(most, 1);
  while (length < most && !waiting[length].what.on_open_appends) ++length;
  return length;
}

bool journal_writer_state::is_void(const append_entry& what) {
  if (what.on_open_appends) return refused.contains(what.entry.entity);
  refused.erase(what.entry.entity);
  return false;
}

void journal_writer_state::refuse_void() {
  std::erase_if(waiting, [this](pending& one) {
    if (!is_void(one.what)) return false;
    one.to.deliver({storage::append_status::stale_sequence});
    return true;
  });
}

void journal_writer_state::remember(storage::entity_id entity) {
  if (refused.size() >= largest_refused_entities) refused.clear();
  refused.insert(entity);
}

void journal_writer_state::write() {
  if (!refused.empty()) refuse_void();
  const auto count = length_of_batch();
  if (count == 0) return;
  if (count == waiting.size()) {
    under_way.swap(waiting);
  } else {
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
    under_way.assign(std::move_iterator(waiting.begin()), std::move_iterator(end));
    waiting.erase(waiting.begin(), end);
  }
  std::vector<storage::journal_entry> entries;
  entries.reserve(under_way.size());
  for (auto& one : under_way) {
    if (one.what.row.id != 0) around->ports.progress.begun(one.what.row.id);
    entries.push_back(std::move(one.what.entry));
  }
  meter->begun(entries.size(), self->clock().now());
  journal->append(std::move(entries),
                  result_to_actor<batch_written>(around, caf::actor_cast<journal_writer_actor>(self)));
}

void journal_writer_state::written(const batch_written& batch) {
  if (!*batch.result) return fail(batch.result->error().message);
  meter->ended(self->clock().now());
  acknowledge(**batch.result);
  under_way.clear();
  write();
}

void journal_writer_state::acknowledge(const std::vector<storage::append_verdict>& verdicts) {
  durable_rows rows;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    auto& row = under_way[i].what.row;
    if (row.id == 0 || verdicts[i].status != storage::append_status::appended) continue;
    const auto shard = storage::shard_of(row.id);
    // Before the reply: who reads after it must know that the view may be behind.
    around->ports.progress.durable(row.id, verdicts[i].at);
    rows.rows.push_back({shard, verdicts[i].at, std::move(row)});
  }
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    // Whose epoch is old can't know where its shard stands.
    if (under_way[i].what.row.id != 0 && verdicts[i].status == storage::append_status::key_taken)
      around->ports.progress.refused(under_way[i].what.row.id);
    if (is_stale(verdicts[i])) remember(under_way[i].what.entry.entity);
    under_way[i].to.deliver(verdicts[i]);
  }
  if (projector && !rows.rows.empty()) self->send(projector, std::move(rows));
}

void journal_writer_state::fail(const std::string& message) {
  failed = true;
  meter->failed();
  under_way.clear();
  waiting.clear();
  around->ports.on_fatal(message);
}

journal_writer_actor::behavior_type journal_writer(journal_writer_state::self_pointer self,
                                                   surroundings_ptr around, storage::journal* journal,
                                                   journal_meter* meter, projector_actor projector) {
  auto& state = self->state;
  state.self = self;
  state.around = std::move(around);
  state.journal = journal;
  state.meter = meter;
  state.projector = std::move(projector);
  return {
      [self](append_entry& what) {
        return owe<storage::append_verdict>(self, [&](auto to) { self->state.add(what, std::move(to)); });
      },
      [self](const batch_written& batch) { self->state.written(batch); },
  };
}

}  // namespace holdfast::actors
