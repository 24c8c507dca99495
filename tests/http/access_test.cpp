// Who may do what, at the real server: every route by every role, to what is one's own, another's and
// nobody's.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "http/jwt_tokens.hpp"
#include "http/router.hpp"
#include "tests/support/api_key_file.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/served_shop.hpp"
#include "tests/support/token_signer.hpp"

namespace holdfast::testing {
namespace {

constexpr const char* anns_user = "41";
constexpr const char* bobs_user = "42";

/// A shop with a key for each role, and two for customers.
struct guarded_shop {
  explicit guarded_shop(std::vector<std::string> more_flags = {}) : shop(flags(std::move(more_flags))) {}

  std::vector<std::string> flags(std::vector<std::string> all) {
    ann = keys.add("ann", "customer 41");
    bob = keys.add("bob", "customer 42");
    auditor = keys.add("ida", "auditor");
    root = keys.add("olaf", "operator");
    all.insert(all.end(), {"--auth", "keys", "--auth-keys", keys.path()});
    return all;
  }

  http_client as(const std::string& key) {
    http_client client(shop.server().port());
    if (!key.empty()) client.identify_by(key);
    return client;
  }

  /// A paid reservation with its receipt, of this user.
  std::uint64_t place_for(const std::string& user) {
    auto client = as(root);
    const auto placed = client.place(R"({"userId":)" + user + R"(,"price":5})");
    REQUIRE(placed.status == 201);
    const auto receipt = "/receipts/" + std::to_string(id_of(placed));
    REQUIRE(eventually([&] { return text_at(client.document(receipt), "/status") == "receipt_issued"; }));
    return id_of(placed);
  }

