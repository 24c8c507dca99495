// `holdfast doctor` as a process: it finds what is well, what is not, and says what to do.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/scripted_server.hpp"

namespace holdfast::testing {
namespace {

void check_finding(const temporary_folder& folder, std::vector<std::string> flags, int code,
                   const std::vector<std::string>& findings) {
  std::vector<std::string> arguments{"doctor", "--data", folder / "shop"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  holdfast::testing::process child(std::move(arguments));
  const auto output = child.rest_of_output();
  CAPTURE(output);
  CHECK(child.wait_for_exit() == code);
  for (const auto& finding : findings) {
    CAPTURE(finding);
    CHECK((output + child.errors()).find(finding) != std::string::npos);
  }
}

TEST_CASE("a healthy place has no faults, and is left as it was") {
  const temporary_folder folder;
  const postgres_database database;
  redis_server redis;
  sandbox_process provider;
  const auto url = "redis://127.0.0.1:" + std::to_string(redis.port()) + "/0";
  check_finding(
      folder, {"--journal", database.url(), "--view", url, "--events", url, "--payment", provider.url()}, 0,
      {"ok    configuration: accepted", "free in", "for a sync in", "PostgreSQL, shards 0-255: 15",
       "view: Redis 7", "events: Redis 7", "payment provider: " + provider.url() + " answers", "0 faults"});
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK(run_sql(database.url(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'holdfast%'") == "0");
}

TEST_CASE("what is missing is a fault, with what to do about it") {
  const temporary_folder folder;
  check_finding(folder, {"--view", "redis://127.0.0.1:1/0", "--payment", "http://127.0.0.1:1"}, 1,
                {"BAD   view: Redis at 127.0.0.1:1", "see that it runs and that the URL names it",
                 "BAD   payment provider: http://127.0.0.1:1 can't be reached", "2 faults"});
  check_finding(folder, {"--journal", "postgres://nobody@127.0.0.1:1/none"}, 1,
                {"BAD   PostgreSQL", "see that the server runs and that --journal names it"});
  check_finding(folder, {"--payment-wait", "soon"}, 2, {"--payment-wait = 'soon' is not accepted"});
}

TEST_CASE("a collector of spans that does not take them is a warning") {
  const temporary_folder folder;
  scripted_server collector([](const scripted_request& request) {
    const bool spans = request.method == "POST" && request.target == "/v1/traces";
    return scripted_action{http_bytes(spans ? 200 : 404, "{}")};
  });
  const auto url = "http://127.0.0.1:" + std::to_string(collector.port());
  check_finding(folder, {"--otlp-endpoint", url}, 0,
                {"ok    collector of spans: " + url + " answers with status 200"});
  check_finding(folder, {"--otlp-endpoint", "http://127.0.0.1:1"}, 0,
                {"collector of spans: can't connect to http://127.0.0.1:1", "--otlp-endpoint names it"});
}

TEST_CASE("the payment provider is asked with its key, and one that it refuses is a fault") {
  const temporary_folder folder;
  scripted_server provider([](const scripted_request& request) {
    const bool known = request.has_line("Authorization: Bearer sk_right");
    return scripted_action{http_bytes(known ? 200 : 401, "{}")};
  });
  const auto url = "http://127.0.0.1:" + std::to_string(provider.port());
  check_finding(folder, {"--payment", url, "--payment-key", "sk_right"}, 0,
                {"ok    payment provider: " + url + " answers with status 200"});
  check_finding(folder, {"--payment", url, "--payment-key", "sk_wrong"}, 1,
                {"BAD   payment provider: " + url + " answers with status 401",
                 "give its key as HOLDFAST_PAYMENT_KEY", "1 faults"});
}

}  // namespace
}  // namespace holdfast::testing
