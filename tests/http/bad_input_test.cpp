// What clients send that they should not, over real sockets against the real binary: each row of
// the tables below has one right answer, and nothing of it is recorded.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/served_shop.hpp"

namespace holdfast::testing {
namespace {

using namespace std::string_literals;
using strings = std::vector<std::string>;

std::string repeat(const std::string& text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

std::string with_field(const std::string& name, const std::string& value) {
  return R"({"userId":1,")" + name + "\":" + value + "}";
}

/// Whitespace is part of the body, not of what it means.
std::string body_of_size(std::size_t bytes) {
  const std::string body = R"({"userId":1})";
  return body + std::string(bytes - body.size(), ' ');
}

bool names_field(const raw_response& answer, const std::string& pointer) {
  const auto problem = parse_json(answer.body);
  if (!problem.HasMember("errors")) return false;
  for (const auto& error : problem["errors"].GetArray()) {
    if (text_at(error, "/pointer") == pointer && !text_at(error, "/detail").empty()) return true;
  }
  return false;
}

// --- The body ---

TEST_CASE("a field with a bad value is refused by its name") {
  struct row {
    std::string field;
    strings values;
  };
  const strings bad_numbers{"true",
                            "[]",
                            "{}",
                            "[1]",
                            "1.5",
                            "1e3",
                            "1E0",
                            "-1",
                            "-0.0",
                            "\"-1\"",
                            "\"abc\"",
                            "\"\"",
                            "\"1 \"",
                            "\"+1\"",
                            "\"1.0\"",
                            "\"0x1\"",
                            "\"\\u0661\"",
                            "9007199254740993",
                            "\"9007199254740993\"",
                            "18446744073709551617",
                            "\"99999999999999999999999999\""};
  const strings bad_texts{"1",   "true",        "false",         "[]",         "{}",
                          "1.5", "[\"seoul\"]", "\"a\\u0000b\"", "\"\\udc00\""};
  const std::vector<row> table{
      {"userId", bad_numbers},
      {"productId", bad_numbers},
      {"price", bad_numbers},
      {"userAddress", bad_texts},
      {"userAddress", {'"' + repeat("a", 1001) + '"', '"' + repeat("울", 1001) + '"'}},
      {"productName", bad_texts},
      {"productName", {'"' + repeat("a", 256) + '"'}},
      {"currency", bad_texts},
      {"currency", {"\"\"", "\"krw\"", "\"KR\"", "\"KRWW\"", "\"K1W\"", "\"원원원\""}},
      {"cardNo", {"true", "[]", "{}", "1.5", "-1", "1e15", "1234", "\"\"", "\"1234\"", "\"----\""}},
      {"cardNo",
       {"\"12345678901\"", "\"12345678901234567890\"", "\"1234-1234-1234-123x\"", "\"not a card\""}},
      {"paymentMethod",
       {"1", "true", "[]", "{}", "\"\"", "\"a b\"", "\"토큰\"", '"' + repeat("a", 256) + '"'}},
      {"paymentMethod", {R"("pm_1","cardNo":"1234123412341234")"}},
      {"price", {R"(1,"price":2)", R"("1","price":1)"}},
  };
  served_shop shop;
  for (const auto& [field, values] : table) {
    for (const auto& value : values) {
      const std::string body = field == "userId" ? "{\"userId\":" + value + "}" : with_field(field, value);
      CAPTURE(body);
      const auto answer = shop->place(body);
      check_problem(answer, 400, "invalid-field");
      CHECK(names_field(answer, "/" + field));
    }
  }
  for (const char* body : {"{}", R"({"userId":null})", R"({"userID":1})", R"({"price":1})"}) {
    CAPTURE(body);
    const auto answer = shop->place(body);
    check_problem(answer, 400, "invalid-field");
    CHECK(names_field(answer, "/userId"));
  }
  const auto both = shop->place(R"({"userId":"x","price":-1})");
  CHECK(names_field(both, "/userId"));
  CHECK(names_field(both, "/price"));
  CHECK(shop.counts(0));
}

TEST_CASE("what is no JSON object is refused as malformed") {
  const strings table{
      "{",
      "}",
      "[]",
      "[{\"userId\":1}]",
      "1",
      "null",
      "\"userId\"",
      "userId=1",
      R"({"userId":1)",
      R"({"userId":1}x)",
      R"({"userId":1}{"userId":2})",
      R"({"userId":1,})",
      R"({'userId':1})",
      R"({userId:1})",
      R"({"userId":01})",
      R"({"userId":+1})",
      R"({"userId":0x1})",
      R"({"userId":.5})",
      R"({"userId":1.})",
      R"({"userId":1e400})",
      R"({"userId":NaN})",
      R"({"userId":Infinity})",
      R"({"userId":tru})",
      R"({"userId":1}/* comment */)",
      R"({"userId":1,"userAddress":"\x"})",
      R"({"userId":1,"userAddress":"\u12"})",
      R"({"userId":1,"userAddress":"\ud800"})",
      R"({"userId":1,"userAddress":"\ud800\u0041"})",
      "{\"userId\":1,\"userAddress\":\"line\nend\"}",
      "{\"userId\":1}\0"s,
      "{\"userId\":1,\"a\":\"\0\"}"s,
      "\xEF\xBB\xBF{\"userId\":1",
      " ",
      // Invalid UTF-8: stray bytes, over-long forms, surrogates, beyond U+10FFFF, cut off.
      "{\"userId\":1,\"userAddress\":\"\xff\"}",
      "{\"userId\":1,\"userAddress\":\"\x80\"}",
      "{\"userId\":1,\"userAddress\":\"\xc0\xaf\"}",
      "{\"userId\":1,\"userAddress\":\"\xe0\x80\xaf\"}",
      "{\"userId\":1,\"userAddress\":\"\xed\xa0\x80\"}",
      "{\"userId\":1,\"userAddress\":\"\xf4\x90\x80\x80\"}",
      "{\"userId\":1,\"userAddress\":\"\xec\x84\"}",
      "{\"userId\":1,\"unknown\":\"\xff\"}",
      "{\"userId\":1,\"\xff\":1}",
      // 33 levels, and as many as a body can hold.
      R"({"userId":1,"a":)" + repeat("[", 32) + repeat("]", 32) + "}",
      R"({"userId":1,"a":)" + repeat("{\"a\":", 32) + "1" + repeat("}", 32) + "}",
      repeat("[", 16 * 1024),
      R"({"userId":)" + repeat("[", 16 * 1024 - 10),
  };
  served_shop shop;
  for (const auto& body : table) {
    CAPTURE(body.substr(0, 100));
    const auto answer = shop->place(body);
    check_problem(answer, 400, "malformed-json");
    CHECK(names_field(answer, ""));
  }
  auto empty = shop.connect();
  check_problem(
      empty.exchange("POST /preReservations HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                     "Content-Length: 0\r\n\r\n"),
      400, "malformed-json");
  CHECK(shop.counts(0));
}

TEST_CASE("what is at the limit is taken") {
  const strings table{
      R"({"userId":9007199254740992})",
      R"({"userId":"0"})",
      with_field("price", "9007199254740992"),
      with_field("price", "\"9007199254740992\""),
      with_field("price", "0"),
      with_field("productId", "9007199254740992"),
      with_field("userAddress", '"' + repeat("울", 1000) + '"'),
      with_field("userAddress", "\"\""),
      with_field("productName", '"' + repeat("a", 255) + '"'),
      with_field("cardNo", "123412341234"),
      with_field("cardNo", "\"1234 1234 1234 1234 123\""),
      with_field("status", "\"reservation_cancelled\""),
      with_field("id", "77"),
      R"({"userId":1,"userAddress":null,"productId":null,"productName":null,"price":null,"currency":null,)"
      R"("cardNo":null,"paymentMethod":null})",
      R"({"userId":1,"a":)" + repeat("[", 31) + repeat("]", 31) + "}",
      "\r\n\t {\"userId\" : 1 } \n",
      body_of_size(16 * 1024),
  };
  served_shop shop;
  for (const auto& body : table) {
    CAPTURE(body.substr(0, 100));
    const auto answer = shop->place(body);
    CAPTURE(answer.body);
    CHECK(answer.status == 201);
    CHECK(text_at(answer, "/status") == "reservated");
  }
  CHECK(shop.counts(static_cast<int>(table.size())));
  const auto largest = shop->document("/payments/3");
  CHECK(json_at(largest, "/price") == "9007199254740992");
}

TEST_CASE("a body over 16 KiB is 413, however it comes") {
  served_shop shop;
  auto announced = shop.connect();
  check_problem(announced.exchange(placement_text(body_of_size(16 * 1024 + 1))), 413, "body-too-large");
  auto million = shop.connect();
  million.send_if_open(placement_text(repeat("[", 1'000'000)));
  check_problem(million.read_response(), 413, "body-too-large");
  // Announced only: refused without waiting for it.
  auto promised = shop.connect();
  check_problem(
      promised.exchange("POST /preReservations HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                        "Content-Length: 99999999999\r\n\r\n"),
      413, "body-too-large");
  auto chunked = shop.connect();
  chunked.send(
      "POST /preReservations HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  for (int chunk = 0; chunk < 5; ++chunk) chunked.send_if_open("1000\r\n" + std::string(4096, ' ') + "\r\n");
  check_problem(chunked.read_response(), 413, "body-too-large");
  CHECK(shop.counts(0));
}

TEST_CASE("a content type other than JSON in UTF-8 is 415") {
  served_shop shop;
  const std::string body = R"({"userId":1})";
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/jsonx", "text/json", "application/xml", "json", "*/*",
        "application/json; charset=iso-8859-1", "application/json, text/plain"}) {
    CAPTURE(type);
    check_problem(shop.connect().exchange(placement_text(body, type)), 415, "unsupported-media-type");
  }
  check_problem(shop->request("POST", "/preReservations", {}, body), 415, "unsupported-media-type");
  CHECK(shop.counts(0));
  int placed = 0;
  for (const char* type : {"application/json", "Application/JSON", "application/json;charset=UTF-8",
                           "application/json; charset=\"utf-8\"", "application/hal+json"}) {
    CAPTURE(type);
    CHECK(shop.connect().exchange(placement_text(body, type)).status == 201);
    ++placed;
  }
  CHECK(shop.counts(placed));
}

TEST_CASE("an idempotency key is visible ASCII of bounded length") {
  served_shop shop;
  for (const std::string& key : {""s, "a b"s, "\xED\x82\xA4"s, std::string(256, 'k')}) {
    CAPTURE(key);
    const auto answer = shop->place_with_key(R"({"userId":1})", key);
    check_problem(answer, 400, "invalid-parameter");
    CHECK(text_at(answer, "/detail").find("Idempotency-Key") != std::string::npos);
  }
  const auto twice = shop->request(
      "POST", "/preReservations",
      {{"Content-Type", "application/json"}, {"Idempotency-Key", "k"}, {"Idempotency-Key", "k"}},
      R"({"userId":1})");
  check_problem(twice, 400, "invalid-parameter");
  CHECK(text_at(twice, "/detail") == "The header Idempotency-Key is given more than once.");
  CHECK(shop.counts(0));
  CHECK(shop->place_with_key(R"({"userId":1})", std::string(255, 'k')).status == 201);
}

// --- The target ---

TEST_CASE("paths and ids that name nothing are 404") {
  served_shop shop;
  REQUIRE(shop->place(R"({"userId":1})").status == 201);
  for (const char* path :
       {"/nothing", "/prereservations", "/preReservations/1/2", "//preReservations", "/preReservations//1",
        "/preReservations.json", "/actuator/env", "/actuator/health/x", "/%70reReservations", "/.", "/..",
        "/preReservations/../payments"}) {
    CAPTURE(path);
    check_problem(shop->get(path), 404, "not-found");
    check_problem(shop->del(path), 404, "not-found");
  }
  for (const std::string collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    for (const char* id : {"2",
                           "257",
                           "0",
                           "-1",
                           "+1",
                           "01",
                           "1.0",
                           "1e3",
                           "abc",
                           "1a",
                           "0x1",
                           "%31",
                           "1%00",
                           "9007199254740991",
                           "9007199254740992",
                           "9007199254740993",
                           "18446744073709551615",
                           "18446744073709551616",
                           "18446744073709551617",
                           "99999999999999999999999999999999",
                           "%EC%84%9C",
                           "1;x"}) {
      const std::string path = "/" + collection + "/" + id;
      CAPTURE(path);
      check_problem(shop->get(path), 404, "not-found");
      if (collection == "preReservations") check_problem(shop->del(path), 404, "not-found");
    }
  }
  CHECK(shop->get("/preReservations/1").status == 200);
  CHECK(shop->get("/preReservations/1/").status == 200);
  CHECK(shop.counts(1));
}

TEST_CASE("a method that a resource does not have is 405 with those it has") {
  served_shop shop;
  REQUIRE(shop->place(R"({"userId":1})").status == 201);
  const std::string reading = "GET, HEAD, OPTIONS";
  const std::vector<std::pair<std::string, std::string>> resources{
      {"/", reading},
      {"/preReservations", "GET, HEAD, OPTIONS, POST"},
      {"/preReservations/1", "DELETE, GET, HEAD, OPTIONS"},
      {"/payments", reading},
      {"/payments/1", reading},
      {"/receipts", reading},
      {"/receipts/1", reading},
      {"/myReservations", reading},
      {"/myReservations/1", reading},
      {"/actuator", reading},
      {"/actuator/health", reading},
      {"/actuator/health/liveness", reading},
      {"/actuator/health/readiness", reading},
      {"/actuator/info", reading},
      {"/actuator/circuitbreakers", reading},
      {"/metrics", reading}};
  for (const auto& [target, allowed] : resources) {
    for (const std::string method : {"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"}) {
      if (allowed.find(method) != std::string::npos) continue;
      CAPTURE(target);
      CAPTURE(method);
      const auto answer =
          shop->request(method, target, {{"Content-Type", "application/json"}}, R"({"userId":1})");
      check_problem(answer, 405, "method-not-allowed");
      CHECK(answer.header("allow") == allowed);
    }
  }
  CHECK(shop->get("/preReservations/1").status == 200);
  CHECK(shop.counts(1));
}

TEST_CASE("bad parameters of a collection are refused by name, and the largest sizes are cut") {
  struct row {
    std::string query;
    std::string code;
    std::string named;
  };
  const std::vector<row> table{
      {"size=0", "invalid-parameter", "size"},
      {"size=-1", "invalid-parameter", "size"},
      {"size=abc", "invalid-parameter", "size"},
      {"size=", "invalid-parameter", "size"},
      {"size", "invalid-parameter", "size"},
      {"size=1.5", "invalid-parameter", "size"},
      {"size=1&size=2", "invalid-parameter", "size"},
      {"size=%zz", "invalid-parameter", "size"},
      {"size=%", "invalid-parameter", "size"},
      {"page=-1", "invalid-parameter", "page"},
      {"page=abc", "invalid-parameter", "page"},
      {"page=1e1", "invalid-parameter", "page"},
      {"page=%00", "invalid-parameter", "page"},
      {"sort=price", "invalid-parameter", "sort"},
      {"sort=", "invalid-parameter", "sort"},
      {"sort=createdAt,up", "invalid-parameter", "sort"},
      {"sort=createdAt,asc&sort=userId", "invalid-parameter", "sort"},
      {"after=", "invalid-parameter", "after"},
      {"after=abc", "invalid-parameter", "after"},
      {"after=%F0%9F%93%B1", "invalid-parameter", "after"},
      {"after=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "invalid-parameter", "after"},
      {"page=501", "use-cursor", "after"},
      {"page=10001&size=1", "use-cursor", "after"},
      {"page=11&size=1000", "use-cursor", "after"},
      {"page=9007199254740993", "use-cursor", "after"},
      {"page=99999999999999999999999999", "use-cursor", "after"},
  };
  served_shop shop;
  for (int i = 0; i < 3; ++i) REQUIRE(shop->place(R"({"userId":1})").status == 201);
  REQUIRE(shop.counts(3));
  for (const char* collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    for (const auto& [query, code, named] : table) {
      const std::string target = std::string("/") + collection + "?" + query;
      CAPTURE(target);
      const auto answer = shop->get(target);
      check_problem(answer, 400, code);
      CHECK(text_at(answer, "/detail").find(named) != std::string::npos);
    }
  }
  for (const char* query : {"userId=abc", "userId=-1", "userId=", "userId=1&userId=2"}) {
    check_problem(shop->get(std::string("/myReservations?") + query), 400, "invalid-parameter");
  }
  for (const char* query : {"size=1001", "size=1000", "size=99999999999999999999999999"}) {
    CHECK(json_at(shop->document(std::string("/payments?") + query), "/page/size") == "1000");
  }
  for (const char* query : {"page=1", "page=500", "page=10000&size=1", "page=10&size=1000"}) {
    const auto beyond = shop->document(std::string("/payments?") + query);
    CHECK(json_at(beyond, "/_embedded/payments") == "[]");
    CHECK(json_at(beyond, "/page/totalElements") == "3");
  }
  CHECK(shop->get("/payments?unknown=1&size=2&x=%zz").status == 200);
  const auto first = shop->document("/payments?size=1");
  const auto next = text_at(first, "/_links/next/href").substr("http://shop.test"s.size());
  const auto cursor = next.substr(next.find("after=") + "after="s.size());
  CHECK(shop->get("/payments?after=" + cursor).status == 200);
  check_problem(shop->get("/payments?after=" + cursor + "&sort=createdAt,desc"), 400, "invalid-parameter");
  check_problem(shop->get("/payments?after=" + cursor.substr(0, cursor.size() - 1)), 400,
                "invalid-parameter");
}

// --- What is odd but right ---

TEST_CASE("pipelined requests are answered in order, whatever each of them comes to") {
  served_shop shop;
  auto connection = shop.connect();
  connection.send(placement_text(R"({"userId":1})") + request_text("GET", "/preReservations/1") +
                  request_text("GET", "/nothing") + placement_text("{") + request_text("HEAD", "/") +
                  request_text("DELETE", "/preReservations/1") + request_text("GET", "/payments/1") +
                  request_text("PUT", "/payments/1", {}, "x") + placement_text(R"({"userId":2})"));
  CHECK(connection.read_response().status == 201);
  CHECK(text_at(connection.read_response(), "/status") == "reservated");
  CHECK(connection.read_response().status == 404);
  CHECK(connection.read_response().status == 400);
  CHECK(connection.read_response(true).status == 200);
  CHECK(connection.read_response().status == 204);
  CHECK(text_at(connection.read_response(), "/status") == "payment_cancelled");
  CHECK(connection.read_response().status == 405);
  const auto last = connection.read_response();
  CHECK(last.status == 201);
  CHECK(json_at(last, "/userId") == "2");
}

TEST_CASE("text in any script comes back as it was sent, after a restart too") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"서울특별시 강남구 테헤란로 152, 강남파이낸스센터", "갤럭시 Z 폴드3"},
      {"🏠🇰🇷👩‍👩‍👧‍👦 \u202Eright to left\u202C مرحبا", "📱"},
      {R"(\"quoted\" back\\slash \/ \b\f\n\r\t)", R"(\uD83D\uDCF1\u0001\u007f)"},
      {R"(<script>alert('x')</script> & &amp; %00 ${x} {{x}})", "'; DROP TABLE payments; --"},
  };
  temporary_folder folder;
  auto server = std::make_unique<serving_process>(folder.path());
  auto client = std::make_unique<http_client>(server->port());
  for (const auto& [address, product] : table) {
    CHECK(client->place(R"({"userId":1,"userAddress":")" + address + R"(","productName":")" + product + "\"}")
              .status == 201);
  }
  const auto check_all = [&] {
    REQUIRE(eventually([&] {
      const auto all = client->get("/receipts");
      return all.status == 200 && json_at(all, "/page/totalElements") == "4";
    }));
    const auto list = client->document("/myReservations");
    for (std::size_t i = 0; i < table.size(); ++i) {
      // The same text, written without escapes that are not needed.
      const auto sent = parse_json("{\"a\":\"" + table[i].first + "\",\"p\":\"" + table[i].second + "\"}");
      const std::string id = std::to_string(i + 1);
      for (const std::string& target : {"/preReservations/" + id, "/myReservations/" + id}) {
        CHECK(text_at(client->document(target), "/userAddress") == text_at(sent, "/a"));
      }
      for (const std::string& target : {"/payments/" + id, "/receipts/" + id}) {
        CHECK(text_at(client->document(target), "/productName") == text_at(sent, "/p"));
      }
      CHECK(text_at(list, "/_embedded/myReservations/" + std::to_string(i) + "/userAddress") ==
            text_at(sent, "/a"));
    }
  };
  check_all();
  client.reset();
  REQUIRE(server->terminate() == 0);
  server = std::make_unique<serving_process>(folder.path());
  client = std::make_unique<http_client>(server->port());
  check_all();
}

TEST_CASE("the order of a client that goes away after sending it is there and ends") {
  served_shop shop({"--sandbox-latency", "300ms"});
  {
    auto leaving = shop.connect();
    leaving.send(placement_text(R"({"userId":1})"));
    leaving.close();
  }
  REQUIRE(eventually([&] { return shop->get("/preReservations/1").status == 200; }));
  auto vanishing = shop.connect();
  vanishing.send(placement_text(R"({"userId":2})"));
  REQUIRE(eventually([&] { return shop->get("/preReservations/2").status == 200; }));
  vanishing.reset();
  for (const char* target : {"/myReservations/1", "/myReservations/2"}) {
    CHECK(eventually([&] {
      const auto mine = shop->document(target);
      return text_at(mine, "/status") == "reservated" &&
             json_at(mine, "/receiptStatus") == "\"receipt_issued\"";
    }));
  }
}

}  // namespace
}  // namespace holdfast::testing
