// `holdfast reservation`, `breaker` and `view` as processes against a real server: what they print in each
// form, and with which exit code.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "storage/rocksdb_journal.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/seeded_reservations.hpp"

namespace holdfast::testing {
namespace {

struct operator_result {
  int code = 0;
  std::string output;
  std::string errors;
};

class operators_shop {
 public:
  operators_shop() : server_(seeded()), client_(server_.port()) { REQUIRE(wait_for_view(client_)); }

  http_client* operator->() { return &client_; }

  operator_result run(std::vector<std::string> arguments, const environment_variables& more = {}) {
    environment_variables environment{
        {"HOLDFAST_SERVER", "http://127.0.0.1:" + std::to_string(server_.port())}};
    environment.insert(environment.end(), more.begin(), more.end());
    holdfast::testing::process child(std::move(arguments), environment);
    operator_result result;
    result.output = child.rest_of_output();
    result.code = child.wait_for_exit();
    result.errors = child.errors();
    return result;
  }
  /// What it prints, where that goes well.
  std::string printed(std::vector<std::string> arguments) {
    const auto result = run(std::move(arguments));
    CHECK_MESSAGE(result.code == 0, result.errors);
    return result.output;
  }

 private:
  /// Two are parked, one is finished.
  std::filesystem::path seeded() {
    auto journal = storage::rocksdb_journal::open({(folder_.path() / "reservations").string()});
    REQUIRE_MESSAGE(journal, journal.error().message);
    append_history(**journal, "parked", 1);
    append_history(**journal, "parked", 2);
    append_history(**journal, "failed", 3);
    return folder_.path();
  }

  temporary_folder folder_;
  serving_process server_;
  http_client client_;
};

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::vector<std::string> because{"--reason", "the bank is back", "--who", "mina"};

std::vector<std::string> with_reason(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), because.begin(), because.end());
  return arguments;
}

TEST_CASE("operators list, look, retry and cancel from the command line, in every form") {
  operators_shop shop;
  const auto table = shop.printed({"reservation", "ls"});
  CHECK(lines_of(table) == 4);
  CHECK(table.starts_with("id"));
  const auto csv = shop.printed({"reservation", "ls", "--output", "csv", "--user", "7"});
  CHECK(has(csv, "id,user,status,payment"));
  CHECK(has(csv, ",7,reservated,paid,receipt_pending,"));
  const auto listed = parse_json(shop.printed({"reservation", "ls", "--output", "json", "--limit", "2"}));
  CHECK(listed.Size() == 2);
  const auto sagas = shop.printed({"reservation", "ls", "--state", "parked", "--output", "ndjson"});
  CHECK(lines_of(sagas) == 2);
  CHECK(has(sagas, "the desk says no"));
  CHECK(shop.printed({"reservation", "ls", "--state", "stuck", "--output", "json"}) == "[]\n");
  CHECK(text_at(parse_json(shop.printed({"reservation", "get", "1", "--output", "json"})), "/status") ==
        "reservated");

  const auto dry = shop.run(with_reason({"reservation", "retry", "--state", "parked"}));
  CHECK(dry.code == 0);
  CHECK(has(dry.output, "would retry"));
  CHECK(has(dry.errors, "2 would be done, and nothing was: give --apply"));
  CHECK(has(shop.printed(with_reason({"reservation", "retry", "1"})), "recorded"));
  CHECK(
      has(shop.printed(with_reason({"reservation", "cancel", "--state", "parked", "--apply"})), "recorded"));
  const auto history = shop.printed({"reservation", "history", "1"});
  CHECK(has(history, "OperatorRetried"));
  CHECK(has(history, "mina  the bank is back"));
  CHECK(has(shop.printed({"reservation", "history", "2"}), "OperatorCancelled"));

  const auto exported = shop.printed({"reservation", "export"});
  CHECK(lines_of(exported) == 3);
  std::istringstream lines(exported);
  for (std::string line; std::getline(lines, line);) {
    const auto one = parse_json(line);
    const auto shown = shop->document("/myReservations/" + json_at(one, "/id"));
    CHECK(json_at(one, "/history") == json_at(shown, "/history"));
    CHECK(json_at(one, "/version") == json_at(shown, "/version"));
  }

  CHECK(has(shop.printed({"breaker", "show"}), "CLOSED"));
  CHECK(has(shop.printed(with_reason({"breaker", "open"})), "open"));
  CHECK(eventually([&] { return has(shop.printed({"breaker", "show"}), "OPEN"); }));
  shop.printed(with_reason({"breaker", "auto"}));
  shop.printed(with_reason({"view", "rebuild"}));
}

TEST_CASE("what operators get wrong is told, with an exit code") {
  operators_shop shop;
  const auto refused = [&](std::vector<std::string> arguments, int code, const std::string& complaint,
                           const environment_variables& environment = {}) {
    const auto result = shop.run(std::move(arguments), environment);
    CAPTURE(result.errors);
    CHECK(result.code == code);
    CHECK(has(result.errors, complaint));
    CHECK(result.output == "");
  };
  refused({"reservation"}, 2, "accepted: reservation ls, reservation get");
  refused({"reservation", "look"}, 2, "unknown command 'reservation look'");
  refused({"reservation", "get"}, 2, "give the ID");
  refused({"reservation", "get", "0"}, 2, "ID = '0' is not accepted");
  refused({"reservation", "get", "1", "2"}, 2, "unexpected argument '2'");
  refused({"reservation", "get", "999"}, 1, "There is no document 999");
  refused({"reservation", "cancel", "1"}, 2, "--reason is required");
  refused(with_reason({"reservation", "cancel"}), 2, "give the ID of a reservation, or --state");
  refused(with_reason({"reservation", "cancel", "1", "--state", "parked"}), 2, "either");
  refused(with_reason({"reservation", "cancel", "--state", "broken"}), 2, "give parked or stuck");
  refused(with_reason({"reservation", "cancel", "999"}), 1, "There is no reservation 999");
  refused({"reservation", "cancel", "1", "--who", "mina", "--reason", "card 1234123412341234"}, 1,
          "card number");
  refused(with_reason({"reservation", "cancel", "--state", "parked"}), 2, "give it as a flag",
          {{"HOLDFAST_OPERATOR_APPLY", "true"}});
  refused({"reservation", "ls", "--status", "order"}, 2, "choose among those of --state");
  refused({"breaker", "show", "--server", "http://127.0.0.1:1"}, 1, "can't connect to http://127.0.0.1:1");
  refused({"breaker", "show", "--output", "xml"}, 2, "give table, json, ndjson or csv");
}

}  // namespace
}  // namespace holdfast::testing