  api_key_file keys;
  std::string ann, bob, auditor, root;
  served_shop shop;
};

/// What GET, HEAD and OPTIONS answer, and what POST and DELETE: 0 where the method is not allowed at all.
struct expectation {
  int read;
  int change;
};
struct access_row {
  const char* pattern;
  expectation nobody, owner, other, auditor, root;
};

// Items are ann's; `other` is bob. The change of a collection places for ann, that of an item cancels hers.
constexpr expectation open{200, 0};
constexpr expectation closed{401, 0};
constexpr expectation kept{403, 0};
constexpr access_row table[] = {
    {"/preReservations", {401, 401}, {200, 201}, {200, 403}, {200, 403}, {200, 201}},
    {"/payments", closed, open, open, open, open},
    {"/receipts", closed, open, open, open, open},
    {"/myReservations", closed, open, open, open, open},
    {"/preReservations/{id}", {401, 401}, {200, 204}, {404, 404}, {200, 403}, {200, 204}},
    {"/payments/{id}", closed, open, {404, 0}, open, open},
    {"/receipts/{id}", closed, open, {404, 0}, open, open},
    {"/myReservations/{id}", closed, open, {404, 0}, open, open},
    {"/", closed, open, open, open, open},
    {"/actuator", closed, kept, kept, open, open},
    {"/actuator/health", open, open, open, open, open},
    {"/actuator/health/liveness", open, open, open, open, open},
    {"/actuator/health/readiness", open, open, open, open, open},
    {"/actuator/info", closed, kept, kept, open, open},
    {"/actuator/circuitbreakers", closed, kept, kept, open, open},
    {"/actuator/parked", closed, kept, kept, open, open},
    {"/metrics", closed, kept, kept, open, open},
    {"/openapi.json", open, open, open, open, open},
    {"/events", closed, open, open, open, open},
    {"/admin/sagas", closed, kept, kept, open, open},
    {"/admin/sagas/{id}", closed, kept, kept, open, open},
};

/// What operators do: by them alone, whoever's it is.
struct command_row {
  const char* method;
  const char* pattern;
  const char* body;
};
constexpr command_row commands[] = {
    {"POST", "/admin/sagas/{id}/retry", R"({"reason":"to see"})"},
    {"POST", "/admin/sagas/{id}/cancel", R"({"reason":"to see"})"},
    {"POST", "/admin/sagas/retry", R"({"reason":"to see","filter":{"state":"parked"}})"},
    {"POST", "/admin/sagas/cancel", R"({"reason":"to see","filter":{"state":"parked"}})"},
    {"POST", "/admin/breaker", R"({"reason":"to see","action":"auto"})"},
    {"POST", "/admin/view/rebuild", R"({"reason":"to see"})"},
    {"PUT", "/admin/log-level", R"({"reason":"to see","level":"info"})"},
};

std::string with_id(std::string pattern, std::uint64_t id) {
  const auto at = pattern.find("{id}");
  return at == std::string::npos ? pattern : pattern.replace(at, 4, std::to_string(id));
}

void check_refusal(const raw_response& answer) {
  if (answer.status == 401) {
    check_problem(answer, 401, "unauthenticated");
    CHECK(answer.header("www-authenticate").starts_with("Bearer realm="));
  }
  if (answer.status == 403) check_problem(answer, 403, "forbidden");
  if (answer.status == 404) check_problem(answer, 404, "not-found");
}

TEST_CASE("every route answers every role as the table says") {
  guarded_shop in;
  std::set<std::string> seen;
  for (const auto& row : table) {
    seen.insert(row.pattern);
    const auto id = in.place_for(anns_user);
    const std::pair<std::string, expectation> all[] = {{"", row.nobody},
                                                       {in.bob, row.other},
                                                       {in.auditor, row.auditor},
                                                       {in.ann, row.owner},
                                                       {in.root, row.root}};
    for (const auto& [key, expected] : all) {
      CAPTURE(key);
      const auto target = with_id(row.pattern, id);
      CAPTURE(target);
      // A stream has no end: its head is enough.
      const bool streamed = std::string(row.pattern) == "/events";
      if (!streamed || expected.read != 200) {
        const auto answer = in.as(key).get(target);
        CHECK(answer.status == expected.read);
        check_refusal(answer);
      }
      CHECK(in.as(key).request("HEAD", target).status == expected.read);
      const bool refused = expected.read == 401 || expected.read == 403;
      CHECK(in.as(key).request("OPTIONS", target).status == (refused ? expected.read : 204));

      // Before it is known who asks.
      CHECK(in.as(key).request("PUT", target).status == 405);
      if (expected.change == 0) {
        CHECK(in.as(key).request("DELETE", target).status == 405);
        continue;
      }
      const bool item = target != row.pattern;
      const auto changed =
          item ? in.as(key).del(target) : in.as(key).place(std::string(R"({"userId":)") + anns_user + "}");
      CHECK(changed.status == expected.change);
      check_refusal(changed);
    }
  }
  for (const auto& row : commands) seen.insert(row.pattern);
  for (std::size_t pattern = 0; pattern < http::pattern_count; ++pattern) {
    const std::string name(http::pattern_name(pattern));
    CAPTURE(name);
    CHECK(seen.contains(name));
  }
}

TEST_CASE("commands of operators are taken from operators, under the name of their credential") {
  guarded_shop in;
  const auto id = in.place_for(anns_user);
  for (const auto& row : commands) {
    const auto target = with_id(row.pattern, id);
    CAPTURE(target);
    const auto by = [&](const std::string& key) {
      return in.as(key).request(row.method, target, {{"Content-Type", "application/json"}}, row.body);
    };
    for (const auto& [key, status] :
         {std::pair<std::string, int>{"", 401}, {in.ann, 403}, {in.auditor, 403}}) {
      const auto refused = by(key);
      CHECK(refused.status == status);
      check_refusal(refused);
    }
    const auto done = by(in.root);
    CAPTURE(done.body);
    CHECK(done.status >= 200);
    CHECK(done.status < 300);
  }
  auto ann = in.as(in.ann);
  const auto path = "/myReservations/" + std::to_string(id);
  // The view is being made anew.
  REQUIRE(eventually([&] {
    const auto seen = ann.get(path);
    return seen.status == 200 && text_at(seen, "/status") == "reservation_cancelled";
  }));
  CHECK(ann.get(path).body.find(R"("who":"olaf")") != std::string::npos);
}

TEST_CASE("another's reservation is as unknown as one that never was, and stays as it is") {
  guarded_shop in;
  const auto id = in.place_for(anns_user);
  auto bob = in.as(in.bob);
  const auto same = [&](const std::string& pattern, const char* method) {
    const auto other = bob.request(method, with_id(pattern, id));
    const auto none = bob.request(method, with_id(pattern, 999'999));
    CHECK(other.status == 404);
    CHECK(none.status == 404);
    auto told = text_at(other, "/detail");
    const auto digits = std::to_string(id);
    CHECK(told.replace(told.find(digits), digits.size(), "999999") == text_at(none, "/detail"));
  };
  same("/preReservations/{id}", "GET");
  same("/preReservations/{id}", "DELETE");
  // Not even whether it has changed.
  const auto tag = in.as(in.ann).get(with_id("/payments/{id}", id)).header("etag");
  CHECK_FALSE(tag.empty());
  CHECK(in.as(in.ann).get(with_id("/payments/{id}", id), {{"If-None-Match", tag}}).status == 304);
  CHECK(bob.get(with_id("/payments/{id}", id), {{"If-None-Match", tag}}).status == 404);
  CHECK(text_at(in.as(in.ann).document(with_id("/preReservations/{id}", id)), "/status") == "reservated");
}

TEST_CASE("a customer's lists are of his own, whatever he asks for") {
  guarded_shop in;
  in.place_for(anns_user);
  in.place_for(bobs_user);
  in.place_for(anns_user);
  auto ann = in.as(in.ann);
  for (const std::string name : {"preReservations", "payments", "receipts", "myReservations"}) {
    CAPTURE(name);
    const auto own = [&] { return ann.document("/" + name); };
    // The view is behind by a moment, and what it has not got yet has no receipt.
    REQUIRE(eventually([&] { return own()["_embedded"][name.c_str()].Size() == 2; }));
    const auto list = own();
    CHECK(json_at(list, "/page/totalElements") == "2");
    for (const auto& row : list["_embedded"][name.c_str()].GetArray()) {
      CHECK(json_at(row, "/userId") == anns_user);
    }
    // Walking goes on with the first page's cursor.
    const auto first = ann.document("/" + name + "?size=1");
    const auto next = text_at(first, "/_links/next/href");
    const auto second = ann.document(next.substr(next.find('/', 7)));
    CHECK(second["_embedded"][name.c_str()].Size() == 1);
    CHECK(json_at(second["_embedded"][name.c_str()][0], "/userId") == anns_user);
    auto auditor = in.as(in.auditor);
    CHECK(eventually([&] { return json_at(auditor.document("/" + name), "/page/totalElements") == "3"; }));
  }
  CHECK(ann.get("/myReservations?userId=41").status == 200);
  check_problem(ann.get("/myReservations?userId=42"), 403, "forbidden");
  auto root = in.as(in.root);
  CHECK(eventually(
      [&] { return json_at(root.document("/myReservations?userId=42"), "/page/totalElements") == "1"; }));
}

TEST_CASE("a receipt that there is not yet is in no list of a customer's") {
  guarded_shop in({"--sandbox-decline-rate", "1"});
  auto ann = in.as(in.ann);
  REQUIRE(ann.place(R"({"userId":41})").status == 402);
  REQUIRE(eventually([&] { return json_at(ann.document("/payments"), "/page/totalElements") == "1"; }));
  CHECK(ann.document("/receipts")["_embedded"]["receipts"].Empty());
}

TEST_CASE("a customer follows his own events only, from the beginning and as they happen") {
  guarded_shop in;
  in.place_for(bobs_user);
  const auto first = in.place_for(anns_user);
  const auto port = in.shop.server().port();
  event_stream events(port, "/events?from=beginning", {}, {{"Authorization", "Bearer " + in.ann}});
  for (const auto& event : events.require(3)) CHECK(event.reservation() == first);
  in.place_for(bobs_user);
  const auto second = in.place_for(anns_user);
  for (const auto& event : events.require(3)) CHECK(event.reservation() == second);
  check_problem(in.as(in.ann).get("/events?userId=42"), 403, "forbidden");
  event_stream all(port, "/events?from=beginning&userId=42", {}, {{"Authorization", "Bearer " + in.auditor}});
  for (const auto& event : all.require(6)) CHECK(event.at("/userId") == bobs_user);
}

TEST_CASE("nobody's idempotency key brings somebody else's reservation") {
  guarded_shop in;
  const auto place = [&](const std::string& key, const char* user) {
    return in.as(key).place_with_key(R"({"userId":)" + std::string(user) + "}", "order-1");
  };
  std::set<std::uint64_t> ids;
  for (const auto& [key, user] : {std::pair{in.ann, anns_user}, {in.bob, bobs_user}, {in.root, anns_user}}) {
    const auto placed = place(key, user);
    CHECK(placed.status == 201);
    CHECK(placed.header("idempotent-replayed").empty());
    ids.insert(id_of(placed));
    const auto again = place(key, user);
    CHECK(again.header("idempotent-replayed") == "true");
    CHECK(id_of(again) == id_of(placed));
  }
  CHECK(ids.size() == 3);
}

TEST_CASE("a placement for somebody else names the field") {
  guarded_shop in;
  const auto refused = in.as(in.ann).place(R"({"userId":42})");
  check_problem(refused, 403, "forbidden");
  CHECK(text_at(refused, "/errors/0/pointer") == "/userId");
  CHECK(json_at(in.as(in.root).document("/preReservations"), "/page/totalElements") == "0");
}

TEST_CASE("what is no key of anybody is refused") {
  guarded_shop in;
  const auto status = [&](const std::string& authorization) {
    const auto answer = http_client(in.shop.server().port()).get("/", {{"Authorization", authorization}});
    check_refusal(answer);
    return answer.status;
  };
  CHECK(status("Bearer " + in.ann) == 200);
  CHECK(status("bearer  " + in.ann) == 200);
  for (const auto& wrong :
       {in.ann, "Basic " + in.ann, std::string("Bearer"), std::string("Bearer "), "Bearer " + in.ann + "x",
        std::string("Bearer hf_"), "Bearer " + in.ann + ", Bearer " + in.ann,
        "Bearer " + http::to_hexadecimal(http::sha256(in.ann)), std::string("Bearer x.y.z")}) {
    CAPTURE(wrong);
    CHECK(status(wrong) == 401);
  }
  const auto twice =
      http_client(in.shop.server().port())
          .get("/", {{"Authorization", "Bearer " + in.ann}, {"Authorization", "Bearer " + in.ann}});
  CHECK(twice.status == 401);
  CHECK(in.shop.server().process().errors().find(in.ann) == std::string::npos);
}

TEST_CASE("SIGHUP takes new keys and lets go of old ones, and a broken file changes nothing") {
  guarded_shop in;
  auto& process = in.shop.server().process();
  in.keys.clear();
  const auto eve = in.keys.add("eve", "customer 43");
  CHECK(in.as(eve).get("/").status == 401);
  process.send(SIGHUP);
  process.wait_for_error("are read again");
  CHECK(in.as(eve).get("/").status == 200);
  CHECK(in.as(in.ann).get("/").status == 401);

  in.keys.write("no key at all\n");
  process.send(SIGHUP);
  process.wait_for_error("the first word has to be the SHA-256 of a key");
  CHECK(in.as(eve).get("/").status == 200);

  // What leaked is shut out by a file without any.
  in.keys.clear();
  process.send(SIGHUP);
  process.wait_for_error("has no key any more");
  CHECK(eventually([&] { return in.as(eve).get("/").status == 401; }));
}

TEST_CASE("where full card numbers are not accepted, tokens are, and nothing of a number is told") {
  guarded_shop in({"--card-numbers", "off"});
  auto ann = in.as(in.ann);
  for (const std::string number : {R"("1234-5678-9012-3456")", "1234567890123456", R"("1")", "[]"}) {
    const auto refused = ann.place(R"({"userId":41,"cardNo":)" + number + "}");
    check_problem(refused, 400, "invalid-field");
    CHECK(text_at(refused, "/errors/0/pointer") == "/cardNo");
    CHECK(text_at(refused, "/errors/0/detail").find("send paymentMethod") != std::string::npos);
    CHECK(refused.body.find("9012") == std::string::npos);
  }
  CHECK(ann.place(R"({"userId":41,"cardNo":null,"paymentMethod":"pm_card"})").status == 201);
  CHECK(ann.place(R"({"userId":41})").status == 201);
}

TEST_CASE("who asks too often is told when to come back, and nobody else is") {
  guarded_shop in({"--rate-limit", "3/m"});
  auto ann = in.as(in.ann);
  for (const char* left : {"2", "1", "0"}) {
    const auto answer = ann.get("/");
    CHECK(answer.status == 200);
    CHECK(answer.header("ratelimit-policy") == R"("default";q=3;w=60)");
    CHECK(answer.header("ratelimit").starts_with(std::string(R"("default";r=)") + left + ";t="));
  }
  // What he may not do counts as well, and what is refused does not.
  const auto refused = ann.get("/metrics");
  check_problem(refused, 429, "too-many-requests");
  const auto seconds = std::stoi(refused.header("retry-after"));
  CHECK(seconds >= 1);
  CHECK(seconds <= 20);
  CHECK(refused.header("ratelimit") == R"("default";r=0;t=)" + refused.header("retry-after"));
  CHECK(ann.place(R"({"userId":41})").status == 429);
  CHECK(json_at(in.as(in.root).document("/preReservations"), "/page/totalElements") == "0");
  CHECK(in.as(in.bob).get("/").status == 200);
  CHECK(in.as(in.ann).get("/actuator/health/liveness").status == 200);
  CHECK_FALSE(in.as("").get("/").has_header("ratelimit"));
}

TEST_CASE("tokens of an identity provider are known beside keys, and its new keys after SIGHUP") {
  const token_signer first(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "first");
  const token_signer second(R_JWA_ALG_EDDSA, R_KEY_TYPE_EDDSA, 256, "second");
  temporary_folder folder;
  const auto path = folder / "jwks.json";
  std::ofstream(path) << key_set_of({first.public_key()});
  api_key_file keys;
  const auto key = keys.add("olaf", "operator");
  served_shop shop({"--auth", "keys,jwt", "--auth-keys", keys.path(), "--auth-jwks", path, "--auth-issuer",
                    "https://id.test", "--auth-audience", "holdfast"});
  const auto claims = [](const std::string& role) {
    return R"({"iss":"https://id.test","aud":"holdfast","sub":"ann","exp":4000000000,"role":")" + role +
           "\"}";
  };
  const auto status = [&](const std::string& token, const std::string& target) {
    http_client client(shop.server().port());
    client.identify_by(token);
    const auto answer = client.get(target);
    check_refusal(answer);
    return answer.status;
  };
  const auto customer = R"(customer","userId":"41)";
  CHECK(status(first.sign(claims(customer)), "/payments") == 200);
  CHECK(status(first.sign(claims(customer)), "/metrics") == 403);
  CHECK(status(first.sign(claims("auditor")), "/metrics") == 200);
  CHECK(status(second.sign(claims("auditor")), "/metrics") == 401);
  CHECK(status(key, "/metrics") == 200);

  std::ofstream(path, std::ios::trunc) << key_set_of({second.public_key()});
  shop.server().process().send(SIGHUP);
  shop.server().process().wait_for_error("are read again");
  CHECK(status(second.sign(claims("auditor")), "/metrics") == 200);
  CHECK(status(first.sign(claims("auditor")), "/metrics") == 401);
}

event_stream follow(served_shop& shop, const std::string& credential, const std::string& last_id = {}) {
  return event_stream(shop.server().port(), "/events", last_id, {{"Authorization", "Bearer " + credential}});
}

void check_over(event_stream& stream) {
  const auto last = stream.require();
  CHECK(last.type == "StreamEnded");
  CHECK(last.at("/reason") == "\"credential-over\"");
  CHECK_FALSE(stream.next());
  CHECK(stream.ended_well());
}

TEST_CASE("a stream ends when its key is taken away, and goes on without a gap with another") {
  guarded_shop in;
  const auto second = in.keys.add("ann-again", "customer 41");
  in.shop.server().process().send(SIGHUP);
  in.shop.server().process().wait_for_error("are read again");
  auto hers = follow(in.shop, in.ann);
  auto other = follow(in.shop, in.bob);
  in.keys.clear();
  const auto bobs = in.keys.add("bob", "customer 42");
  in.keys.add("ann-again", "customer 41");
  in.keys.add("olaf", "operator");
  in.shop.server().process().send(SIGHUP);
  in.shop.server().process().wait_for_error("are read again");
  check_over(hers);
  in.place_for(anns_user);
  auto again = follow(in.shop, second, hers.last_id());
  CHECK(again.require(3).back().type == "ReceiptCreated");
  in.place_for(bobs_user);
  CHECK(other.require().type == "ReservationCreated");
  CHECK(bobs == in.bob);
}

TEST_CASE("a stream ends when its token expires") {
  const token_signer signer(R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256, "one");
  temporary_folder folder;
  const auto path = folder / "jwks.json";
  std::ofstream(path) << key_set_of({signer.public_key()});
  served_shop shop({"--auth", "jwt", "--auth-jwks", path, "--auth-issuer", "https://id.test",
                    "--auth-audience", "holdfast"});
  const auto token_until = [&](std::chrono::seconds from_now) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto until = std::chrono::floor<std::chrono::seconds>(now) + from_now;
    return signer.sign(R"({"iss":"https://id.test","aud":"holdfast","sub":"ida","role":"auditor","exp":)" +
                       std::to_string(until.count()) + "}");
  };
  auto lasting = follow(shop, token_until(std::chrono::hours(1)));
  // Thirty seconds after it has expired it still counts.
  auto brief = follow(shop, token_until(std::chrono::seconds(2) - http::token_leeway));
  check_over(brief);
  http_client client(shop.server().port());
  client.identify_by(token_until(std::chrono::hours(1)));
  CHECK(client.get("/metrics").body.find(R"(holdfast_event_streams_open 1)") != std::string::npos);
}

TEST_CASE("one who has as many streams as he may have is told so, and leaves the others their places") {
  guarded_shop in({"--event-streams", "2"});
  auto first = follow(in.shop, in.ann);
  auto second = std::make_unique<event_stream>(follow(in.shop, in.ann));
  const auto refused = in.as(in.ann).get("/events");
  check_problem(refused, 429, "too-many-requests");
  CHECK(text_at(refused, "/detail").find("--event-streams") != std::string::npos);
  CHECK(in.as(in.ann).get("/").status == 200);
  follow(in.shop, in.bob);
  second.reset();
  CHECK(eventually([&] {
    auto stream = in.shop.connect();
    return stream.exchange(request_text("GET", "/events", {{"Authorization", "Bearer " + in.ann}})).status ==
           200;
  }));
}

/// The exit code and what was said.
std::pair<int, std::string> refused_start(std::vector<std::string> flags) {
  temporary_folder folder;
  flags.insert(flags.begin(), {"serve", "--data", folder / "data"});
  process serving(flags);
  const auto code = serving.wait_for_exit();
  return {code, serving.errors()};
}

TEST_CASE("without a look at who asks it serves this machine only") {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "10.1.2.3:0"}) {
    for (const std::vector<std::string>& flags : {std::vector<std::string>{}, {"--auth", "none"}}) {
      auto all = flags;
      all.insert(all.end(), {"--listen", address});
      const auto [code, said] = refused_start(all);
      CHECK(code == 2);
      CHECK(said.find("--listen") != std::string::npos);
      CHECK(said.find("--auth keys") != std::string::npos);
    }
  }
  api_key_file keys;
  const auto key = keys.add("olaf", "operator");
  temporary_folder folder;
  serving_process wide(folder.path(),
                       {"--listen", "0.0.0.0:0", "--auth", "keys", "--auth-keys", keys.path()});
  http_client client(wide.port());
  CHECK(client.get("/").status == 401);
  client.identify_by(key);
  CHECK(client.get("/").status == 200);
}

TEST_CASE("a file of keys that can't be used keeps it from starting") {
  api_key_file keys;
  keys.add("ann", "customer");
  auto [code, said] =
      refused_start({"--listen", "127.0.0.1:0", "--auth", "keys", "--auth-keys", keys.path()});
  CHECK(code == 1);
  CHECK(said.find("line 1: a customer needs his user id") != std::string::npos);
  std::tie(code, said) =
      refused_start({"--listen", "127.0.0.1:0", "--auth", "keys", "--auth-keys", keys.path() + "-gone"});
  CHECK(code == 1);
  CHECK(said.find("No such file") != std::string::npos);
  keys.clear();
  std::tie(code, said) =
      refused_start({"--listen", "127.0.0.1:0", "--auth", "keys", "--auth-keys", keys.path()});
  CHECK(code == 1);
  CHECK(said.find(keys.path() + " has no key") != std::string::npos);
}

}  // namespace
}  // namespace holdfast::testing
