#include "storage/journal_store.hpp"

#include <filesystem>
#include <utility>

#include "storage/rocksdb_reads.hpp"
#include "storage/rocksdb_upgrade.hpp"

namespace holdfast::storage {
namespace {

/// Of files that are not the tables' either: with the name of the journal.
template <class Do>
auto as_store_failure(const std::string& path, Do act) {
  try {
    return act();
  } catch (const std::filesystem::filesystem_error& error) {
    throw store_failure("journal " + path + ": " + error.what());
  }
}

}  // namespace

/// A log that lacks what came before begins; the older ones are gone for good before it has anything.
journal_store::ownership::ownership(rocksdb_store& tables, log_tail& tail, std::uint64_t next_batch,
                                    std::size_t log_bytes)
    : log(tables.log_folder()), group(tables, log, tail, next_batch), writer(tables, log, tail, log_bytes) {
  log.begin_file(next_batch);
  log.remove_files_before(next_batch);
  sync_folder(tables.log_folder());
}

journal_store::journal_store(const rocksdb_journal_options& options, store_access access)
    : largest_tail_bytes_(options.largest_tail_bytes),
      logged_(access == store_access::owner
                  ? logged_batches{}
                  : as_store_failure(
                        options.path,
                        [&] { return read_beside_owner(std::filesystem::path(options.path) / "log"); })),
      tables_(options.path, options.block_cache_bytes, access) {
  const bool owned = access == store_access::owner;
  as_store_failure(options.path, [&] {
    if (owned) {
      take_over_older_format();
      logged_ = read_commit_log(tables_.log_folder());
    } else if (tables_.of_older_format()) {
      add_entities_behind(tables_, tail_);
    }
    const auto next_batch = fill_tail();
    if (owned) write_tail();
    find_ends();
    if (!owned) return;
    for (const auto& torn : logged_.torn) cut_off_torn_end(torn);
    owner_.emplace(tables_, tail_, next_batch, largest_tail_bytes_);
  });
  logged_ = {};
}

journal_store::~journal_store() {
  if (!owner_ || failed_) return;
  try {
    owner_->writer.end(owner_->group.next_batch());
  } catch (const store_failure&) {
    // All of it is in the log; the next opening will tell what is wrong.
  }
}

/// From then on the log is needed, so it is there first.
void journal_store::take_over_older_format() {
  if (!tables_.of_older_format()) return;
  commit_log(tables_.log_folder()).begin_file(1);
  log_tail behind;
  add_entities_behind(tables_, behind);
  write_tables(tables_, *behind.hand_over());
  tables_.read_format();
}

/// Gives the number of the next batch.
std::uint64_t journal_store::fill_tail() {
  if (!logged_.exists && !tables_.of_older_format()) tables_.fail_damaged("its log is lost");
  if (logged_.damage) tables_.fail_damaged("its log " + *logged_.damage);
  auto last = tables_.last_batch();
  for (auto& batch : logged_.batches) {
    std::string_view bytes = batch;
    const auto number = take_number(bytes);
    if (number && *number <= last) continue;
    if (number != last + 1) {
      tables_.fail_damaged("its log lacks batch " + std::to_string(last + 1));
    }
    if (const auto wrong = tail_.add(std::move(batch))) tables_.fail_damaged("its log has " + *wrong);
    last = *number;
  }
  return last + 1;
}

/// What was read back may stand in the page cache alone: whoever wrote it was killed before it was synced, or
/// its sync failed, and syncing the file now would say nothing of pages that the kernel has given up. So it
/// is written once more, to the tables, before anything stands on it.
void journal_store::write_tail() {
  if (tail_.bytes() == 0) return;
  write_tables(tables_, *tail_.hand_over());
  tail_.forget_older();
}

void journal_store::find_ends() {
  for (shard_id shard = 0; shard < shard_count; ++shard) {
    const auto in_tail = tail_.last_position(shard);
    ends_[shard] = in_tail != 0 ? in_tail : tables_.last_number(family::records, shard);
  }
}

void journal_store::move_ends() {
  for (const auto& [shard, at] : appended_) ends_[shard].store(at, std::memory_order_release);
  appended_.clear();
}

group_commit& journal_store::owned() {
  if (!owner_) tables_.fail("it was opened for reading only");
  return owner_->group;
}

shard_claim journal_store::claim(shard_id shard) {
  return owned().claim(shard);
}

append_verdict journal_store::append(const journal_entry& entry) {
  const auto verdict = owned().append(entry);
  if (verdict.status == append_status::appended) appended_.emplace_back(entry.shard, verdict.at);
  return verdict;
}

void journal_store::commit() {
  failed_ = true;
  owned().commit();
  move_ends();
  if (tail_.bytes() >= largest_tail_bytes_) {
    owner_->writer.begin(owner_->group.next_batch());
  } else {
    owner_->writer.check();
  }
  failed_ = false;
}

std::vector<journal_record> journal_store::read_entity(entity_id entity, read_depth depth) const {
  return storage::read_entity(tables_, tail_, entity, depth);
}

std::vector<journal_record> journal_store::read_shard(shard_id shard, position from,
                                                      std::uint32_t limit) const {
  return storage::read_shard(tables_, tail_, shard, from, limit);
}

std::vector<entity_id> journal_store::list_unfinished(shard_id shard, entity_id after,
                                                      std::uint32_t limit) const {
  return storage::list_unfinished(tables_, tail_, shard, after, limit);
}

std::vector<kept_key> journal_store::list_keys(shard_id shard, const std::string& after,
                                               std::uint32_t limit) const {
  return storage::list_keys(tables_, tail_, shard, after, limit);
}

std::vector<std::string> journal_store::damaged_tables(const tables_read& told) const {
  return tables_.damaged_tables(told);
}

std::vector<position> journal_store::read_ends() const {
  std::vector<position> ends;
  ends.reserve(ends_.size());
  for (const auto& end : ends_) ends.push_back(end.load(std::memory_order_acquire));
  return ends;
}

}  // namespace holdfast::storage
