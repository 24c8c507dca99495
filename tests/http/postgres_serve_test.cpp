// `holdfast serve --journal postgres://...`: a real server on a real database, and customers at work while
// either of them is killed. What they were told is held against what is there afterwards and against the
// ledger of the payment provider.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/customers.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reservation_story.hpp"

namespace holdfast::testing {
namespace {

constexpr int customers_at_once = 6;
constexpr int rounds = 3;

TEST_CASE("nothing acknowledged is lost when a server on PostgreSQL is killed under load") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  const temporary_folder folder;
  const postgres_database database;
  const std::vector<std::string> flags{"--journal", database.url()};
  auto server = std::make_unique<serving_process>(folder.path(), flags);
  crowd customers(customers_at_once, seed);
  for (int round = 1; round <= rounds; ++round) {
    customers.begin(server->port());
    CHECK(eventually([&] { return customers.answered() >= round * 100; }));
    customers.expect_the_end();
    server->kill();
    CHECK(customers.finish() == "");
    server = std::make_unique<serving_process>(folder.path(), flags);
    check_stories(server->port(), customers.placements(), ledger_in(folder.path()));
  }
  CHECK(server->terminate() == 0);
  CHECK(run_sql(database.url(), "SELECT count(*) > 0 FROM holdfast_reservations.records") == "t");
  CHECK(run_sql(database.url(), "SELECT count(*) > 0 FROM holdfast_receipts.records") == "t");
}

TEST_CASE("a server on PostgreSQL goes on when its database is restarted or crashes under load") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  const temporary_folder folder;
  const postgres_database database;
  serving_process server(folder.path(), {"--journal", database.url()});
  crowd customers(customers_at_once, seed);
  customers.begin(server.port());
  int answers = 0;
  for (const int how : {SIGINT, SIGKILL}) {
    answers = customers.answered() + 100;
    CHECK(eventually([&] { return customers.answered() >= answers; }));
    shared_postgres().end(how);
    shared_postgres().start();
  }
  answers = customers.answered() + 100;
  CHECK(eventually([&] { return customers.answered() >= answers; }));
  customers.expect_the_end();
  CHECK(server.terminate() == 0);
  CHECK(customers.finish() == "");
  const serving_process again(folder.path(), {"--journal", database.url()});
  check_stories(again.port(), customers.placements(), ledger_in(folder.path()));
}

TEST_CASE(
    "while its database is away a server answers 503 fast, reads what the view has, and goes on after it") {
  const temporary_folder folder;
  const postgres_database database;
  serving_process server(folder.path(), {"--journal", database.url()});
  http_client client(server.port());
  const auto place = [&] { return client.place(R"({"userId":7})"); };
  REQUIRE(place().status == 201);
  // With nothing of it under way any more the view alone can tell it.
  CHECK(eventually(
      [&] { return text_at(client.document("/myReservations/1"), "/receiptStatus") == "receipt_issued"; }));
  shared_postgres().end(SIGINT);
  const auto first = place();
  CHECK(first.status == 503);
  CHECK(text_at(first, "/code") == "unavailable");
  // Now that it is known nobody waits as long as for a payment any more.
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) CHECK(place().status == 503);
  CHECK(client.del("/preReservations/1").status == 503);
  CHECK((std::chrono::steady_clock::now() - begin < std::chrono::seconds(5)));
  CHECK(eventually([&] { return client.get("/myReservations/1").status == 200; }));
  CHECK(text_at(client.get("/actuator/health"), "/components/journal/status") == "DOWN");
  CHECK(client.get("/actuator/health/readiness").status == 200);
  shared_postgres().start();
  CHECK(eventually([&] { return place().status == 201; }));
  CHECK(client.get("/actuator/health").status == 200);
  CHECK(client.del("/preReservations/1").status == 204);
  CHECK(eventually(
      [&] { return text_at(client.document("/myReservations/2"), "/status") == "reservation_cancelled"; }));
  CHECK(json_at(client.document("/payments/2"), "/transactionId") == "null");
  shared_postgres().end(SIGINT);
  CHECK_MESSAGE(server.terminate() == 0, "it does not wait for a database that is away");
  shared_postgres().start();
}

TEST_CASE("shards spread over two servers are one journal, which stands still while one of them is away") {
  const temporary_folder folder;
  const postgres_database database;
  postgres_server second;
  run_sql(second.url("postgres"), "CREATE DATABASE second");
  serving_process server(folder.path(),
                         {"--journal", "0-127=" + database.url() + " 128-255=" + second.url("second")});
  http_client client(server.port());
  const auto place = [&] { return client.place(R"({"userId":7})"); };
  // One in each shard from the first on.
  for (int shard = 0; shard < 130; ++shard) REQUIRE(place().status == 201);
  const auto records = "SELECT count(DISTINCT shard) FROM holdfast_reservations.records";
  CHECK(database.sql(records) == "128");
  CHECK(run_sql(second.url("second"), records) == "2");
  second.end(SIGINT);
  CHECK(eventually([&] { return place().status == 503; }));
  CHECK(text_at(client.get("/actuator/health"), "/components/journal/status") == "DOWN");
  second.start();
  CHECK(eventually([&] { return place().status == 201; }));
  for (const char* id : {"1", "130"}) {
    CHECK(client.del(std::string("/preReservations/") + id).status == 204);
    CHECK(text_at(client.get(std::string("/preReservations/") + id), "/status") == "reservation_cancelled");
  }
  CHECK(server.terminate() == 0);
}

/// Has the shards' rows for itself, as somebody's forgotten transaction.
class held_shards {
 public:
  explicit held_shards(const postgres_database& of)
      : connection_(::PQconnectdb(of.url().c_str()), ::PQfinish) {
    run("BEGIN");
    run("LOCK TABLE holdfast_reservations.shards");
  }

 private:
  void run(const char* statement) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> done(::PQexec(connection_.get(), statement),
                                                              ::PQclear);
    REQUIRE(::PQresultStatus(done.get()) == PGRES_COMMAND_OK);
  }

  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
};

TEST_CASE("a start that can't go on ends when it is told to") {
  const postgres_database database;
  const temporary_folder folder;
  CHECK(serving_process(folder.path(), {"--journal", database.url()}).terminate() == 0);
  const held_shards held(database);
  process server(
      {"serve", "--listen", "127.0.0.1:0", "--data", folder.path().string(), "--journal", database.url()});
  REQUIRE(eventually([&] { return database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; }));
  server.send(SIGTERM);
  CHECK(server.wait_for_exit() == 128 + SIGTERM);
}

TEST_CASE("a database that is not there ends the start with the setting and what to write") {
  const temporary_folder folder;
  process server({"serve", "--listen", "127.0.0.1:0", "--data", folder.path().string(), "--journal",
                  "postgres:///holdfast?host=/nowhere&password=secret"});
  CHECK(server.wait_for_exit() != 0);
  CAPTURE(server.errors());
  CHECK(server.errors().find("--journal") != std::string::npos);
  CHECK(server.errors().find("secret") == std::string::npos);
}

}  // namespace
}  // namespace holdfast::testing
