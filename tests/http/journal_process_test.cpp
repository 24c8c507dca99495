// `holdfast journal` as a process: a backup that is taken while customers are at work has every document that
// was acknowledged before it, and journals move from a data folder to PostgreSQL with every document.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/postgres_membership.hpp"
#include "tests/support/customers.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"

namespace holdfast::testing {
namespace {

struct journal_result {
  int code = 0;
  std::string output;
};

journal_result tend(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "journal");
  holdfast::testing::process child(std::move(arguments));
  journal_result result;
  result.output = child.rest_of_output();
  result.code = child.wait_for_exit();
  result.output += child.errors();
  return result;
}

void check_done(std::vector<std::string> arguments) {
  CAPTURE(arguments.front());
  const auto result = tend(std::move(arguments));
  CHECK_MESSAGE(result.code == 0, result.output);
}

/// What a node is to the database, until the end of its scope.
class member_of_a_cluster {
 public:
  explicit member_of_a_cluster(const std::string& url)
      : store_(storage::postgres_membership::open({.url = url, .schema = "holdfast_cluster"},
                                                  std::chrono::seconds(30))
                   .value()) {
    std::promise<bool> beaten;
    store_->beat({{"node", "127.0.0.1:1", {}}, 1, {}},
                 [&](auto state) { beaten.set_value(state.has_value()); });
    REQUIRE(beaten.get_future().get());
  }
  ~member_of_a_cluster() {
    std::promise<void> left;
    store_->leave("node", [&](auto) { left.set_value(); });
    left.get_future().get();
  }

 private:
  std::unique_ptr<storage::postgres_membership> store_;
};

using documents = std::map<std::string, std::string>;

/// All of them, when nothing is under way any more, and each as it is shown by itself.
documents documents_of(http_client& client) {
  REQUIRE(wait_for_view(client));
  CHECK(eventually([&] { return client.document("/admin/sagas")["_embedded"]["sagas"].Empty(); }));
  documents all;
  for_each_row(client, "preReservations", [&](const auto& row) {
    const auto id = json_at(row, "/id");
    for (const auto* collection : {"/preReservations/", "/payments/", "/receipts/", "/myReservations/"}) {
      all[collection + id] = client.get(collection + id).body;
    }
  });
  return all;
}

/// Of those in `wanted`, the ones that are not the same there.
std::string differing(const documents& wanted, std::uint16_t port) {
  http_client client(port);
  REQUIRE(wait_for_view(client));
  std::string others;
  for (const auto& [path, body] : wanted) {
    const auto there = client.get(path);
    // What was never paid has no receipt, and the problem that says so has a trace id of its own.
    const bool same =
        there.status == 404 ? body.find("\"status\":404") != std::string::npos : there.body == body;
    if (!same) others += path + ": " + there.body + " instead of " + body + "\n";
  }
  return others;
}

const std::string some_order = R"({"userId":77,"price":1300,"productName":"fold"})";

TEST_CASE("a backup under load has every document acknowledged before it, and all move on to PostgreSQL") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  const temporary_folder folder;
  const auto data = folder.path() / "shop";
  auto server = std::make_unique<serving_process>(data);
  http_client client(server->port());
  const auto keyed = client.place_with_key(some_order, "kept");
  REQUIRE(keyed.status == 201);
  crowd first(4, seed);
  first.begin(server->port());
  CHECK(eventually([&] { return first.answered() >= 80; }));
  CHECK(first.leave() == "");
  const auto acknowledged = documents_of(client);
  CHECK(acknowledged.size() > 100);

  // Others, who cancel nothing of those.
  crowd customers(4, seed + 1);
  customers.begin(server->port());
  CHECK(eventually([&] { return customers.answered() > 20; }));
  const auto backup = folder / "backup";
  const auto saved = tend({"backup", "--data", data.string(), backup});
  REQUIRE_MESSAGE(saved.code == 0, saved.output);
  check_done({"verify", "--data", data.string()});
  const auto meanwhile = customers.answered();
  CHECK(eventually([&] { return customers.answered() > meanwhile + 20; }));
  CHECK(customers.leave() == "");

