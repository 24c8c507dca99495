// `holdfast reconcile` as a process, on what a real `holdfast serve` and a real provider leave: it
// finds nothing on a healthy system, live and stopped; it finds every seeded difference, mends it,
// and finds nothing afterwards; and it says why where it can't run.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "payments/sandbox_ledger.hpp"
#include "storage/rocksdb_journal.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/seeded_reservations.hpp"

using namespace holdfast;
using namespace holdfast::testing;
using record_kind = payments::bank_record::kind;

namespace {

struct run_result {
  int code = 0;
  std::string output;
  std::string errors;
};

run_result reconcile(const std::filesystem::path& data, std::vector<std::string> flags = {},
                     const environment_variables& environment = {}) {
  std::vector<std::string> arguments{"reconcile", "--data", data.string()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  holdfast::testing::process child(std::move(arguments), environment);
  run_result result;
  result.output = child.rest_of_output();
  result.code = child.wait_for_exit();
  result.errors = child.errors();
  return result;
}

/// The number at the pointer in the line of this type; -1 where there is none.
std::int64_t in_summary(const run_result& result, const std::string& pointer) {
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    const auto object = parse_json(line);
    if (text_at(object, "/type") == "summary") return std::stoll(json_at(object, pointer));
  }
  return -1;
}

/// "code outcome" of each difference by its reservation; several of one by a comma.
std::map<std::uint64_t, std::string> differences_of(const run_result& result) {
  std::map<std::uint64_t, std::string> found;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    const auto object = parse_json(line);
    if (text_at(object, "/type") != "difference") continue;
    auto& text = found[object["reservation"].GetUint64()];
    text += (text.empty() ? "" : ", ") + text_at(object, "/code") + " " + text_at(object, "/outcome");
  }
  return found;
}

std::vector<std::uint64_t> parked_of(const run_result& result) {
  std::vector<std::uint64_t> parked;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    const auto object = parse_json(line);
    if (text_at(object, "/type") == "parked") parked.push_back(object["reservation"].GetUint64());
  }
  std::sort(parked.begin(), parked.end());
  return parked;
}

/// Places, cancels some of it, and is told no now and then.
void buy_and_regret(http_client& client, int n) {
  const std::string card = n % 4 == 1 ? "4000000000000002" : "1234-1234-1234-1234";
  const auto placed = client.place(R"({"userId":)" + std::to_string(n + 1) + R"(,"price":)" +
                                   std::to_string(1000 + n) + R"(,"cardNo":")" + card + "\"}");
  const auto id = id_of(placed);
  if (n % 3 == 0 && id != 0) client.del("/preReservations/" + std::to_string(id));
}

constexpr int orders = 60;

/// Every kind of trouble that ends by itself.
const std::vector<std::string> troubles = {
    "--payment-timeout",         "100ms", "--sandbox-decline-rate",           "0.1",
    "--sandbox-lands-late-rate", "0.1",   "--sandbox-lands-late-after",       "150ms",
    "--sandbox-fail-rate",       "0.05",  "--sandbox-hang-after-charge-rate", "0.1"};

// --- Seeds ---

/// A line of the provider's ledger.
struct seeded_line {
  record_kind what;
  domain::reservation_id reservation;
  std::uint16_t attempt;
  domain::money price = seeded_price;
};

void seed_ledger(const std::filesystem::path& folder, const std::vector<seeded_line>& lines) {
  payments::sandbox_ledger ledger(
      folder, [](auto) {}, [](const auto&) {});
  for (const auto& each : lines) {
    ledger.add({each.what,
                seeded_at,
                each.reservation,
                each.attempt,
                each.price,
                {},
                std::to_string(each.reservation) + "-seed-" + std::to_string(each.attempt)});
  }
  REQUIRE(ledger.flush());
}

