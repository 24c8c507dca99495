// Looks through the logs of RocksDB, the write-ahead logs and the manifest, for damage, before RocksDB
// reads them: what that would take for the torn end of a crash though it is none, and what it would
// refuse without saying where.
//
// Where a log ends in the middle of a record, RocksDB drops the record: it was never synced, so nobody
// was told of it. But a flipped bit in the length of an older record looks the same, and would take
// everything behind it along, acknowledged or not. Two things tell them apart: each batch is synced
// before the next begins, so no batch begins behind a torn one; and a torn record is not whole at any
// length.
//
// Pure but for reading the file; one thread. Memory: one log, bounded by the store's tuning.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::storage {

/// What is wrong, with the offset; nothing where the log is whole, or torn at its end. The bytes are
/// those of a log: see RocksDB's "Write Ahead Log File Format".
std::optional<std::string> damage_in_log(std::string_view bytes);

/// Of the first damaged one of all logs in the folder, with its name; one that can't be opened is left to
/// RocksDB. Throws std::filesystem::filesystem_error where the folder can't be read.
std::optional<std::string> damage_in_logs(const std::filesystem::path& folder);

}  // namespace holdfast::storage
