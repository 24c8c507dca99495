#include "actors/journal_writer.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
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

/// The message comes behind those of all actors that are ready now: what they leave is for the same sync.
void journal_writer_state::look() {
  if (under_way.empty()) write();
}

void journal_writer_state::write_is_due() {
  reminded = false;
  look();
}

bool journal_writer_state::anyone_waits() const {
  return std::any_of(waiting.begin(), waiting.end(), [](const auto& one) { return one.awaited; });
}

/// An entry on open ones waits until those are through: where they are in this batch, for the next one. Those
/// of earlier batches are through.
std::size_t journal_writer_state::length_of_batch() const {
  const auto begin = waiting.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(waiting.size(), largest_batch_entries));
  auto next = std::find_if(begin, end, [](const auto& one) { return one.on_open_appends; });
  std::unordered_set<storage::entity_id> taken;
  if (next != end) {
    for (auto one = begin; one != next; ++one) taken.insert(one->entry.entity);
  }
  for (; next != end; ++next) {
    const bool first_of_entity = taken.insert(next->entry.entity).second;
    if (next->on_open_appends && !first_of_entity) break;
  }
  return static_cast<std::size_t>(next - begin);
}

bool journal_writer_state::is_void(const append_entry& what) {
  if (what.on_open_appends) return refused.contains(what.entry.entity);
  refused.erase(what.entry.entity);
  return false;
}

void journal_writer_state::refuse_void() {
  std::erase_if(waiting, [this](const append_entry& one) {
    if (!is_void(one)) return false;
    answer(one, storage::append_verdict{storage::append_status::stale_sequence});
    return true;
  });
}

void journal_writer_state::remember(storage::entity_id entity) {
  if (refused.size() >= largest_refused_entities) refused.clear();
  refused.insert(entity);
}

void journal_writer_state::write() {
  intake->take(waiting);
  if (failed) return answer_failure(waiting);
  if (!refused.empty()) refuse_void();
  const auto count = length_of_batch();
  if (count == 0) return;
  const auto now = self->clock().now();
  const auto due = begun_at + around->options.journal_put_off;
  if (now < due && !anyone_waits()) {
    if (!std::exchange(reminded, true)) self->delayed_send(self, due - now, write_due{});
    return;
  }
  begun_at = now;
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
    if (one.row.id != 0) around->ports.progress.begun(one.row.id);
    entries.push_back(std::move(one.entry));
  }
  meter->begun(entries.size(), now);
  journal->append(std::move(entries),
                  result_to_actor<batch_written>(around, caf::actor_cast<journal_writer_actor>(self)));
}

void journal_writer_state::written(const batch_written& batch) {
  if (!*batch.result) return fail(batch.result->error().message);
  meter->ended(self->clock().now());
  const auto& verdicts = **batch.result;
  auto ended = std::exchange(under_way, {});
  auto rows = make_known(ended, verdicts);
  const auto answer_those = [&](bool appended) {
    for (std::size_t i = 0; i < ended.size(); ++i) {
      if ((verdicts[i].status == storage::append_status::appended) == appended) answer(ended[i], verdicts[i]);
    }
  };
  // Before what was decided on top of them is refused too, which the next batch begins with.
  answer_those(false);
  // The disk need not wait until the others have been answered.
  write();
  answer_those(true);
  if (!settling.empty()) tell_what_has_settled();
  if (projector && !rows.rows.empty()) self->send(projector, std::move(rows));
}

bool journal_writer_state::has(storage::entity_id entity) const {
  const auto is = [&](const append_entry& one) { return one.entry.entity == entity; };
  return std::any_of(under_way.begin(), under_way.end(), is) ||
         std::any_of(waiting.begin(), waiting.end(), is);
}

void journal_writer_state::settle(const settle_entity& what) {
  intake->take(waiting);
  settling.emplace_back(what.entity, caf::actor_cast<caf::actor>(self->current_sender()));
  tell_what_has_settled();
  look();
}

void journal_writer_state::tell_what_has_settled() {
  std::erase_if(settling, [this](const auto& one) {
    if (has(one.first)) return false;
    caf::anon_send(one.second, entity_settled{one.first});
    return true;
  });
}

/// Before anybody is answered, since who reads after that must know that the view may be behind; and before
/// the next batch, which may have more of the same entities.
durable_rows journal_writer_state::make_known(std::vector<append_entry>& ended,
                                              const std::vector<storage::append_verdict>& verdicts) {
  durable_rows rows;
  for (std::size_t i = 0; i < ended.size(); ++i) {
    auto& row = ended[i].row;
    if (is_stale(verdicts[i])) remember(ended[i].entry.entity);
    if (row.id == 0 || verdicts[i].status != storage::append_status::appended) continue;
    const auto shard = storage::shard_of(row.id);
    around->ports.progress.durable(row.id, verdicts[i].at);
    rows.rows.push_back({shard, verdicts[i].at, std::move(row)});
  }
  for (std::size_t i = 0; i < ended.size(); ++i) {
    // Whose epoch is old can't know where its shard stands.
    if (ended[i].row.id != 0 && verdicts[i].status == storage::append_status::key_taken)
      around->ports.progress.refused(ended[i].row.id);
  }
  return rows;
}

void journal_writer_state::answer(const append_entry& what,
                                  const std::optional<storage::append_verdict>& verdict) const {
  caf::anon_send(what.asker, append_ended{what.ticket, verdict});
}

void journal_writer_state::answer_failure(std::vector<append_entry>& these) const {
  for (const auto& one : these) answer(one, std::nullopt);
  these.clear();
}

void journal_writer_state::fail(const std::string& message) {
  failed = true;
  meter->failed();
  answer_failure(under_way);
  write();
  around->ports.on_fatal(message);
}

journal_writer_actor::behavior_type journal_writer(journal_writer_state::self_pointer self,
                                                   surroundings_ptr around, storage::journal* journal,
                                                   journal_meter* meter, journal_intake_ptr intake,
                                                   projector_actor projector) {
  auto& state = self->state;
  state.self = self;
  state.around = std::move(around);
  state.journal = journal;
  state.meter = meter;
  state.intake = std::move(intake);
  state.projector = std::move(projector);
  return {
      [self](entries_wait) { self->state.look(); },
      [self](write_due) { self->state.write_is_due(); },
      [self](const batch_written& batch) { self->state.written(batch); },
      [self](const settle_entity& what) { self->state.settle(what); },
  };
}

}  // namespace holdfast::actors