void seed_journal(const std::filesystem::path& data,
                  const std::vector<std::pair<domain::reservation_id, std::string>>& histories) {
  std::filesystem::create_directories(data);
  auto journal = storage::rocksdb_journal::open({(data / "reservations").string()});
  REQUIRE_MESSAGE(journal, journal.error().message);
  for (const auto& [id, history] : histories) append_history(**journal, history, id);
}

/// A shop with one of each difference, a healthy reservation and one under way; the ledger lies in
/// `ledger_folder`.
void seed_every_difference(const std::filesystem::path& data, const std::filesystem::path& ledger_folder) {
  using enum record_kind;
  seed_journal(data, {{1, "issued"},
                      {2, "failed"},
                      {3, "issued"},
                      {4, "refunded"},
                      {5, "issued"},
                      {6, "issued"},
                      {7, "issued"},
                      {8, "issued"},
                      {9, "paid"},
                      {10, "issued"},
                      {11, "parked"}});
  const auto capture = [](domain::reservation_id id, std::uint16_t attempt = 1) {
    return seeded_line{captured, id, attempt};
  };
  seed_ledger(ledger_folder, {capture(1),
                              capture(2),
                              capture(3),
                              capture(3, 2),
                              capture(4),
                              capture(6),
                              {refunded, 6, 1},
                              {captured, 7, 1, {1299, "KRW"}},
                              capture(8, 2),
                              capture(9),
                              {captured, 10, 1, {1300, "USD"}},
                              capture(11),
                              capture(1000)});
}

std::map<std::uint64_t, std::string> every_difference(const std::string& of_refunds,
                                                      const std::string& of_parkings) {
  return {{2, "unpaid_charge " + of_refunds},         {3, "surplus_charge " + of_refunds},
          {4, "missing_refund " + of_refunds},        {5, "missing_charge " + of_parkings},
          {6, "refunded_though_paid " + of_parkings}, {7, "amount_differs " + of_parkings},
          {8, "transaction_differs " + of_parkings},  {10, "amount_differs " + of_parkings},
          {1000, "orphan_charge " + of_refunds}};
}

const std::vector<std::uint64_t> parked_afterwards{5, 6, 7, 8, 10, 11};

}  // namespace

TEST_CASE("a healthy system has no differences, live under load, at rest and stopped") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  serving_process server(data, troubles);
  {
    std::atomic<bool> done = false;
    std::string failure;
    std::jthread load([&] {
      try {
        http_client client(server.port());
        for (int n = 0; n < orders; ++n) buy_and_regret(client, n);
      } catch (const std::exception& error) {
        failure = error.what();
      }
      done = true;
    });
    for (bool last = false; !last;) {
      last = done;
      const auto result = reconcile(data);
      INFO(result.output, result.errors);
      CHECK(result.code == 0);
    }
    load.join();
    CHECK(failure == "");
  }
  CHECK(eventually([&] { return in_summary(reconcile(data, {"--format", "json"}), "/underWay") == 0; }));
  const auto live = reconcile(data, {"--format", "json"});
  CHECK(live.code == 0);
  CHECK(in_summary(live, "/reservations") >= orders / 2);
  CHECK(in_summary(live, "/captures") > 0);
  CHECK(in_summary(live, "/refunds") > 0);

  CHECK(server.terminate() == 0);
  const auto stopped = reconcile(data, {"--format", "json"});
  CHECK(stopped.code == 0);
  CHECK(stopped.output == live.output);
  const auto applied = reconcile(data, {"--format", "json", "--apply", "--orphans"});
  CHECK(applied.code == 0);
  CHECK(applied.output == live.output);
}

TEST_CASE("a healthy system with a provider of its own has no differences") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  sandbox_process provider({"--decline-rate", "0.1", "--hang-after-charge-rate", "0.1"});
  serving_process server(data, {"--payment", provider.url(), "--payment-timeout", "200ms"});
  http_client client(server.port());
  for (int n = 0; n < orders / 2; ++n) buy_and_regret(client, n);
  const auto look = [&] { return reconcile(data, {"--payment", provider.url(), "--format", "json"}); };
  CHECK(look().code == 0);
  CHECK(eventually([&] { return in_summary(look(), "/underWay") == 0; }));
  CHECK(look().code == 0);
  CHECK(in_summary(look(), "/captures") > 0);
  CHECK(server.terminate() == 0);
  CHECK(look().code == 0);
}

