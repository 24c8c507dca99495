// The file that journals are exported to: its bytes against a golden file, and that nothing is taken for
// whole which is not.
#include "storage/journal_file.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.hpp"

using namespace holdfast;
using storage::exported_record;
using storage::journal_kind;

namespace {

std::vector<exported_record> some_records() {
  return {{journal_kind::reservations, {1, 1, 258, 1, 2, "placed"}, storage::idempotency_claim{"key-1", 77}},
          {journal_kind::reservations, {1, 2, 258, 3, 1, std::string("\0paid", 5)}, std::nullopt},
          {journal_kind::receipts, {1, 1, 258, 1, 1, "issued"}, std::nullopt}};
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void write_some(const std::string& path) {
  const auto records = some_records();
  storage::journal_file_writer writer(path, records.size());
  for (const auto& one : records) writer.add(one);
  CHECK_FALSE(std::filesystem::exists(path));
  writer.end();
}

std::vector<exported_record> read_all(const std::string& path) {
  storage::journal_file_reader reader(path);
  CHECK(reader.total() == 3);
  std::vector<exported_record> records;
  while (auto one = reader.next()) records.push_back(std::move(*one));
  CHECK_FALSE(reader.next());
  return records;
}

/// Pairs of hex digits, with comments from # to the end of a line.
std::string golden_export() {
  std::ifstream file(HOLDFAST_SOURCE_DIR "/tests/golden/journal_file_v1.hex");
  REQUIRE(file.is_open());
  std::string bytes;
  for (std::string line; std::getline(file, line);) {
    std::string digits;
    for (const char c : line.substr(0, line.find('#'))) {
      if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits.push_back(c);
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
  }
  return bytes;
}

std::string complaint_about(const std::string& bytes) {
  const testing::temporary_folder folder;
  put(folder / "file", bytes);
  try {
    read_all(folder / "file");
  } catch (const storage::journal_file_failure& failure) {
    return failure.what();
  }
  return {};
}

}  // namespace

TEST_CASE("an export is written as in the golden file, and read from it") {
  const testing::temporary_folder folder;
  write_some(folder / "file");
  CHECK((bytes_of(folder / "file") == golden_export()));
  put(folder / "golden", golden_export());
  CHECK((read_all(folder / "golden") == some_records()));
}

TEST_CASE("an export that is cut short anywhere, or has any bit flipped, is refused with its name") {
  const auto whole = golden_export();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(complaint_about(whole.substr(0, size)).find("/file: ") != std::string::npos);
  }
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    CAPTURE(bit);
    auto flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CHECK(complaint_about(flipped).find("/file: ") != std::string::npos);
  }
}

TEST_CASE("an export that does not end leaves nothing behind") {
  const testing::temporary_folder folder;
  { storage::journal_file_writer writer(folder / "file", 1); }
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK_THROWS_AS(storage::journal_file_writer(folder / "no/such/folder", 1), storage::journal_file_failure);
  CHECK_THROWS_AS(storage::journal_file_reader(folder / "file"), storage::journal_file_failure);
}
