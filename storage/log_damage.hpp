// Looks through logs for damage, the journal's own and RocksDB's, the write-ahead logs and the manifest,
// before anything reads them: what would be taken for the torn end of a crash though it is none, what
// RocksDB would refuse without saying where, and what it would refuse though it is nothing but a torn end.
//
// Where a log ends in the middle of a record, the record is dropped: it was never synced, so nobody was
// told of it. But a flipped bit in the length of an older record looks the same, and would take
// everything behind it along, acknowledged or not. Two things tell them apart: each batch is synced
// before the next begins, so no batch begins behind a torn one, in no later log either; and a torn
// record is not whole at any length.
//
// A loss of power may also leave a log at its full size with sectors of its last batch missing, one by
// one or by whole pages: they read as zeros. RocksDB takes that for damage, so such an end has to be cut
// off. It is told from damage by those zeros: no whole record has a sector of them, for no text in one is
// that long. And a record that was being written into a log made ahead of it, or is being written while it
// is read, ends in zeros, and nothing else stands behind it. What a single flipped bit explains is never
// taken for torn.
//
// Memory: one log, bounded by the store's tuning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

struct log_contents {
  /// What is wrong, with the offset; nothing where the log is whole, or torn at its end.
  std::optional<std::string> damage;
  /// Where its last whole batch ends. What stands behind that was never acknowledged.
  std::size_t whole_bytes = 0;
};

/// The bytes are those of a log: see log_format.hpp. Pure.
log_contents look_through_log(std::string_view bytes);

struct torn_log {
  std::filesystem::path file;
  std::size_t whole_bytes = 0;
  std::size_t torn_bytes = 0;
};

struct log_findings {
  /// Of the first damaged one, with its name.
  std::optional<std::string> damage;
  std::vector<torn_log> torn;
};

/// The logs in a folder, `<number>.log`, the newest first: what its owner appends meanwhile is in one
/// that was looked at before. Throws std::filesystem::filesystem_error.
std::map<std::uint64_t, std::filesystem::path, std::greater<>> logs_in(const std::filesystem::path& folder);

/// What may stand behind the last batch of a log, but for what is torn.
enum class log_space : std::uint8_t {
  none,
  /// Zeros. A batch that got lost with all of its bytes is not missed then: whoever reads the log counts.
  made_ahead
};

/// Looks through the logs in the folder and the manifest that CURRENT names, if there is one. A log that
/// is gone meanwhile is left out; `each_log` gets what is whole of the others, the newest first. Throws
/// std::filesystem::filesystem_error where one can't be read.
log_findings look_through_logs(
    const std::filesystem::path& folder, log_space space = log_space::none,
    const std::function<void(std::string_view whole_log)>& each_log = [](auto) {});

/// Durable when it returns, with a line in the process's log. For the owner of the log, who must hold its
/// lock since before it looked. Throws std::filesystem::filesystem_error.
void cut_off_torn_end(const torn_log& log);

}  // namespace holdfast::storage