TEST_CASE("every seeded difference is found, mended on demand, and gone afterwards") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  seed_every_difference(data, data / "sandbox");

  const auto seen = reconcile(data, {"--format", "json"});
  CHECK(seen.code == 3);
  CHECK((differences_of(seen) == every_difference("found", "found")));
  CHECK((parked_of(seen) == std::vector<std::uint64_t>{11}));
  CHECK(in_summary(seen, "/underWay") == 1);
  CHECK(in_summary(seen, "/reservations") == 11);
  CHECK(in_summary(seen, "/captures") == 12);

  const auto applied = reconcile(data, {"--format", "json", "--apply", "--orphans"});
  CHECK(applied.code == 0);
  CHECK((differences_of(applied) == every_difference("refunded", "parked")));
  CHECK(in_summary(applied, "/mended") == 9);

  for (const auto& flags :
       {std::vector<std::string>{"--format", "json"}, {"--format", "json", "--apply", "--orphans"}}) {
    const auto again = reconcile(data, flags);
    CHECK(again.code == 0);
    CHECK(differences_of(again).empty());
    CHECK((parked_of(again) == parked_afterwards));
    CHECK(in_summary(again, "/refunds") == 1 + 4);
  }

  // What was parked and refunded is nothing that a server would stumble over.
  serving_process server(data);
  http_client client(server.port());
  CHECK(wait_for_view(client));
  CHECK(client.get("/preReservations/5").status == 200);
  CHECK(eventually([&] {
    return json_at(client.document("/actuator/parked"), "/total") == std::to_string(parked_afterwards.size());
  }));
  CHECK(client.place(R"({"userId":1})").status == 201);
  CHECK(server.terminate() == 0);
  CHECK(reconcile(data).code == 0);
}

TEST_CASE("a provider behind HTTP is compared and mended too, and a refund that failed is taken up again") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto bank = folder.path() / "bank";
  // Where the sandbox keeps its ledger in the folder that it is given.
  seed_every_difference(data, bank);
  sandbox_process provider({}, bank);
  const std::vector<std::string> look{"--payment", provider.url(), "--format", "json"};
  auto apply = look;
  apply.insert(apply.end(), {"--apply", "--orphans"});

  const auto seen = reconcile(data, look);
  INFO(seen.errors);
  CHECK(seen.code == 3);
  CHECK((differences_of(seen) == every_difference("found", "found")));

  provider.control(R"({"refundFailures":1})");
  const auto failed = reconcile(data, apply);
  CHECK(failed.code == 3);
  CHECK((differences_of(failed) == every_difference("left", "parked")));

  const auto mended = reconcile(data, apply);
  CHECK(mended.code == 0);
  CHECK(differences_of(mended).size() == 4);
  const auto again = reconcile(data, look);
  CHECK(again.code == 0);
  CHECK((parked_of(again) == parked_afterwards));
  CHECK(in_summary(again, "/refunds") == 1 + 4);
}

TEST_CASE("differences are printed for people, a line each and a summary") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  seed_journal(data, {{1, "issued"}});
  seed_ledger(data / "sandbox", {{record_kind::captured, 1, 1}, {record_kind::captured, 1000, 1}});
  const auto result = reconcile(data);
  CHECK(result.code == 3);
  CHECK(result.errors.empty());
  CHECK(
      result.output ==
      "orphan_charge reservation 1000: the provider has charge pi_1000_1 over 1300 KRW, the journal no such "
      "reservation; refund it\n"
      "2 captures, 0 refunds; 1 reservation looked at, 0 under way, 0 parked; 1 difference\n");
}

