// Where actors leave what a journal writer is to append: it is told once of all that come before it looks,
// not of each. Thread-safe.
#pragma once

#include <caf/actor.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/interfaces.hpp"
#include "storage/journal.hpp"
#include "storage/view.hpp"

namespace holdfast::actors {

/// An entry, and the row of the view that it leads to (id 0: none).
struct append_entry {
  storage::journal_entry entry;
  storage::view_row row;
  /// It was decided on top of appends of the same entity that were still open: without them it is void.
  bool on_open_appends = false;
  /// A customer waits for it; anything else may come a moment later.
  bool awaited = true;
  /// Gets `append_ended` once the batch is durable, or the journal has failed: an actor that takes it.
  caf::actor asker;
  /// The asker's name for it.
  std::uint64_t ticket = 0;
};

class journal_intake {
 public:
  /// Before the first entry comes.
  void open(journal_writer_actor writer) { writer_ = std::move(writer); }

  const journal_writer_actor& writer() const { return writer_; }

  void add(append_entry what);

  /// Appends to `to` what has come since the last time.
  void take(std::vector<append_entry>& to);

 private:
  std::mutex mutex_;
  std::vector<append_entry> waiting_;
  /// Some of them are awaited.
  bool awaited_ = false;
  journal_writer_actor writer_;
};
using journal_intake_ptr = std::shared_ptr<journal_intake>;

}  // namespace holdfast::actors