  const auto restored = folder.path() / "restored";
  check_done({"restore", "--data", restored.string(), backup});
  CHECK(tend({"restore", "--data", restored.string(), backup}).code == 1);
  // As one that was broken off leaves it.
  const auto mark = restored / "restoring";
  std::ofstream(mark).put('\n');
  process half({"serve", "--listen", "127.0.0.1:0", "--data", restored.string()});
  CHECK(half.wait_for_exit() == 1);
  CHECK(half.errors().find("was broken off") != std::string::npos);
  for (const auto& command : {"verify", "backup", "export"}) {
    std::vector<std::string> arguments{command, "--data", restored.string()};
    if (command != std::string("verify")) arguments.push_back(folder / "of a half");
    const auto refused = tend(std::move(arguments));
    CHECK(refused.code == 1);
    CHECK_MESSAGE(refused.output.find("was broken off") != std::string::npos, refused.output);
    CHECK_FALSE(std::filesystem::exists(folder / "of a half"));
  }
  std::filesystem::remove(mark);
  {
    serving_process other(restored);
    CHECK(differing(acknowledged, other.port()) == "");
    http_client again(other.port());
    const auto repeated = again.place_with_key(some_order, "kept");
    CHECK(repeated.header("idempotent-replayed") == "true");
    CHECK(id_of(repeated) == id_of(keyed));
    CHECK(again.place_with_key(R"({"userId":78})", "kept").status == 422);
    CHECK(again.place(some_order).status == 201);
  }

  const auto all = documents_of(client);
  CHECK(all.size() > acknowledged.size());
  CHECK(server->terminate() == 0);
  const auto exported = folder / "exported";
  const postgres_database database;
  check_done({"export", "--data", data.string(), exported});
  for (const auto* command : {"verify", "backup", "export"}) {
    std::vector<std::string> arguments{command, "--journal", database.url()};
    if (arguments.front() != "verify") arguments.push_back(folder / "nothing");
    const auto refused = tend(arguments);
    CAPTURE(refused.output);
    CHECK(refused.code == 1);
    CHECK(refused.output.find("there is no journal in its schema holdfast_reservations") !=
          std::string::npos);
    CHECK(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'holdfast%'") == "0");
  }
  {
    const member_of_a_cluster nodes(database.url());
    const auto refused = tend({"import", "--journal", database.url(), exported});
    CHECK(refused.code == 1);
    CHECK(refused.output.find("a cluster of 1 nodes runs on it") != std::string::npos);
  }
  check_done({"import", "--journal", database.url(), exported});
  check_done({"verify", "--journal", database.url()});
  CHECK(tend({"import", "--journal", database.url(), exported}).code == 1);
  {
    serving_process other(folder.path() / "other", {"--journal", database.url()});
    CHECK(differing(all, other.port()) == "");
    CHECK(other.terminate() == 0);
  }
  // And from there: the same bytes but for what was appended.
  const auto back = folder / "back";
  check_done({"export", "--journal", database.url(), back});
  CHECK(std::filesystem::file_size(back) == std::filesystem::file_size(exported));
}

TEST_CASE("a restore into PostgreSQL that was killed half-way is not served, and can be begun again") {
  const temporary_folder folder;
  const auto data = folder.path() / "shop";
  documents all;
  {
    serving_process server(data);
    http_client client(server.port());
    for (int i = 0; i < 5; ++i) REQUIRE(client.place(some_order).status == 201);
    all = documents_of(client);
    CHECK(server.terminate() == 0);
  }
  const auto backup = folder / "backup";
  check_done({"backup", "--data", data.string(), backup});
  const postgres_database database;
  // Makes the schemas, so that the first receipt can be held up.
  { serving_process empty(folder.path() / "empty", {"--journal", database.url()}); }
  database.sql(
      "CREATE FUNCTION public.wait() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END' "
      "LANGUAGE plpgsql; CREATE TRIGGER wait BEFORE INSERT ON holdfast_receipts.records FOR EACH ROW "
      "EXECUTE FUNCTION public.wait()");
  process restoring({"journal", "restore", "--journal", database.url(), backup});
  REQUIRE(eventually([&] {
    return database.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = '" +
                        database.name() + "'") == "1";
  }));
  restoring.send(SIGKILL);
  restoring.wait_for_exit();
  CHECK(database.sql("SELECT count(*) > 0 FROM holdfast_reservations.records") == "t");
  CHECK(database.sql("SELECT count(*) FROM holdfast_receipts.records") == "0");

  process half({"serve", "--listen", "127.0.0.1:0", "--data", folder / "other", "--journal", database.url()});
  CHECK(half.wait_for_exit() == 1);
  CHECK_MESSAGE(half.errors().find("was broken off") != std::string::npos, half.errors());
  const auto saved = tend({"export", "--journal", database.url(), folder / "half"});
  CHECK(saved.code == 1);
  CHECK_MESSAGE(saved.output.find("was broken off") != std::string::npos, saved.output);
  const auto again = tend({"restore", "--journal", database.url(), backup});
  CHECK(again.code == 1);
  CHECK_MESSAGE(again.output.find("drop the schemas of both journals") != std::string::npos, again.output);

  database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  database.sql("DROP SCHEMA holdfast_reservations, holdfast_receipts CASCADE");
  check_done({"restore", "--journal", database.url(), backup});
  serving_process whole(folder.path() / "other", {"--journal", database.url()});
  CHECK(differing(all, whole.port()) == "");
}

