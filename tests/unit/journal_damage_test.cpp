// A byte that flips in any file of a journal is found: in each of its tables, also in those that nobody reads
// before the next start, and in its log.
#include "storage/journal_damage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "storage/rocksdb_journal.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast;
using namespace holdfast::testing;
using storage::id_of;

namespace {

constexpr storage::shard_id some_shard = 3;

/// Twice, so that the families have several tables each.
void write_tables(const std::string& path) {
  for (std::uint64_t sequence = 1; sequence <= 80; sequence += 40) {
    auto journal = storage::rocksdb_journal::open({.path = path});
    REQUIRE_MESSAGE(journal, journal.error().message);
    const auto owner = claim(**journal, some_shard);
    for (auto i = sequence; i < sequence + 40; ++i) {
      append(**journal, with_key(entry(owner, id_of(some_shard, i), 0), "key-" + std::to_string(i), i));
    }
  }
}

std::vector<std::filesystem::path> tables_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> tables;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".sst") tables.push_back(file.path());
  }
  return tables;
}

void flip(const std::filesystem::path& path, std::uintmax_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const auto byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

tl::expected<std::vector<std::string>, std::string> look_at(const std::string& path) {
  return storage::find_damage(path, [](std::size_t table, std::size_t of) { CHECK(table <= of); });
}

std::string damage_of(const std::string& path) {
  const auto found = look_at(path);
  REQUIRE_MESSAGE(found, found.error());
  std::string all;
  for (const auto& one : *found) all += one + "\n";
  return all;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a flipped byte is found in every table of a journal, wherever it is") {
  // Of a table's last 53 bytes, some have no meaning.
  constexpr std::uintmax_t footer_bytes = 53;
  const temporary_folder folder;
  const auto path = folder / "journal";
  write_tables(path);
  CHECK(damage_of(path) == "");
  const auto tables = tables_of(path);
  CHECK(tables.size() >= 5);
  for (const auto& table : tables) {
    const auto size = std::filesystem::file_size(table);
    for (std::uintmax_t offset = 0; offset + footer_bytes < size; offset += size / 16) {
      CAPTURE(table);
      CAPTURE(offset);
      flip(table, offset);
      CHECK(has(damage_of(path), "Corruption"));
      flip(table, offset);
    }
  }
  CHECK(damage_of(path) == "");
}

TEST_CASE("what else a journal may lack or have wrong is damage, and no journal is none") {
  const temporary_folder folder;
  const std::filesystem::path path = folder / "journal";
  CHECK(has(look_at(path.string()).error(), "there is none"));
  std::filesystem::create_directory(path);
  std::ofstream(path / "letter") << "something else";
  CHECK(has(look_at(path.string()).error(), "not a journal"));
  std::filesystem::remove(path / "letter");

  write_tables(path.string());
  const std::filesystem::path away = folder / "away";
  for (const auto& lost : {path / "CURRENT", path / "log", tables_of(path).front()}) {
    CAPTURE(lost);
    std::filesystem::rename(lost, away);
    CHECK(damage_of(path.string()) != "");
    std::filesystem::rename(away, lost);
  }

  // With something in its log, as a journal has that is at work.
  const auto journal = storage::rocksdb_journal::open({.path = path.string()});
  REQUIRE(journal);
  append(**journal, entry(claim(**journal, some_shard), id_of(some_shard, 100), 0));
  CHECK(damage_of(path.string()) == "");
  const auto copy = folder / "copy";
  std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive);
  for (const auto& log : std::filesystem::directory_iterator(copy + "/log")) flip(log.path(), 12);
  CHECK(has(damage_of(copy), "its log "));
}
