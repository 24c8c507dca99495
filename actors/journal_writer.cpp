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
  write_soon();
}

/// When those have run that are ready now: what they append is for the same sync.
void journal_writer_state::write_soon() {
  if (under_way.empty() && !std::exchange(due, true)) self->send(self, write_due{});
}

void journal_writer_state::write_is_due() {
  due = false;
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
  const auto& verdicts = **batch.result;
  auto ended = std::exchange(under_way, {});
  auto rows = make_known(ended, verdicts);
  // The disk need not wait until all have been answered.
  write();
  for (std::size_t i = 0; i < ended.size(); ++i) ended[i].to.deliver(verdicts[i]);
  if (projector && !rows.rows.empty()) self->send(projector, std::move(rows));
}

/// Before anybody is answered, since who reads after that must know that the view may be behind; and before
/// the next batch, which may have more of the same entities.
durable_rows journal_writer_state::make_known(std::vector<pending>& ended,
                                              const std::vector<storage::append_verdict>& verdicts) {
  durable_rows rows;
  for (std::size_t i = 0; i < ended.size(); ++i) {
    auto& row = ended[i].what.row;
    if (is_stale(verdicts[i])) remember(ended[i].what.entry.entity);
    if (row.id == 0 || verdicts[i].status != storage::append_status::appended) continue;
    const auto shard = storage::shard_of(row.id);
    around->ports.progress.durable(row.id, verdicts[i].at);
    rows.rows.push_back({shard, verdicts[i].at, std::move(row)});
  }
  for (std::size_t i = 0; i < ended.size(); ++i) {
    // Whose epoch is old can't know where its shard stands.
    if (ended[i].what.row.id != 0 && verdicts[i].status == storage::append_status::key_taken)
      around->ports.progress.refused(ended[i].what.row.id);
  }
  return rows;
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
      [self](write_due) { self->state.write_is_due(); },
  };
}

}  // namespace holdfast::actors
