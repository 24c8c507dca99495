// What keeps a data folder from being used, and what is said about it.
#include "data_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/ordinary_user.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {
namespace {

const std::string advice =
    "Permission denied; give the folder to the user that runs holdfast, or another --data";

void check_says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("a folder of another user is told as that, with what to do") {
  const ordinary_user somebody;
  const temporary_folder folder;
  const auto data = folder.path() / "shop";
  std::filesystem::create_directories(data);
  std::filesystem::permissions(data, std::filesystem::perms::none);
  const auto opened = data_directory::open(data.string());
  REQUIRE_FALSE(opened);
  check_says(opened.error(), "can't open " + (data / "lock").string() + ": " + advice);
  const auto inside = data_directory::open((data / "inside").string());
  REQUIRE_FALSE(inside);
  check_says(inside.error(), advice);
  check_says(data_directory::no_access(data.string(), {"receipts"}, folder_access::reading).value_or(""),
             "can't read " + (data / "receipts").string() + ": " + advice);
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
}

TEST_CASE(
    "the first thing in a folder that is not for this user is named, and what is not asked for is not") {
  const ordinary_user somebody;
  const temporary_folder folder;
  const auto table = folder.path() / "receipts" / "tables" / "1.sst";
  std::filesystem::create_directories(table.parent_path());
  std::ofstream(table).put('\n');
  const auto barred = [&](const std::string& name, folder_access wanted) {
    return data_directory::no_access(folder.path().string(), {"reservations", name}, wanted).value_or("");
  };
  CHECK(barred("receipts", folder_access::writing) == "");
  std::filesystem::permissions(table, std::filesystem::perms::owner_read);
  CHECK(barred("receipts", folder_access::reading) == "");
  check_says(barred("receipts", folder_access::writing), "can't write " + table.string() + ": " + advice);
  std::filesystem::permissions(table, std::filesystem::perms::none);
  check_says(barred("receipts", folder_access::reading), "can't read " + table.string() + ": " + advice);
  CHECK(barred("view", folder_access::writing) == "");
}

TEST_CASE("a restore that was broken off is told by its mark") {
  const temporary_folder folder;
  const auto path = folder.path().string();
  CHECK_FALSE(data_directory::broken_restore(path));
  const auto opened = data_directory::open(path);
  REQUIRE(opened);
  CHECK_FALSE(opened->begin_restore());
  CHECK(data_directory::broken_restore(path) ==
        "a restore into " + path + " was broken off: remove the folder, and restore again");
  opened->end_restore();
  CHECK_FALSE(data_directory::broken_restore(path));
}

}  // namespace
}  // namespace holdfast::testing
