// What operators do over HTTP, on the real server: sagas listed by filter and page by page, their stories
// told, retried and cancelled, one by one and in bulk; the breaker held, the view made anew, the log's level
// set.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "storage/rocksdb_journal.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/seeded_reservations.hpp"
#include "tests/support/served_cluster.hpp"
#include "tests/support/served_shop.hpp"

using namespace holdfast;
using namespace holdfast::testing;

namespace {

constexpr std::uint64_t parked_count = 12;

/// Reservations 1 to 12 are parked, of customer 7; 13 is finished.
void seed_parked(const std::filesystem::path& data) {
  std::filesystem::create_directories(data);
  auto journal = storage::rocksdb_journal::open({(data / "reservations").string()});
  REQUIRE_MESSAGE(journal, journal.error().message);
  for (std::uint64_t id = 1; id <= parked_count; ++id) append_history(**journal, "parked", id);
  append_history(**journal, "failed", parked_count + 1);
}

class parked_shop {
 public:
  parked_shop() : server_(seeded(), {"--sandbox-latency", "0ms"}), client_(server_.port()) {
    REQUIRE(wait_for_view(client_));
  }
  http_client* operator->() { return &client_; }
  serving_process& server() { return server_; }

  raw_response post(const std::string& path, const std::string& body) {
    return client_.request("POST", path, {{"Content-Type", "application/json"}}, body);
  }
  rapidjson::Document posted(const std::string& path, const std::string& body) {
    const auto answer = post(path, body);
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    return parse_json(answer.body);
  }
  std::string state_of(std::uint64_t id) {
    return text_at(client_.document("/admin/sagas/" + std::to_string(id)), "/state");
  }
  std::uint64_t parked() { return std::stoull(json_at(client_.document("/actuator/parked"), "/total")); }

 private:
  std::filesystem::path seeded() {
    seed_parked(folder_.path());
    return folder_.path();
  }

  temporary_folder folder_;
  serving_process server_;
  http_client client_;
};

const std::string note_of_mina = R"({"who":"mina","reason":"the bank is back"})";

std::vector<std::uint64_t> ids_of(const rapidjson::Value& page) {
  std::vector<std::uint64_t> ids;
  for (const auto& saga : page["_embedded"]["sagas"].GetArray()) ids.push_back(saga["id"].GetUint64());
  return ids;
}

std::size_t count(http_client* client, const std::string& query) {
  return ids_of(client->document("/admin/sagas" + query)).size();
}

}  // namespace

TEST_CASE("parked sagas are listed by filter, and walked by cursor without a repetition") {
  parked_shop shop;
  const auto all = shop->document("/admin/sagas?state=parked&size=1000");
  CHECK(ids_of(all).size() == parked_count);
  CHECK(json_at(all, "/_links/next") == "absent");
  const auto& first = all["_embedded"]["sagas"][0];
  CHECK(text_at(first, "/state") == "parked");
  CHECK(text_at(first, "/step") == "issue_receipt");
  CHECK(text_at(first, "/parkedBecause") == "the desk says no");
  CHECK(json_at(first, "/userId") == "7");

  auto* client = shop.operator->();
  CHECK(count(client, "?size=1000") == parked_count);
  CHECK(count(client, "?state=stuck") == 0);
  CHECK(count(client, "?userId=7&size=5") == 5);
  CHECK(count(client, "?userId=8") == 0);
  CHECK(count(client, "?status=reservated") == parked_count);
  CHECK(count(client, "?status=cancelling") == 0);
  CHECK(count(client, "?olderThanSeconds=3600") == parked_count);
  CHECK(count(client, "?olderThanSeconds=9007199254740992") == 0);

  std::set<std::uint64_t> seen;
  std::string next = "/admin/sagas?state=parked&size=5";
  int pages = 0;
  for (; !next.empty(); ++pages) {
    const auto page = client->document(next);
    for (const auto id : ids_of(page)) CHECK(seen.insert(id).second);
    const auto href = json_at(page, "/_links/next") == "absent" ? "" : text_at(page, "/_links/next/href");
    next = href.empty() ? "" : href.substr(href.find("/admin"));
  }
  CHECK(seen.size() == parked_count);
  CHECK(pages >= 3);
}