TEST_CASE("charges of reservations that the journal lacks are left, unless their refund is asked for") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  seed_journal(data, {{1, "issued"}, {2, "failed"}});
  seed_ledger(data / "sandbox", {{record_kind::captured, 1, 1},
                                 {record_kind::captured, 2, 1},
                                 {record_kind::captured, 1000, 1},
                                 {record_kind::captured, 1001, 1}});
  const auto left = reconcile(data, {"--apply", "--format", "json"});
  CHECK(left.code == 3);
  CHECK((differences_of(left) == std::map<std::uint64_t, std::string>{{2, "unpaid_charge refunded"},
                                                                      {1000, "orphan_charge left"},
                                                                      {1001, "orphan_charge left"}}));
  CHECK(left.errors.find("2 charges belong to no reservation of this journal") != std::string::npos);
  CHECK(left.errors.find("Add --orphans to refund them.") != std::string::npos);
  CHECK(in_summary(left, "/mended") == 1);
  CHECK(in_summary(reconcile(data, {"--orphans", "--format", "json"}), "/refunds") == 1);

  const std::map<std::uint64_t, std::string> refunded{{1000, "orphan_charge refunded"},
                                                      {1001, "orphan_charge refunded"}};
  const auto mended = reconcile(data, {"--apply", "--orphans", "--format", "json"});
  CHECK(mended.code == 0);
  CHECK(mended.errors.find("--orphans") == std::string::npos);
  CHECK((differences_of(mended) == refunded));
  CHECK(in_summary(reconcile(data, {"--format", "json"}), "/refunds") == 3);
  CHECK(reconcile(data).code == 0);
}

TEST_CASE("what moves money is taken as a flag only") {
  const temporary_folder folder;
  const std::vector<std::pair<std::string, std::string>> names{{"apply", "HOLDFAST_RECONCILE_APPLY"},
                                                               {"orphans", "HOLDFAST_RECONCILE_ORPHANS"}};
  for (const auto& [name, variable] : names) {
    const auto file = folder.path() / "holdfast.toml";
    std::ofstream(file) << "reconcile-" << name << " = true\n";
    const auto result = reconcile(folder.path() / "data", {"--config", file.string()});
    CAPTURE(result.errors);
    CHECK(result.code == 2);
    CHECK(result.errors.find("reconcile-" + name + " = 'true' is not accepted") != std::string::npos);
    CHECK(result.errors.find("give --" + name + " as a flag") != std::string::npos);
    const auto told = reconcile(folder.path() / "data", {}, {{variable, "true"}});
    CHECK(told.code == 2);
    CHECK(told.errors.find(variable + " = 'true' is not accepted") != std::string::npos);
  }
}

TEST_CASE("a refund of nobody's charge is for a person, and stays") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  seed_journal(data, {{1, "failed"}});
  seed_ledger(data / "sandbox", {{record_kind::refunded, 1000, 1}});
  const auto result = reconcile(data, {"--apply", "--format", "json"});
  CHECK(result.code == 3);
  CHECK((differences_of(result) == std::map<std::uint64_t, std::string>{{1000, "orphan_refund left"}}));
}

TEST_CASE("with --apply it wants the data folder for itself, without it nothing is changed") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  // As if another had charged there.
  seed_ledger(data / "sandbox", {{record_kind::captured, 1000, 1}});
  serving_process server(data);
  http_client client(server.port());
  CHECK(client.place(R"({"userId":1,"cardNo":"1234-1234-1234-1234"})").status == 201);

  const auto refused = reconcile(data, {"--apply"});
  CHECK(refused.code == 1);
  CHECK(refused.errors.find("in use") != std::string::npos);
  CHECK(refused.errors.find("stop holdfast serve first") != std::string::npos);
  CHECK(reconcile(data).code == 3);
  CHECK(reconcile(data).code == 3);
  CHECK(server.terminate() == 0);
  CHECK(reconcile(data, {"--apply", "--orphans"}).code == 0);
  CHECK(reconcile(data).code == 0);
}

