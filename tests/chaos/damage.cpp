#include "tests/chaos/damage.hpp"

#include <signal.h>

#include <algorithm>
#include <exception>
#include <fstream>
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

std::vector<std::filesystem::path> files_of_journals(const std::filesystem::path& data) {
  std::vector<std::filesystem::path> files;
  for (const char* journal : {"reservations", "receipts"}) {
    for (const auto& entry : std::filesystem::directory_iterator(data / journal)) {
      const auto name = entry.path().filename().string();
      const bool matters = name.ends_with(".log") || name.ends_with(".sst") || name.starts_with("MANIFEST") ||
                           name == "CURRENT";
      if (matters && entry.file_size() > 0) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string flip_a_bit(const std::filesystem::path& path, std::mt19937_64& random) {
  const auto size = std::filesystem::file_size(path);
  const auto at = random() % size;
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
                   const std::string& said) {
  report.came_of_it = "refused: " + said;
  if (code != refused) {
    report.wrong = "the server ended with " + std::to_string(code) + ": " + said;
  } else if (said.find(copy.string()) == std::string::npos) {
    report.wrong = "the refusal does not say which file it is about: " + said;
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
  const auto files = files_of_journals(copy);
  damage_report report;
  report.what = flip_a_bit(files[random() % files.size()], random);

  testing::process server({"serve", "--listen", "127.0.0.1:0", "--data", copy.string(), "--payment",
                           no_provider, "--log-level", "warn", "--log-format", "text"});
  try {
    server.wait_for_line();
  } catch (const std::exception&) {
    judge_refusal(report, copy, server.wait_for_exit(), server.errors());
    return report;
  }
  server.send(SIGKILL);
  server.wait_for_exit();
  judge_what_is_kept(report, data, copy);
  return report;
}

}  // namespace holdfast::chaos