TEST_CASE("what is no whole export is refused, and what is wrong with journals is told") {
  const temporary_folder folder;
  const auto data = folder.path() / "shop";
  {
    serving_process server(data);
    http_client client(server.port());
    CHECK(client.place(some_order).status == 201);
    CHECK(eventually([&] { return client.document("/admin/sagas")["_embedded"]["sagas"].Empty(); }));
    CHECK(server.terminate() == 0);
  }
  const auto whole = folder / "whole";
  check_done({"export", "--data", data.string(), whole});
  CHECK(tend({"export", "--data", data.string(), whole}).code == 1);
  CHECK(tend({"backup", "--data", folder / "nothing", folder / "none"}).code == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  CHECK(tend({"backup", "--data", data.string()}).code == 2);

  std::ifstream file(whole, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto import = [&](const std::string& content, const std::string& complaint) {
    const auto path = folder / "damaged";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    const auto target = folder / ("target-" + complaint);
    const auto result = tend({"import", "--data", target, path});
    CAPTURE(result.output);
    CHECK(result.code == 1);
    CHECK(result.output.find(complaint) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(target));
  };
  import(bytes.substr(0, bytes.size() - 1), "cut short");
  import("something else", "no export");
  auto flipped = bytes;
  flipped[bytes.size() / 2] = static_cast<char>(flipped[bytes.size() / 2] ^ 1);
  import(flipped, "damaged");

  // Receipts of another shop.
  std::filesystem::rename(data / "receipts", folder.path() / "receipts");
  { serving_process other(folder.path() / "other"); }
  std::filesystem::rename(folder.path() / "other" / "receipts", data / "receipts");
  const auto faults = tend({"verify", "--data", data.string()});
  CHECK(faults.code == 3);
  CHECK(faults.output.find("reservation 1 has the receipt 0-1, and the receipt desk has none") !=
        std::string::npos);
}

/// In the first row of a table: what the tables say of themselves, which is read whenever they are opened,
/// stands at their end.
void flip_a_row(const std::filesystem::path& path) {
  constexpr std::streamoff offset = 12;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(offset);
  file.put(byte);
}

TEST_CASE("damage of journals is no failure to look at them, whichever of their files has it") {
  const temporary_folder folder;
  const auto data = folder.path() / "shop";
  const auto at_work = folder.path() / "at work";
  {
    serving_process server(data);
    http_client client(server.port());
    CHECK(client.place(some_order).status == 201);
    CHECK(eventually([&] { return client.document("/admin/sagas")["_embedded"]["sagas"].Empty(); }));
    server.kill();
    std::filesystem::copy(data, at_work, std::filesystem::copy_options::recursive);
  }
  {
    serving_process server(data);
    CHECK(server.terminate() == 0);
  }
  check_done({"verify", "--data", data.string()});
  int tables = 0;
  for (const auto* name : {"reservations", "receipts"}) {
    for (const auto& file : std::filesystem::directory_iterator(data / name)) {
      if (file.path().extension() != ".sst") continue;
      ++tables;
      CAPTURE(file.path());
      flip_a_row(file.path());
      const auto verified = tend({"verify", "--data", data.string()});
      CHECK_MESSAGE(verified.code == 3, verified.output);
      CHECK(verified.output.find("Corruption") != std::string::npos);
      CHECK(verified.output.find("restore the last backup") != std::string::npos);
      const auto saved = tend({"backup", "--data", data.string(), folder / std::to_string(tables)});
      CHECK_MESSAGE(saved.code == 3, saved.output);
      CHECK(saved.output.find("Corruption") != std::string::npos);
      flip_a_row(file.path());
    }
  }
  CHECK(tables > 4);
  check_done({"verify", "--data", data.string()});

  check_done({"verify", "--data", at_work.string()});
  for (const auto& file : std::filesystem::directory_iterator(at_work / "receipts" / "log")) {
    std::fstream(file.path(), std::ios::in | std::ios::out | std::ios::binary).write("\xff", 1);
  }
  const auto verified = tend({"verify", "--data", at_work.string()});
  CHECK_MESSAGE(verified.code == 3, verified.output);
  CHECK(verified.output.find("its log ") != std::string::npos);
  std::filesystem::remove_all(at_work / "receipts");
  CHECK(tend({"verify", "--data", at_work.string()}).code == 3);

  const auto nothing = tend({"verify", "--data", folder / "nothing"});
  CHECK(nothing.code == 1);
  CHECK_MESSAGE(nothing.output.find("there is no journal in ") != std::string::npos, nothing.output);
}

}  // namespace
}  // namespace holdfast::testing