TEST_CASE("a retry goes on at once, and who and why is in the saga's story and in the history") {
  parked_shop shop;
  auto done = shop.posted("/admin/sagas/3/retry", note_of_mina);
  CHECK(text_at(done, "/outcome") == "recorded");
  CHECK(text_at(done, "/action") == "retry");
  CHECK(eventually([&] { return shop.state_of(3) == "finished"; }));
  CHECK(shop.parked() == parked_count - 1);
  CHECK(text_at(shop.posted("/admin/sagas/3/retry", note_of_mina), "/outcome") == "unchanged");

  const auto story = shop->document("/admin/sagas/3");
  std::vector<std::string> events;
  for (const auto& event : story["events"].GetArray()) events.emplace_back(event["event"].GetString());
  CHECK(events == std::vector<std::string>{"ReservationCreated", "PaymentCreated", "ReservationParked",
                                           "OperatorRetried", "ReservationResumed", "ReceiptCreated"});
  CHECK(text_at(story, "/events/3/who") == "mina");
  CHECK(text_at(story, "/events/3/reason") == "the bank is back");
  CHECK(text_at(story, "/events/2/reason") == "the desk says no");
  CHECK(json_at(story, "/retries") == "null");

  CHECK(eventually([&] { return json_at(shop->document("/myReservations/3"), "/version") == "6"; }));
  const auto shown = shop->document("/myReservations/3");
  CHECK(text_at(shown, "/history/3/event") == "OperatorRetried");
  CHECK(text_at(shown, "/history/3/who") == "mina");
  CHECK(text_at(shown, "/history/3/reason") == "the bank is back");
  CHECK(json_at(shown, "/history/2/who") == "absent");
}

TEST_CASE("a forced cancellation compensates, with the reason operator") {
  served_shop shop;
  const auto id = id_of(shop->place(R"({"userId":1,"price":500})"));
  const auto path = "/admin/sagas/" + std::to_string(id) + "/cancel";
  const auto answer = shop->request("POST", path, {{"Content-Type", "application/json"}}, note_of_mina);
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  CHECK(text_at(answer, "/outcome") == "recorded");
  const auto document = [&] { return shop->document("/myReservations/" + std::to_string(id)); };
  CHECK(eventually([&] { return text_at(document(), "/status") == "reservation_cancelled"; }));
  CHECK(text_at(document(), "/cancelReason") == "operator");
  CHECK(text_at(document(), "/paymentStatus") == "payment_cancelled");
}

TEST_CASE("in bulk nothing is done without being told to, then what was shown, at most so many at once") {
  parked_shop shop;
  const auto bulk = [](const std::string& more) {
    return R"({"who":"mina","reason":"the desk is back","filter":{"state":"parked"})" + more + "}";
  };
  const auto dry = shop.posted("/admin/sagas/retry", bulk(""));
  CHECK(json_at(dry, "/dryRun") == "true");
  CHECK(json_at(dry, "/count") == std::to_string(parked_count));
  CHECK(dry["ids"].Size() == parked_count);
  CHECK(shop.parked() == parked_count);

  const auto some = shop.posted("/admin/sagas/retry", bulk(R"(,"dryRun":false,"limit":5)"));
  CHECK(json_at(some, "/dryRun") == "false");
  REQUIRE(some["results"].Size() == 5);
  for (const auto& one : some["results"].GetArray()) CHECK(text_at(one, "/outcome") == "recorded");
  CHECK(shop.parked() == parked_count - 5);

  const auto rest =
      shop.posted("/admin/sagas/cancel", bulk(R"(,"dryRun":false,"after":)" + json_at(some, "/next")));
  CHECK(json_at(rest, "/count") == std::to_string(parked_count - 5));
  CHECK(json_at(rest, "/next") == "null");
  CHECK(shop.parked() == 0);
  for (const auto& one : rest["results"].GetArray()) {
    const auto seen = shop->get("/preReservations/" + json_at(one, "/id"));
    const auto status = text_at(seen, "/status");
    CHECK((status == "cancelling" || status == "reservation_cancelled"));
  }
}

