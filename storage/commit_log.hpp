// The commit log of a journal on disk: batches in order, each durable when append() returns. What is
// behind in the tables is here; once it is there too, the files that hold it are removed.
//
// A folder of files named after the number of their first batch, `000000000042.log`, in the form of
// log_format.hpp. Batches are synced one by one, so that only the last one of all can be torn.
//
// A file that grows costs a sync that writes its size as well, which takes twice as long; so the next file
// is made ahead, full of zeros. Zeros are what stands behind the last batch of a file then.
//
// Threading: one thread appends and begins files; make_ahead() and remove_files_before() may be called
// from another while none is begun.
// All throw std::filesystem::filesystem_error; after that nothing may be appended any more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/log_damage.hpp"

namespace holdfast::storage {

class commit_log {
 public:
  /// Makes the folder where it is absent. Whoever appends begins a file first.
  explicit commit_log(std::filesystem::path folder);
  ~commit_log();
  commit_log(const commit_log&) = delete;
  commit_log& operator=(const commit_log&) = delete;

  /// Makes the next file, of so many bytes. Where that fails the next one grows: a disk that is full or
  /// broken tells so soon enough.
  void make_ahead(std::size_t bytes);
  void drop_what_was_made_ahead();
  /// What comes from now on goes to a new file. Durable when it returns.
  void begin_file(std::uint64_t next_batch);
  /// Durable when it returns.
  void append(std::string_view batch);
  /// Files that were begun for batches before this one.
  void remove_files_before(std::uint64_t batch) const;

 private:
  void write(std::string_view bytes);
  void close();

  const std::filesystem::path folder_;
  /// Where the next file is made.
  const std::filesystem::path ahead_;
  bool made_ahead_ = false;
  std::filesystem::path file_;
  int descriptor_ = -1;
  /// Up to where it is written.
  std::size_t size_ = 0;
};

/// What a commit log holds, as of now.
struct logged_batches {
  /// In order.
  std::vector<std::string> batches;
  /// Ends that were being written when the power or the process went: for cut_off_torn_end().
  std::vector<torn_log> torn;
  /// Of the first damaged file, with its name; then no batches are told.
  std::optional<std::string> damage;
  /// Whether there is a log at all: one that was begun has a file at any time.
  bool exists = false;
};

/// For its owner. Memory: all of the log. Throws as the log does.
logged_batches read_commit_log(const std::filesystem::path& folder);

/// The same beside its owner. What is read later is newer than what was read before, so that zeros may
/// seem to stand before a batch: damage is what is found twice in the same place.
logged_batches read_beside_owner(const std::filesystem::path& folder);

/// Makes the names in a folder durable.
void sync_folder(const std::filesystem::path& folder);

}  // namespace holdfast::storage
