// What an attacker sends, over real sockets against the real binary: framing that two parties could
// read differently, requests without end, halves of requests, ten thousand idle connections, slow senders,
// and readers who don't read. What stands behind a refusal is never served, nothing is placed that did not
// arrive whole, and afterwards the server serves as before.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hpp"
#include "http/session.hpp"
#include "http/utf8.hpp"
#include "tests/support/served_shop.hpp"

namespace holdfast::testing {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

constexpr std::size_t at_once = std::string::npos;
constexpr std::size_t byte_by_byte = 1;
/// Longer ones are sent at once only.
constexpr std::size_t longest_sent_byte_by_byte_bytes = 1000;

/// For a machine that is loaded: no payment here is to run out of time.
const strings patient{"--payment-timeout", "30s", "--payment-wait", "30s"};

const std::string line = "POST /preReservations HTTP/1.1\r\n";
const std::string host = "Host: shop.test\r\n";
const std::string json = "Content-Type: application/json\r\n";
const std::string chunked = "Transfer-Encoding: chunked\r\n";
const std::string length_of_order = "Content-Length: 12\r\n";
const std::string order = R"({"userId":1})";
const std::string order_in_a_chunk = "c\r\n" + order + "\r\n";
const std::string last_chunk = "0\r\n\r\n";

/// Sent only where it must not be taken for a request.
const std::string smuggled = placement_text(R"({"userId":666})");

/// Sent behind what is a request: it has to be answered.
const std::string request_behind = request_text("GET", "/actuator/health/liveness");

std::string repeat(const std::string& text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

/// A placement's header with such fields besides those that it needs.
std::string head(const std::string& fields) {
  return line + host + json + fields + "\r\n";
}

std::string in_one_chunk(const std::string& body) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  return size + body + "\r\n" + last_chunk;
}

/// Every answer on a connection that brings these bytes in such pieces, and then no more.
std::vector<raw_response> answers_to(std::string_view bytes, const served_shop& shop, std::size_t piece) {
  auto connection = shop.connect();
  while (!bytes.empty()) {
    connection.send_if_open(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  connection.shut_down_sending();
  std::vector<raw_response> answers;
  try {
    for (;;) answers.push_back(connection.read_response());
  } catch (const deadline_passed&) {
    throw;
  } catch (const std::runtime_error&) {
    // Closed: what is left would be half an answer.
    CHECK(connection.read_until_close().empty());
  }
  return answers;
}

/// Such as "400 malformed-json, 200": each answer's status, and a problem's code.
std::string outcomes_of(const std::vector<raw_response>& answers) {
  std::string outcomes;
  for (const auto& answer : answers) {
    CHECK(http::is_valid_text(answer.body));
    if (!outcomes.empty()) outcomes += ", ";
    outcomes += std::to_string(answer.status);
    if (answer.status >= 400) outcomes += " " + text_at(answer, "/code");
  }
  return outcomes;
}

struct row {
  std::string bytes;
  std::string outcomes;
};

/// How many placements have been made.
int check_outcomes(const std::vector<row>& table, const std::string& behind, const served_shop& shop) {
  int placed = 0;
  for (const auto& [bytes, outcomes] : table) {
    CAPTURE(bytes.substr(0, longest_sent_byte_by_byte_bytes));
    for (const std::size_t piece : {at_once, byte_by_byte}) {
      if (piece == byte_by_byte && bytes.size() > longest_sent_byte_by_byte_bytes) continue;
      CAPTURE(piece);
      const auto answers = answers_to(bytes + behind, shop, piece);
      CHECK(outcomes_of(answers) == outcomes);
      placed += static_cast<int>(std::count_if(answers.begin(), answers.end(),
                                               [](const auto& answer) { return answer.status == 201; }));
    }
  }
  return placed;
}

/// The server's ends of connections that the kernel still keeps in these states.
std::size_t sockets_of(const served_shop& shop, const strings& states) {
  std::ifstream sockets("/proc/net/tcp");
  std::size_t count = 0;
  for (std::string text; std::getline(sockets, text);) {
    unsigned port = 0;
    char state[3] = "";
    // sl, local address, local port, remote address, state: the last three are hexadecimal.
    const bool read =
        std::sscanf(text.c_str(), " %*d: %*8[0-9A-F]:%4X %*8[0-9A-F]:%*4[0-9A-F] %2s", &port, state) == 2;
    if (!read || port != shop.server().port()) continue;
    count += static_cast<std::size_t>(std::count(states.begin(), states.end(), state));
  }
  return count;
}

/// Established, or closed by the client only.
std::size_t connections_of(const served_shop& shop) {
  return sockets_of(shop, {"01", "08"});
}

/// Closed by the server, with bytes that the client has not taken.
std::size_t orphans_of(const served_shop& shop) {
  return sockets_of(shop, {"04", "09", "0B"});
}

/// After all of it: nothing is left of the connections, a placement is served, and there is none that
/// nobody made.
void check_unharmed(served_shop& shop, int placed) {
  // The shop's own stays open, unless it was idle for too long.
  CHECK(eventually([&] { return connections_of(shop) <= 1; }));
  http_client customer(shop.server().port());
  const auto answer = customer.place(R"({"userId":1,"price":1300000,"cardNo":"1234-1234-1234-1234"})");
  CHECK(answer.status == 201);
  CHECK(text_at(answer, "/status") == "reservated");
  std::string total;
  CHECK_MESSAGE(eventually([&] {
                  total = json_at(customer.document("/preReservations"), "/page/totalElements");
                  return total == std::to_string(placed + 1);
                }),
                "there are " << total << " reservations, not " << placed + 1);
  CHECK(json_at(customer.document("/myReservations?userId=666"), "/page/totalElements") == "0");
  CHECK(shop.server().terminate() == 0);
  const std::string log = shop.server().process().errors();
  CAPTURE(log);
  CHECK(log.find("\"level\":\"error\"") == std::string::npos);
}

// --- Ambiguous framing ---

TEST_CASE(
    "what two parties could frame differently is the end of the connection: nothing behind it is served") {
  const std::string ambiguous = "400 ambiguous-framing";
  const std::string bad = "400 bad-request";
  const std::string too_large = "413 body-too-large";
  const std::vector<row> table{
      // Both lengths, or several of one.
      {head(length_of_order + chunked) + order, ambiguous},
      {head(chunked + length_of_order) + order_in_a_chunk + last_chunk, ambiguous},
      {head(chunked + "Content-Length: 0\r\n") + order_in_a_chunk + last_chunk, ambiguous},
      {head("Content-Length: 12\r\nContent-Length: 13\r\n") + order, ambiguous},
      {head("Content-Length: 12\r\nContent-Length: 12\r\n") + order, ambiguous},
      {head("CONTENT-LENGTH: 12\r\ncontent-length: 0\r\n") + order, ambiguous},
      {head("Content-Length: 12,12\r\n") + order, ambiguous},
      {head("Content-Length: 12, 0\r\n") + order, ambiguous},
      // Lengths that are none.
      {head("Content-Length: -1\r\n") + order, ambiguous},
      {head("Content-Length: -0\r\n") + order, ambiguous},
      {head("Content-Length: +12\r\n") + order, ambiguous},
      {head("Content-Length: 0x0c\r\n") + order, ambiguous},
      {head("Content-Length: 12 12\r\n") + order, ambiguous},
      {head("Content-Length: 12;\r\n") + order, ambiguous},
      {head("Content-Length: 1.2e1\r\n") + order, ambiguous},
      {head("Content-Length:\r\n") + order, ambiguous},
      // 12, where 64 or 32 bits were all that counted.
      {head("Content-Length: 18446744073709551628\r\n") + order, ambiguous},
      {head("Content-Length: 4294967308\r\n") + order, too_large},
      // Codings.
      {head("Transfer-Encoding: xchunked\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: identity\r\n") + order, ambiguous},
      {head("Transfer-Encoding: identity\r\n" + length_of_order) + order, ambiguous},
      {head("Transfer-Encoding: gzip\r\n") + order, ambiguous},
      {head("Transfer-Encoding: gzip, chunked\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: identity, chunked\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: chunked, identity\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: chunked,\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: chunked;q=1\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: \"chunked\"\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding:\r\n") + in_one_chunk(order), ambiguous},
      {head(chunked + chunked) + in_one_chunk(order), ambiguous},
      {head(chunked + "transfer-encoding: identity\r\n") + in_one_chunk(order), ambiguous},
      {head("Transfer-Encoding: \vchunked\r\n" + length_of_order) + order, bad},
      {"POST /preReservations HTTP/1.0\r\n" + host + json + chunked + "\r\n" + in_one_chunk(order),
       ambiguous},
      // Hosts.
      {line + host + host + json + length_of_order + "\r\n" + order, ambiguous},
      {line + "Host: a\r\nHost: b\r\n" + json + length_of_order + "\r\n" + order, ambiguous},
      {line + "Host: a b\r\n" + json + length_of_order + "\r\n" + order, ambiguous},
      {line + "Host: a/b?c\r\n" + json + length_of_order + "\r\n" + order, ambiguous},
      {line + json + length_of_order + "\r\n" + order, ambiguous},
      // Lines that go on on the next.
      {head("Content-Length:\r\n 12\r\n") + order, bad},
      {head("Transfer-Encoding:\r\n\tchunked\r\n") + in_one_chunk(order), bad},
      {head("X: a\r\n Transfer-Encoding: chunked\r\n" + length_of_order) + order, bad},
      {head("X: a\r\n \r\n" + length_of_order) + order, bad},
      {line + "Host:\r\n shop.test\r\n" + json + length_of_order + "\r\n" + order, bad},
      {line + " Content-Length: 0\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      // Ends of lines, of fields and of the header.
      {head("X: a\n" + length_of_order) + order, bad},
      {head("X: a\nTransfer-Encoding: chunked\r\n" + length_of_order) + order, bad},
      {head("X: a\rContent-Length: 0\r\n" + length_of_order) + order, bad},
      {head("X: a\0b\r\n"s + length_of_order) + order, bad},
      {line + host + json + length_of_order + "\n" + order, bad},
      {line + host + json + length_of_order + "\r\r\n" + order, bad},
      {line + host + json + length_of_order + "\n\n" + order, bad},
      {head("Content-Length : 12\r\n") + order, bad},
      {head("Content-Length\t: 12\r\n") + order, bad},
      {line + "Host : shop.test\r\n" + json + length_of_order + "\r\n" + order, bad},
      {head(": 12\r\n" + length_of_order) + order, bad},
      {head("No colon\r\n" + length_of_order) + order, bad},
      {head("X\xff: y\r\n" + length_of_order) + order, bad},
      // Request lines.
      {"POST  /preReservations HTTP/1.1\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST\t/preReservations\tHTTP/1.1\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /pre Reservations HTTP/1.1\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST preReservations HTTP/1.1\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /preReservations HTTP/1.1 \r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /preReservations HTTP/1.2\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /preReservations HTTP/1.10\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /preReservations HTTP/3.0\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /preReservations http/1.1\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"POST /preReservations\r\n" + host + json + length_of_order + "\r\n" + order, bad},
      {"GET /\r\n", bad},
      {" " + request_behind, bad},
      {"\n" + request_behind, bad},
      {"\r" + request_behind, bad},
      {"CONNECT shop.test:80 HTTP/1.1\r\n" + host + "\r\n", bad},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"s, bad},
      // Chunks.
      {head(chunked) + "0xc\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "+c\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "-c\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c \r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + " c\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c\n" + order + "\n0\n\n", bad},
      {head(chunked) + "c\r\n" + order + "\n" + last_chunk, bad},
      {head(chunked) + "c\r\n" + order + "xx" + last_chunk, bad},
      {head(chunked) + "b\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;\nxx\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=b\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=b\rx\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=\"\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=\"\n\"\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=\"\\\n\"\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=\"\n0\n\n\"\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=\"\0\"\r\n"s + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "c;a=\"\x7f\"\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + order_in_a_chunk + "0;a=\"\n\"\r\n\r\n", bad},
      // 12, where 64 or 32 bits were all that counted, and what adds up to little only with a carry.
      {head(chunked) + "1000000000000000c\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + "10000000c\r\n" + order + "\r\n" + last_chunk, too_large},
      {head(chunked) + "fffffffffffffff4\r\n" + order + "\r\n" + last_chunk, too_large},
      {head(chunked) + "1\r\n{\r\nffffffffffffffff\r\n" + order + "\r\n" + last_chunk, too_large},
      // Trailers.
      {head(chunked) + order_in_a_chunk + "0\r\nContent-Length: 100\r\n\r\n", ambiguous},
      {head(chunked) + order_in_a_chunk + "0\r\nTransfer-Encoding: identity\r\n\r\n", ambiguous},
      {head(chunked) + order_in_a_chunk + "0\r\nX y\r\n\r\n", bad},
      {head(chunked) + order_in_a_chunk + "0\r\nX: y\n\r\n", bad},
      {head(chunked) + order_in_a_chunk + "0\r\n\n", bad},
      // A length that leaves some of the body out: the rest is no request.
      {head("") + order, "400 malformed-json, 400 bad-request"},
      {head("Content-Length: 11\r\n") + order, "400 malformed-json, 400 bad-request"},
  };
  served_shop shop(patient);
  CHECK(check_outcomes(table, smuggled, shop) == 0);
  check_unharmed(shop, 0);
}

TEST_CASE("what is framed oddly and clearly is one request, whatever request its bytes look like") {
  const std::string field_of_a_request = "X: POST /preReservations HTTP/1.1  Host: a  Content-Length: 14\r\n";
  const std::string placed = "201, 200";
  const std::string not_found = "404 not-found, 200";
  const std::vector<row> table{
      {request_text("GET", "/", {}, smuggled), "200, 200"},
      {request_text("DELETE", "/preReservations/9999", {}, smuggled), not_found},
      {"GET /nothing HTTP/1.1\r\n" + host + chunked + "\r\n" + in_one_chunk(smuggled), not_found},
      {"DELETE /preReservations/9999 HTTP/1.1\r\n" + host + chunked + "\r\n" +
           in_one_chunk(smuggled + smuggled),
       not_found},
      {head("Content-Length: " + std::to_string(smuggled.size()) + "\r\n") + smuggled,
       "400 malformed-json, 200"},
      {head(chunked) + in_one_chunk(smuggled), "400 malformed-json, 200"},
      {head(chunked) + in_one_chunk(last_chunk + smuggled), "400 malformed-json, 200"},
      {head(field_of_a_request + length_of_order) + order, placed},
      {head("Transfer_Encoding: chunked\r\n" + length_of_order) + order, placed},
      {head("Content-Length: 0012\r\n") + order, placed},
      {head("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n" + length_of_order) + order, placed},
      {head("Transfer-Encoding:\tChunked\r\n") + in_one_chunk(order), placed},
      {head(chunked) + "c;a=b;c=\"d\"\r\n" + order + "\r\n0;e\r\n\r\n", placed},
      {head(chunked) + "c;a=\"POST /preReservations HTTP/1.1\"\r\n" + order + "\r\n" + last_chunk, placed},
      {head(chunked) + "c;a=\"\t\xec\\\"\"\r\n" + order + "\r\n" + last_chunk, placed},
      {head(chunked) + "000000000000000000000000c\r\n" + order + "\r\n000\r\n\r\n", placed},
      {head(chunked) + "1\r\n{\r\nb\r\n" + order.substr(1) + "\r\n" + last_chunk, placed},
      {head(chunked) + order_in_a_chunk + "0\r\nX: y\r\nHost: other\r\n" + field_of_a_request + "\r\n",
       placed},
      // A key in a trailer counts for nothing: sent twice, it is placed twice.
      {head(chunked) + order_in_a_chunk + "0\r\nIdempotency-Key: same\r\n\r\n", placed},
      {"\r\n\r\n" + placement_text(order) + "\r\n", placed},
  };
  served_shop shop(patient);
  const int reservations = check_outcomes(table, request_behind, shop);
  CHECK(reservations == 26);
  check_unharmed(shop, reservations);
}

// --- Over-long and over-deep ---

TEST_CASE("what is over-long is refused at its bound, and ends the connection") {
  const std::string long_header = "431 header-too-large";
  const std::string long_body = "413 body-too-large";
  const std::string bad = "400 bad-request";
  const std::string get = "GET / HTTP/1.1\r\n" + host;
  const std::string body = order + std::string(http::largest_body_bytes - order.size(), ' ');
  const std::vector<row> table{
      {request_text("GET", "/" + std::string(http::largest_header_bytes, 'a')), long_header},
      {request_text("GET", "/?a=" + std::string(1'000'000, 'a')), long_header},
      {request_text("GET", "/" + repeat("%EC", http::largest_header_bytes / 3)), long_header},
      {std::string(http::largest_header_bytes + 1, 'A') + " / HTTP/1.1\r\n" + host + "\r\n", long_header},
      {"GET / HTTP/1.1" + std::string(http::largest_header_bytes, '1') + "\r\n" + host + "\r\n", bad},
      {get + "X: " + std::string(http::largest_header_bytes, 'a') + "\r\n\r\n", long_header},
      {get + std::string(http::largest_header_bytes, 'X') + ": a\r\n\r\n", long_header},
      {get + repeat("X: a\r\n", http::largest_header_bytes / 6) + "\r\n", long_header},
      {get + repeat("Accept: a\r\n", 80'000) + "\r\n", long_header},
      {repeat("\r\n", 100'000) + request_behind, long_header},
      {head("Content-Length: 16385\r\n") + body + " ", long_body},
      {head("Content-Length: 1000000\r\n") + std::string(1'000'000, ' '), long_body},
      {head("Content-Length: 999999999999\r\n") + order, long_body},
      {head(chunked) + "4001\r\n" + body + " \r\n" + last_chunk, long_body},
      {head(chunked) + "4000\r\n" + body + "\r\n1\r\n \r\n" + last_chunk, long_body},
      {head(chunked) + repeat("1;" + std::string(100, 'x') + "\r\n \r\n", 2000) + last_chunk, long_body},
      {head(chunked) + std::string(100'000, '0') + order_in_a_chunk + last_chunk, bad},
      {head(chunked) + "c;" + std::string(100'000, 'x') + "\r\n" + order + "\r\n" + last_chunk, bad},
      {head(chunked) + order_in_a_chunk + "0\r\n" + repeat("X: a\r\n", 100'000) + "\r\n", bad},
  };
  served_shop shop(patient);
  CHECK(check_outcomes(table, smuggled, shop) == 0);
  check_unharmed(shop, 0);
}

TEST_CASE("a request that never ends is cut off after little of it") {
  /// What is in flight in the kernel's buffers comes on top of what the server takes.
  constexpr std::size_t most_taken_bytes = 64 * 1024 * 1024;
  struct endless {
    std::string begin;
    std::string more;
  };
  const std::vector<endless> table{
      {"", "\r\n"},
      {"", "A"},
      {"GET /", "a"},
      {"GET / HTTP/1.1\r\n" + host, "X: a\r\n"},
      {"GET / HTTP/1.1\r\n" + host + "X: ", "a"},
      {head("Content-Length: 99999999999\r\n"), " "},
      {head(chunked), "1\r\n \r\n"},
      {head(chunked), "0"},
      {head(chunked) + "c;", "x"},
      {head(chunked) + order_in_a_chunk + "0\r\n", "X: a\r\n"},
  };
  served_shop shop(patient);
  for (const auto& [begin, more] : table) {
    CAPTURE(begin + more);
    auto connection = shop.connect();
    connection.send(begin);
    const std::string piece = repeat(more, 64 * 1024 / more.size());
    bool cut_off = false;
    for (std::size_t sent = 0; !cut_off && sent < most_taken_bytes; sent += piece.size()) {
      try {
        connection.send(piece);
      } catch (const deadline_passed&) {
        throw;
      } catch (const std::runtime_error&) {
        cut_off = true;
      }
    }
    CHECK(cut_off);
  }
  check_unharmed(shop, 0);
}

TEST_CASE("JSON as deep and as wide as a body can be does no harm") {
  const std::string malformed = "400 malformed-json, 200";
  const std::string invalid = "400 invalid-field, 200";
  const auto with_unknown = [](const std::string& value) {
    return R"({"userId":1,"unknown":)" + value + "}";
  };
  std::vector<row> table;
  const auto add = [&](const std::string& body, const std::string& outcomes) {
    REQUIRE(body.size() <= http::largest_body_bytes);
    table.push_back({placement_text(body), outcomes});
    table.push_back({head(chunked) + in_one_chunk(body), outcomes});
  };
  add(with_unknown(repeat("[", 8000) + repeat("]", 8000)), malformed);
  add(with_unknown(repeat("{\"a\":", 2500) + "1" + repeat("}", 2500)), malformed);
  add(with_unknown(repeat("[{\"a\":", 2000) + "1" + repeat("}]", 2000)), malformed);
  add(repeat("[", 16'000), malformed);
  add(repeat("{\"userId\":", 1600), malformed);
  add("{\"userId\":" + repeat("[", 8000) + repeat("]", 8000) + "}", malformed);
  add("{\"userId\":" + std::string(16'000, '1') + "}", malformed);
  add("{\"userId\":1" + repeat(",\"userId\":1", 1400) + "}", invalid);
  add("{\"userId\":1,\"userAddress\":\"" + repeat("\\u0000", 2500) + "\"}", invalid);
  add(with_unknown("[" + repeat("0,", 8000) + "0]"), "201, 200");
  add(with_unknown("[" + repeat("[[]],", 3000) + "0]"), "201, 200");
  served_shop shop(patient);
  const int reservations = check_outcomes(table, request_behind, shop);
  CHECK(reservations == 4);
  check_unharmed(shop, reservations);
}

// --- Bad UTF-8 ---

TEST_CASE("bytes that are no UTF-8 are refused where they count, ignored elsewhere, and never sent back") {
  const std::string ambiguous = "400 ambiguous-framing";
  const std::string bad = "400 bad-request";
  const strings stray{"\xff", "\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xec\x84"};
  const strings escaped{"%FF", "%80", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%EC%84", "%00"};
  std::vector<row> refused;
  std::vector<row> answered;
  const auto with_field = [](const std::string& name, const std::string& value) {
    return "GET / HTTP/1.1\r\n" + host + name + ": " + value + "\r\n\r\n";
  };
  for (const std::string& bytes : stray) {
    refused.push_back({request_text("GET", "/" + bytes), bad});
    refused.push_back({request_text("GET", "/preReservations/" + bytes), bad});
    refused.push_back({request_text("GET", "/preReservations?size=" + bytes), bad});
    refused.push_back({request_text("GET", "/nothing?" + bytes), bad});
    refused.push_back({"P" + bytes + "ST / HTTP/1.1\r\n" + host + "\r\n", bad});
    refused.push_back({"GET / HTTP/1.1\r\nHost: " + bytes + "\r\n\r\n", ambiguous});
    refused.push_back({"GET / HTTP/1.1\r\n" + host + "X" + bytes + ": y\r\n\r\n", bad});
    refused.push_back({head("Content-Length: 12" + bytes + "\r\n") + order, ambiguous});
    refused.push_back({head("Transfer-Encoding: chunked" + bytes + "\r\n") + in_one_chunk(order), ambiguous});

    for (const char* ignored : {"X", "User-Agent", "Accept", "Authorization", "If-None-Match"}) {
      answered.push_back({with_field(ignored, bytes), "200, 200"});
    }
    answered.push_back({placement_text(order, bytes), "415 unsupported-media-type, 200"});
    answered.push_back(
        {placement_text(order, "application/json; charset=" + bytes), "415 unsupported-media-type, 200"});
    answered.push_back(
        {head("Idempotency-Key: " + bytes + "\r\n" + length_of_order) + order, "400 invalid-parameter, 200"});
    for (const std::string& body :
         {bytes, bytes + order, order + bytes, "{\"" + bytes + "\":1,\"userId\":1}",
          R"({"userId":1,"userAddress":")" + bytes + "\"}", R"({"userId":1,"unknown":[")" + bytes + "\"]}"}) {
      answered.push_back({placement_text(body), "400 malformed-json, 200"});
      answered.push_back({head(chunked) + in_one_chunk(body), "400 malformed-json, 200"});
    }
  }
  for (const std::string& text : escaped) {
    answered.push_back({request_text("GET", "/" + text), "404 not-found, 200"});
    answered.push_back({request_text("GET", "/preReservations/" + text), "404 not-found, 200"});
    answered.push_back({request_text("DELETE", "/preReservations/1" + text), "404 not-found, 200"});
    answered.push_back({request_text("GET", "/preReservations?size=" + text), "400 invalid-parameter, 200"});
    answered.push_back({request_text("GET", "/preReservations?after=" + text), "400 invalid-parameter, 200"});
    answered.push_back({request_text("GET", "/preReservations?unknown=" + text), "200, 200"});
  }
  served_shop shop(patient);
  CHECK(check_outcomes(refused, smuggled, shop) == 0);
  CHECK(check_outcomes(answered, request_behind, shop) == 0);
  check_unharmed(shop, 0);
}

// --- Half requests ---

TEST_CASE("a placement that does not arrive whole is none, wherever it stops, and leaves nothing behind") {
  served_shop shop(patient);
  int placed = 0;
  const std::string body = R"({"userId":1,"cardNo":"1234-1234-1234-1234"})";
  for (const std::string& whole : {placement_text(body), head(chunked) + in_one_chunk(body)}) {
    // All of them pause at the same time.
    std::vector<raw_client> paused;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      const std::string half = whole.substr(0, size);
      auto closing = shop.connect();
      closing.send(half);
      closing.close();
      auto resetting = shop.connect();
      resetting.send(half);
      resetting.reset();
      CHECK(answers_to(half, shop, at_once).empty());
      paused.push_back(shop.connect());
      paused.back().send(half);
    }
    CHECK(eventually([&] { return connections_of(shop) == paused.size() + 1; }));
    CHECK(shop.counts(placed));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(paused[size].exchange(whole.substr(size)).status == 201);
      ++placed;
    }
    CHECK(shop.counts(placed));
  }
  check_unharmed(shop, placed);
}

// --- Many and slow ---

constexpr std::size_t idle_connections = 10'000;
/// Resident, for each idle connection: the session, its parser and a buffer of 2 KiB for what comes.
/// The address sanitizer surrounds all of it, and keeps what was freed.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t most_idle_connection_bytes = 64 * 1024;
#else
constexpr std::size_t most_idle_connection_bytes = 8 * 1024;
#endif

/// Lets this process, and the server that it starts, have so many. The test can't do without.
void require_descriptors(rlim_t wanted) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = std::max(limit.rlim_cur, wanted);
  limit.rlim_max = std::max(limit.rlim_max, wanted);
  const bool raised = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  REQUIRE_MESSAGE(raised, "this machine lets a process have " << limit.rlim_max
                                                              << " descriptors at most, and " << wanted
                                                              << " are needed: raise the hard limit");
}

std::size_t resident_bytes(served_shop& shop) {
  std::ifstream status("/proc/" + std::to_string(shop.server().process().pid()) + "/status");
  for (std::string text; std::getline(status, text);) {
    if (text.starts_with("VmRSS:")) return std::strtoull(text.c_str() + 6, nullptr, 10) * 1024;
  }
  throw std::runtime_error("the server's memory is not told");
}

std::vector<raw_client> open_idle(const served_shop& shop) {
  std::vector<raw_client> idle;
  idle.reserve(idle_connections);
  while (idle.size() < idle_connections) idle.push_back(shop.connect());
  return idle;
}

/// A placement on the connection that is kept, and a read on a new one.
void check_served(served_shop& shop) {
  REQUIRE(shop->place(order).status == 201);
  REQUIRE(shop.connect().exchange(request_behind).status == 200);
}

/// Sends a byte at a time for as long as it gets no answer.
class slow_sender {
 public:
  slow_sender(const served_shop& shop, std::string begin, std::string more)
      : connection_(shop.connect()), unsent_(std::move(begin)), more_(std::move(more)) {}

  /// Whether it has been answered, waited for so long.
  bool goes_on(std::chrono::milliseconds wait = 0ms) {
    if (!connection_.is_quiet_for(wait)) return false;
    if (unsent_.empty()) unsent_ = more_;
    connection_.send_if_open(unsent_.substr(0, 1));
    unsent_.erase(0, 1);
    return true;
  }

  raw_client& connection() { return connection_; }

 private:
  raw_client connection_;
  std::string unsent_;
  std::string more_;
};

/// Each of them would take minutes to arrive.
std::list<slow_sender> open_slow(const served_shop& shop) {
  constexpr int senders_of_each = 20;
  std::list<slow_sender> slow;
  for (int i = 0; i < senders_of_each; ++i) {
    slow.emplace_back(shop, "GET /", "a");
    slow.emplace_back(shop, line + host, "X: a\r\n");
    slow.emplace_back(shop, head("Content-Length: 16384\r\n") + order, " ");
    slow.emplace_back(shop, head(chunked), "1\r\n \r\n");
    slow.emplace_back(shop, head(chunked) + "c;", "x");
    slow.emplace_back(shop, head(chunked) + order_in_a_chunk + "0\r\n", "X: a\r\n");
  }
  return slow;
}

TEST_CASE(
    "ten thousand idle connections and slow senders disturb nobody, cost little and are closed in time") {
  require_descriptors(idle_connections + 1000);
  served_shop shop(patient);
  int placed = 0;
  const auto serve = [&](int times) {
    for (int i = 0; i < times; ++i, ++placed) check_served(shop);
  };
  serve(100);
  const std::size_t bound = resident_bytes(shop) + idle_connections * most_idle_connection_bytes;

  // Those who leave at once make room for those who come then.
  {
    auto idle = open_idle(shop);
    REQUIRE(eventually([&] { return connections_of(shop) > idle_connections; }));
    serve(100);
    CHECK(resident_bytes(shop) < bound);
    CHECK(idle.front().exchange(request_behind).status == 200);
    CHECK(idle.back().exchange(request_behind).status == 200);
    for (auto& each : idle) each.reset();
  }
  REQUIRE(eventually([&] { return connections_of(shop) <= 1; }));

  const auto began = std::chrono::steady_clock::now();
  auto idle = open_idle(shop);
  auto slow = open_slow(shop);
  REQUIRE(eventually([&] { return connections_of(shop) > idle_connections + slow.size(); }));
  CHECK(resident_bytes(shop) < bound);
  std::size_t timed_out = 0;
  constexpr auto between_two_bytes = 25ms;
  while (!slow.empty()) {
    REQUIRE(std::chrono::steady_clock::now() - began < http::whole_request_within + 4 * answer_deadline);
    slow.front().goes_on(between_two_bytes);
    slow.remove_if([&](slow_sender& sender) {
      if (sender.goes_on()) return false;
      check_problem(sender.connection().read_response(), 408, "request-timeout");
      sender.connection().shut_down_sending();
      CHECK(sender.connection().read_until_close().empty());
      ++timed_out;
      return true;
    });
    serve(1);
  }
  CHECK(timed_out == 120);
  CHECK(std::chrono::steady_clock::now() - began >= http::whole_request_within);
  for (auto& each : idle) REQUIRE(each.read_until_close().empty());
  CHECK(resident_bytes(shop) < bound);
  idle.clear();
  check_unharmed(shop, placed);
}

// --- Readers who don't read ---

constexpr std::size_t unread_pages = 300;
constexpr int reservations_of_a_page = 200;
/// As long as one may be, of characters that take six bytes each in JSON.
const std::string address_of_6000_bytes = repeat("\\u0001", 1000);
/// Beside what the server holds on purpose: what it writes pages into, and what its allocator keeps. The
/// address sanitizer keeps much of what was freed.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t most_bytes_beside_pages = 512 * 1024 * 1024;
#else
constexpr std::size_t most_bytes_beside_pages = 64 * 1024 * 1024;
#endif

TEST_CASE("clients who read nothing of large pages cost little, disturb nobody and are gone in time") {
  auto flags = patient;
  flags.insert(flags.end(), {"--threads", "1"});
  served_shop shop(flags);
  int placed = 0;
  for (; placed < reservations_of_a_page; ++placed) {
    REQUIRE(shop->place(R"({"userId":1,"userAddress":")" + address_of_6000_bytes + "\"}").status == 201);
  }
  REQUIRE(shop.counts(placed));
  const std::string page = "/preReservations?size=1000";
  REQUIRE(shop->get(page).body.size() > 1'000'000);
  const std::size_t bound = resident_bytes(shop) + http::largest_waiting_bytes + most_bytes_beside_pages;

  std::vector<raw_client> unread;
  for (std::size_t i = 0; i < unread_pages; ++i) {
    unread.push_back(shop.connect());
    unread.back().send(request_text("GET", page));
  }
  // Each is being answered.
  for (auto& each : unread) REQUIRE_FALSE(each.is_quiet_for(answer_deadline));
  CHECK(resident_bytes(shop) < bound);

  const auto refused = shop->get(page);
  // A page would fill the screen.
  REQUIRE(refused.status == 503);
  check_problem(refused, 503, "overloaded");
  CHECK(refused.header("retry-after") == "1");
  CHECK(shop->get("/preReservations?size=10").status == 200);
  for (int i = 0; i < 100; ++i, ++placed) check_served(shop);
  CHECK(resident_bytes(shop) < bound);

  // Their kernels go on saying that they are there.
  const auto until_gone = 2 * http::nothing_taken_within + answer_deadline;
  CHECK(eventually([&] { return connections_of(shop) <= 1 && orphans_of(shop) == 0; }, until_gone));
  http_client customer(shop.server().port());
  CHECK(customer.get(page).body.size() > 1'000'000);
  CHECK(resident_bytes(shop) < bound);
  check_unharmed(shop, placed);
}

}  // namespace
}  // namespace holdfast::testing
