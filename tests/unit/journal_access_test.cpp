// What of a data folder is not read.
#include "journal_access.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "data_directory.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {
namespace {

void check_refused(const std::string& data, const std::string& part) {
  const auto opened = open_to_read({.data = data, .places = {}});
  const auto damage = find_damage({.data = data, .places = {}}, [](auto, auto) {});
  REQUIRE_FALSE(opened);
  REQUIRE_FALSE(damage);
  CAPTURE(opened.error());
  CHECK(opened.error().find(part) != std::string::npos);
  CHECK(damage.error() == opened.error());
  CHECK(refuse_to_read(data) == opened.error());
}

TEST_CASE("journals into which a restore goes, or was broken off, are not read") {
  const temporary_folder folder;
  const auto data = folder / "shop";
  CHECK_FALSE(refuse_to_read(data));
  {
    const auto filled = open_new({.data = data, .places = {}});
    REQUIRE(filled);
    check_refused(data, "a restore into " + data + " goes on: wait until it has ended");
  }
  check_refused(data, "a restore into " + data + " was broken off: remove the folder, and restore again");
  std::filesystem::remove(data + "/restoring");
  CHECK_FALSE(refuse_to_read(data));
  CHECK(open_to_read({.data = data, .places = {}}));
}

TEST_CASE("journals of another user are told as that, with what to do") {
  const ordinary_user somebody;
  const temporary_folder folder;
  const auto data = folder / "shop";
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms::none);
  check_refused(data, "can't read " + data +
                          "/reservations: Permission denied; give the folder to the user that runs holdfast, "
                          "or another --data");
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace holdfast::testing