TEST_CASE("what an operator gets wrong is refused by name, and changes nothing") {
  parked_shop shop;
  const auto refused = [&](const std::string& path, const std::string& body, const std::string& pointer) {
    CAPTURE(body);
    const auto answer = shop.post(path, body);
    check_problem(answer, 400, "invalid-field");
    CHECK(text_at(answer, "/errors/0/pointer") == pointer);
  };
  const std::string retry = "/admin/sagas/1/retry";
  refused(retry, "{}", "/who");
  refused(retry, R"({"who":"mina"})", "/reason");
  refused(retry, R"({"who":" ","reason":"why"})", "/who");
  refused(retry, R"({"who":")" + std::string(65, 'm') + R"(","reason":"why"})", "/who");
  refused(retry, R"({"who":"m\u00edna","reason":"why"})", "/who");
  refused(retry, R"({"who":"mina","reason":")" + std::string(501, 'y') + "\"}", "/reason");
  refused(retry, R"({"who":"mina","reason":"one line\nand a forged one"})", "/reason");
  refused(retry, R"({"who":7,"reason":"why"})", "/who");
  refused(retry, R"({"who":"mina","reason":"card 1234-1234-1234-1234"})", "/reason");
  refused(retry, R"({"who":"mina","reason":"why","reason":"other"})", "/reason");
  refused(retry, R"({"who":"mina","reason":"why","force":true})", "/force");
  refused(retry, R"({"who":"mina","reason":"why","1234123412341234":true})", "");
  refused(retry, R"({"who":"mina","reason":"why","a/b":true})", "");
  const std::string bulk = "/admin/sagas/cancel";
  const auto with_filter = [](const std::string& filter) {
    return R"({"who":"mina","reason":"why","dryRun":false,"filter":)" + filter + "}";
  };
  refused(bulk, R"({"who":"mina","reason":"why","dryRun":false})", "/filter");
  refused(bulk, with_filter("{}"), "/filter/state");
  refused(bulk, with_filter(R"({"state":"any"})"), "/filter/state");
  refused(bulk, with_filter(R"({"state":"parked","useId":1})"), "/filter/useId");
  refused(bulk, with_filter(R"({"state":"parked","userId":"x"})"), "/filter/userId");
  refused(bulk, with_filter(R"({"state":"parked","userId":null})"), "/filter/userId");
  refused(bulk, R"({"who":"mina","reason":"why","filter":{"state":"parked"},"dryRun":"no"})", "/dryRun");
  refused(bulk, R"({"who":"mina","reason":"why","filter":{"state":"parked"},"limit":1001})", "/limit");
  refused("/admin/breaker", R"({"who":"mina","reason":"why","action":"half"})", "/action");
  const auto unknown = shop.post("/admin/breaker", R"({"who":"mina","reason":"why","state":"open"})");
  CHECK(text_at(unknown, "/errors/0/pointer") == "/state");
  CHECK(text_at(unknown, "/detail") == "state is not known here; accepted: action, who, reason.");
  check_problem(shop.post(retry, "{"), 400, "malformed-json");
  check_problem(shop.post(retry, "[1]"), 400, "malformed-json");
  check_problem(shop->request("POST", retry, {}, note_of_mina), 415, "unsupported-media-type");
  check_problem(shop.post("/admin/sagas/999/retry", note_of_mina), 404, "not-found");
  check_problem(shop->get("/admin/sagas/999"), 404, "not-found");
  check_problem(shop->get("/admin/sagas/3/undo"), 404, "not-found");
  check_problem(shop->get("/admin/sagas?state=broken"), 400, "invalid-parameter");
  check_problem(shop->get("/admin/sagas?size=0"), 400, "invalid-parameter");
  const auto wrong = shop->get("/admin/sagas/retry");
  check_problem(wrong, 405, "method-not-allowed");
  CHECK(wrong.header("allow") == "OPTIONS, POST");
  CHECK(shop.parked() == parked_count);
}

