#include "storage/table_writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include <rocksdb/write_batch.h>

#include "storage/rocksdb_layout.hpp"

namespace holdfast::storage {
namespace {

class rows {
 public:
  rows(const rocksdb_store& tables, const tail_part& part) : tables_(tables), part_(part) {}

  /// Family by family, each in the order of its keys: that is the fastest way in.
  void gather(rocksdb::WriteBatch& to) {
    for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
      add_records(to, static_cast<shard_id>(shard));
    }
    for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
      add_entities(to, static_cast<shard_id>(shard));
    }
    for (const auto& [key, value] : part_.keys()) put(to, family::keys, key, value);
  }

 private:
  void add_records(rocksdb::WriteBatch& to, shard_id shard) {
    const auto& here = part_.of(shard);
    auto at = here.first;
    for (const auto value : here.records) put(to, family::records, layout::number_key(shard, at++), value);
    if (!here.row.empty()) put(to, family::meta, layout::shard_key(shard), here.row);
  }

  void add_entities(rocksdb::WriteBatch& to, shard_id shard) {
    const auto& here = part_.of(shard);
    ids_.clear();
    for (const auto& [id, one] : here.entities) ids_.push_back(id);
    std::sort(ids_.begin(), ids_.end());
    for (const auto id : ids_) add_entity(to, id, here.entities.at(id));
  }

  /// A key of the unfinished index is put and deleted by turns, never twice the same: that is what
  /// SingleDelete asks for, and it makes both vanish when they meet.
  void add_entity(rocksdb::WriteBatch& to, entity_id id, const tail_part::entity& one) {
    const auto key = layout::number_key(shard_of(id), id);
    const auto stored = one.is_new ? std::nullopt : tables_.entity(id);
    const bool listed = stored && stored->unfinished;
    put(to, family::entities, key, layout::encode(one.row));
    if (one.row.unfinished && !listed) put(to, family::unfinished, key, "");
    if (!one.row.unfinished && listed) {
      tables_.check(to.SingleDelete(tables_.handle(family::unfinished), key));
    }
  }

  void put(rocksdb::WriteBatch& to, family in, std::string_view key, std::string_view value) {
    tables_.check(to.Put(tables_.handle(in), rocksdb::Slice(key.data(), key.size()),
                         rocksdb::Slice(value.data(), value.size())));
  }

  const rocksdb_store& tables_;
  const tail_part& part_;
  std::vector<entity_id> ids_;
};

}  // namespace

void write_tables(rocksdb_store& tables, const tail_part& part) {
  rocksdb::WriteBatch batch;
  rows(tables, part).gather(batch);
  tables.add_last_batch(batch, part.last_batch());
  tables.write(batch);
}

void table_writer::begin(std::uint64_t next_batch) {
  begin(next_batch, then::make_ahead);
}

void table_writer::begin(std::uint64_t next_batch, then what) {
  finish();
  begin_file(next_batch);
  under_way_ = std::async(std::launch::async, [this, next_batch, what, part = tail_.hand_over()]() mutable {
    ::pthread_setname_np(::pthread_self(), "journal tables");
    write_tables(tables_, *part);
    // Freed on this thread, not under the tail's lock.
    tail_.forget_older();
    part.reset();
    try {
      log_.remove_files_before(next_batch);
      if (what == then::make_ahead) log_.make_ahead(log_bytes_);
    } catch (const std::filesystem::filesystem_error& error) {
      tables_.fail(error.what());
    }
  });
}

void table_writer::begin_file(std::uint64_t next_batch) {
  try {
    log_.begin_file(next_batch);
  } catch (const std::filesystem::filesystem_error& error) {
    tables_.fail(error.what());
  }
}

void table_writer::check() {
  const bool ended =
      under_way_.valid() && under_way_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (ended) under_way_.get();
}

void table_writer::finish() {
  if (under_way_.valid()) under_way_.get();
}

void table_writer::end(std::uint64_t next_batch) {
  finish();
  log_.drop_what_was_made_ahead();
  if (tail_.bytes() == 0) return begin_file(next_batch);
  begin(next_batch, then::nothing);
  finish();
}

}  // namespace holdfast::storage