TEST_CASE("what keeps it from running is said, with exit code 1") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto check = [&](const std::vector<std::string>& flags, const std::string& message) {
    const auto result = reconcile(data, flags);
    CAPTURE(result.errors);
    CHECK(result.code == 1);
    CHECK(result.output.empty());
    CHECK(result.errors.find(message) != std::string::npos);
  };
  SUBCASE("no data folder") {
    check({}, "No such file or directory; give the --data of holdfast serve, or --payment http://HOST:PORT");
    check({"--apply"}, "there is no journal in " + data.string() + "; give the --data of holdfast serve");
    CHECK_FALSE(std::filesystem::exists(data));
  }
  SUBCASE("a restore that was broken off") {
    seed_journal(data, {{1, "issued"}});
    std::ofstream(data / "restoring").flush();
    check({}, "was broken off: remove the folder, and restore again");
    check({"--apply"}, "was broken off");
  }
  SUBCASE("root in the folder of another user") {
    seed_journal(data, {{1, "issued"}});
    seed_ledger(data / "sandbox", {});
    // Who is not root can't give it away, and may do what he can.
    if (::chown(data.c_str(), 65534, 65534) != 0) return;
    check({"--apply"}, "runuser -u nobody -- ");
  }
  SUBCASE("a ledger with lines that don't parse") {
    seed_journal(data, {{1, "issued"}});
    seed_ledger(data / "sandbox", {{record_kind::captured, 1, 1}});
    std::ofstream(data / "sandbox" / "sandbox-ledger.log", std::ios::app) << "C nonsense\n\n";
    check({}, "has 2 lines that don't parse");
    check({"--apply"}, "has 2 lines that don't parse");
  }
  SUBCASE("no journal") {
    seed_ledger(data / "sandbox", {});
    check({}, "there is none");
  }
  SUBCASE("a provider that is down") {
    seed_journal(data, {});
    sandbox_process provider;
    const auto url = provider.url();
    provider.kill();
    check({"--payment", url}, "can't connect");
    check({"--payment", url, "--apply"}, "can't connect");
  }
  SUBCASE("a provider without a ledger") {
    seed_journal(data, {});
    serving_process other(folder.path() / "other");
    check({"--payment", "http://127.0.0.1:" + std::to_string(other.port())}, "offers no ledger");
  }
}

TEST_CASE("settings that it does not know are refused with exit code 2") {
  const temporary_folder folder;
  for (const auto& flags : std::vector<std::vector<std::string>>{{"--frobnicate"},
                                                                 {"--format", "xml"},
                                                                 {"--payment", "stripe"},
                                                                 {"--apply=perhaps"},
                                                                 {"--listen", "127.0.0.1:0"},
                                                                 {"--payment-timeout", "soon"},
                                                                 {"now"}}) {
    const auto result = reconcile(folder.path() / "data", flags);
    CAPTURE(flags.front());
    CHECK(result.code == 2);
    CHECK(result.output.empty());
    CHECK(result.errors.starts_with("holdfast: "));
  }
}

TEST_CASE("the journal of a shop on PostgreSQL is compared, also beside it, and not mended") {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const postgres_database database;
  serving_process server(data, {"--journal", database.url()});
  http_client client(server.port());
  for (int n = 0; n < 12; ++n) buy_and_regret(client, n);
  const std::vector<std::string> flags{"--journal", database.url(), "--format", "json"};
  CHECK(eventually([&] { return in_summary(reconcile(data, flags), "/underWay") == 0; }));
  const auto result = reconcile(data, flags);
  CHECK(result.code == 0);
  CHECK(in_summary(result, "/reservations") == 12);
  CHECK(in_summary(result, "/captures") > 0);
  auto applying = flags;
  applying.emplace_back("--apply");
  CHECK(reconcile(data, applying).code == 2);
  CHECK(server.terminate() == 0);
  // A capture that the journal knows nothing of.
  seed_ledger(data / "sandbox", {{record_kind::captured, 1000, 1}});
  CHECK(differences_of(reconcile(data, flags))[1000].starts_with("orphan_charge"));
}