TEST_CASE("the breaker is held and let go of, the view is made anew, the log's level changes") {
  parked_shop shop;
  const auto breaker = [&](const std::string& pointer) {
    return json_at(shop->document("/actuator/circuitbreakers"), "/circuitBreakers/payment/" + pointer);
  };
  const auto told = shop.post("/admin/breaker", R"({"action":"open","who":"mina","reason":"maintenance"})");
  CHECK(told.status == 202);
  CHECK(eventually([&] { return breaker("heldByOperator") == "true"; }));
  CHECK(breaker("state") == "\"OPEN\"");
  check_problem(shop->place(R"({"userId":1})"), 503, "payment-unavailable");
  shop.post("/admin/breaker", R"({"action":"auto","who":"mina","reason":"over"})");
  CHECK(eventually([&] { return breaker("heldByOperator") == "absent"; }));
  CHECK(shop->place(R"({"userId":1})").status == 201);

  CHECK(shop.post("/admin/view/rebuild", note_of_mina).status == 202);
  CHECK(eventually([&] {
    const auto page = shop->get("/preReservations");
    return page.status == 200 && json_at(page, "/page/totalElements") == std::to_string(parked_count + 3);
  }));

  const auto level = shop->request("PUT", "/admin/log-level", {{"Content-Type", "application/json"}},
                                   R"({"level":"debug","who":"mina","reason":"to see"})");
  CHECK(level.status == 200);
  shop->place(R"({"userId":1})");
  shop.server().process().wait_for_error("next step");
  for (const auto* line :
       {"mina sets the circuit breaker to open: maintenance", "mina has the view made anew: the bank is back",
        "mina sets the log's level to debug: to see"}) {
    shop.server().process().wait_for_error(line);
  }

  shop->request("PUT", "/admin/log-level", {{"Content-Type", "application/json"}},
                R"({"level":"off","who":"mina","reason":"to be alone"})");
  shop.post("/admin/breaker", R"({"action":"close","who":"mina","reason":"no reason"})");
  for (const auto* line : {"mina sets the log's level to off: to be alone",
                           "mina sets the circuit breaker to close: no reason"}) {
    shop.server().process().wait_for_error(line);
  }
}

TEST_CASE("in a cluster any node lists all sagas, and has the owner do what an operator wants") {
  served_cluster cluster({"--payment-wait", "100ms"});
  cluster.start();
  cluster.start();
  REQUIRE(cluster.becomes_shared_out({0, 1}));
  auto one = cluster.client(0);
  auto other = cluster.client(1);
  // The provider fails: what becomes of a charge is not known for now.
  cluster.provider().control(R"({"failRate":1})");
  std::set<std::uint64_t> placed;
  for (int i = 0; i < 4; ++i) placed.insert(id_of((i % 2 == 0 ? one : other).place(R"({"userId":3})")));
  REQUIRE(placed.size() == 4);
  for (auto* node : {&one, &other}) {
    const auto listed = ids_of(node->document("/admin/sagas?userId=3&size=100"));
    CHECK(std::set<std::uint64_t>(listed.begin(), listed.end()) == placed);
  }
  const auto retries = [&](std::uint64_t id) {
    const auto path = "/admin/sagas/" + std::to_string(id);
    for (auto* node : {&one, &other}) {
      const auto story = node->document(path);
      if (json_at(story, "/retries") != "null") return text_at(story, "/retries/step");
    }
    return std::string();
  };
  CHECK(eventually([&] { return retries(*placed.begin()) == "settle"; }));
  for (const auto id : placed) {
    const auto path = "/admin/sagas/" + std::to_string(id) + "/cancel";
    const auto answer = one.request("POST", path, {{"Content-Type", "application/json"}}, note_of_mina);
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    CHECK(text_at(answer, "/outcome") == "recorded");
  }
  cluster.provider().control(R"({"failRate":0})");
  for (const auto id : placed) {
    CHECK(eventually([&] {
      const auto story = other.document("/admin/sagas/" + std::to_string(id));
      return text_at(story, "/state") == "finished" && text_at(story, "/cancelReason") == "operator";
    }));
  }
}
