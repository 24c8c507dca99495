#include "tests/chaos/damage.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "tests/chaos/evidence.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::chaos {

namespace {

/// Where nobody listens: a copy must not speak to the provider of the original.
constexpr const char* no_provider = "http://127.0.0.1:9";
/// Ends of the process that are a decision; a crash is none.
constexpr int refused = 1;
constexpr int aborted = 134;

std::vector<std::filesystem::path> files_of_journals(const std::filesystem::path& data,
                                                     std::mt19937_64& random) {
  std::vector<std::filesystem::path> files;
  for (const char* journal : {"reservations", "receipts"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data / journal)) {
      const auto name = entry.path().filename().string();
      const bool matters = name.ends_with(".log") || name.ends_with(".sst") || name.starts_with("MANIFEST") ||
                           name == "CURRENT";
      if (matters && entry.file_size() > 0) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  // What was acknowledged last lies in the logs alone, if they hold anything.
  const auto logs = std::stable_partition(files.begin(), files.end(),
                                          [](const auto& path) { return path.extension() == ".log"; });
  if (logs != files.begin() && random() % 2 == 0) files.erase(logs, files.end());
  return files;
}

/// The manifest has the form of a log.
bool is_log(const std::filesystem::path& path) {
  return path.extension() == ".log" || path.filename().string().starts_with("MANIFEST");
}

/// Where the records of a log begin: blocks of 32 KiB, records of a header (checksum 4 bytes, length 2,
/// type 1) and as many bytes as it says. See storage/log_format.hpp.
std::vector<std::uint64_t> records_of_log(const std::filesystem::path& path) {
  constexpr std::uint64_t block = 32 * 1024;
  constexpr std::uint64_t header = 7;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const auto byte_at = [&](std::uint64_t at) { return static_cast<unsigned char>(bytes[at]); };
  std::vector<std::uint64_t> starts;
  for (std::uint64_t at = 0; at + header <= bytes.size();) {
    if (block - at % block < header) {
      at += block - at % block;
    } else if (byte_at(at + header - 1) == 0) {
      break;
    } else {
      starts.push_back(at);
      at += header + byte_at(at + 4) + 256u * byte_at(at + 5);
    }
  }
  return starts;
}

/// In a log half of the time in a record's header, where a flipped length could swallow all that
/// follows.
std::uint64_t draw_offset(const std::filesystem::path& path, std::mt19937_64& random) {
  const auto anywhere = random() % std::filesystem::file_size(path);
  if (!is_log(path) || random() % 2 == 0) return anywhere;
  const auto records = records_of_log(path);
  constexpr std::uint64_t length_and_type = 3;
  return records.empty() ? anywhere : records[random() % records.size()] + 4 + random() % length_and_type;
}

std::string flip_a_bit(const std::filesystem::path& path, std::mt19937_64& random) {
  const auto size = std::filesystem::file_size(path);
  const auto at = draw_offset(path, random);
  const auto bit = random() % 8;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ (1 << bit)));
  return "bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " of " +
         path.parent_path().filename().string() + "/" + path.filename().string() + ", " +
         std::to_string(size) + " bytes";
}

/// By shard and position, for both journals.
using all_records = std::map<std::pair<storage::shard_id, storage::position>, std::string>;

all_records records_in(const std::filesystem::path& folder) {
  all_records all;
  for (const auto& line : read_journal(folder)) all[{line.record.shard, line.record.at}] = line.record.record;
  return all;
}

std::string lost_between(const all_records& before, const all_records& after) {
  for (const auto& [where, record] : before) {
    const auto found = after.find(where);
    if (found == after.end() || found->second != record) {
      return "position " + std::to_string(where.second) + " of shard " + std::to_string(where.first);
    }
  }
  return {};
}

void judge_refusal(damage_report& report, const std::filesystem::path& copy, int code,
                   const std::string& said, bool of_a_log) {
  report.came_of_it = "refused: " + said;
  // Debian's RocksDB trusts the index of a table before it has looked at its checksum, and its
  // asserts are on: nothing is half read, but the message does not name the file. Known, and told.
  const bool assertion_of_rocksdb = code == aborted && said.find("rocksdb::") != std::string::npos;
  if (assertion_of_rocksdb && !of_a_log) return;
  if (code != refused) {
    report.wrong = "the server ended with " + std::to_string(code) + ": " + said;
  } else if (said.find(copy.string()) == std::string::npos) {
    report.wrong = "the refusal does not say which journal it is about: " + said;
  } else if (of_a_log && said.find("damaged at byte") == std::string::npos) {
    report.wrong = "the refusal does not say where in the log: " + said;
  }
}

void judge_what_is_kept(damage_report& report, const std::filesystem::path& data,
                        const std::filesystem::path& copy) {
  report.came_of_it = "nothing lost";
  for (const char* journal : {"reservations", "receipts"}) {
    const auto before = records_in(data / journal);
    try {
      const auto lost = lost_between(before, records_in(copy / journal));
      if (!lost.empty()) report.wrong = "taken without a word, and lost is " + lost + " of " + journal;
    } catch (const std::exception& error) {
      report.came_of_it = std::string("refused when it was read: ") + error.what();
    }
  }
}

}  // namespace

damage_report try_damaged_copy(const std::filesystem::path& data, std::mt19937_64& random) {
  const testing::temporary_folder folder;
  const auto copy = folder.path() / "copy";
  std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
  const auto files = files_of_journals(copy, random);
  damage_report report;
  const auto& chosen = files[random() % files.size()];
  report.what = flip_a_bit(chosen, random);

  testing::process server({"serve", "--listen", "127.0.0.1:0", "--data", copy.string(), "--payment",
                           no_provider, "--log-level", "warn", "--log-format", "text"});
  try {
    server.wait_for_line();
  } catch (const std::exception&) {
    judge_refusal(report, copy, server.wait_for_exit(), server.errors(), is_log(chosen));
    return report;
  }
  server.send(SIGKILL);
  server.wait_for_exit();
  judge_what_is_kept(report, data, copy);
  return report;
}

}  // namespace holdfast::chaos
