#include "http/framing.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

#include "http/server.hpp"

using namespace holdfast::http;
using progress = request_parser::progress;

namespace {

/// Feeds a connection's bytes in pieces of `piece` bytes, as a session does.
struct fed {
  request_parser parser;
  progress now = progress::need_more;
  std::string rest;

  explicit fed(std::string_view bytes, std::size_t piece = std::string_view::npos) {
    while (now == progress::need_more && !bytes.empty()) {
      rest += bytes.substr(0, piece);
      bytes.remove_prefix(std::min(piece, bytes.size()));
      const auto step = parser.feed(rest);
      rest.erase(0, step.consumed);
      now = step.now;
    }
    rest += bytes;
  }

  request completed() {
    REQUIRE(now == progress::complete);
    return parser.complete();
  }
  fault refusal() const {
    REQUIRE(now == progress::refused);
    return parser.refusal().fault;
  }
};

std::string with_fields(std::string_view fields) {
  return "POST /preReservations HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

const std::string chunked_request =
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
    "3;name=\"v\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\nHost: other\r\n\r\n";

}  // namespace

TEST_CASE("a request is taken apart") {
  fed read(
      "POST /preReservations?page=1&sort=a?b HTTP/1.1\r\nHost: shop.example:8088\r\nAccept: text/html\r\n"
      "ACCEPT: application/json\r\nContent-Type: application/json\r\nIf-None-Match: \"1\"\r\n"
      "idempotency-KEY: k-1\r\nContent-Length: 2\r\n\r\n{}GET");
  const request request = read.completed();
  CHECK(request.method == method::post);
  CHECK(request.path == "/preReservations");
  CHECK(request.query == "page=1&sort=a?b");
  CHECK(request.host == "shop.example:8088");
  CHECK(request.accept == "text/html, application/json");
  CHECK(request.content_type == "application/json");
  CHECK(request.if_none_match == "\"1\"");
  CHECK(request.has_idempotency_key);
  CHECK(request.idempotency_key == "k-1");
  CHECK(request.body == "{}");
  CHECK(read.rest == "GET");
  CHECK(read.parser.keep_alive());
}

TEST_CASE("an empty Idempotency-Key is a key that was sent") {
  const request request = fed("GET / HTTP/1.1\r\nHost: h\r\nIdempotency-Key:\r\n\r\n").completed();
  CHECK(request.has_idempotency_key);
  CHECK(request.idempotency_key.empty());
}

TEST_CASE("of two Idempotency-Keys it is known that there are two") {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\n";
  CHECK_FALSE(fed(head + "\r\n").completed().has_several_idempotency_keys);
  CHECK(fed(head + "idempotency-key: k\r\n\r\n").completed().has_several_idempotency_keys);
}

TEST_CASE("methods are recognised") {
  const auto method_of = [](const std::string& text) {
    return fed(text + " / HTTP/1.1\r\nHost: h\r\n\r\n").completed().method;
  };
  CHECK(method_of("GET") == method::get);
  CHECK(method_of("HEAD") == method::head);
  CHECK(method_of("POST") == method::post);
  CHECK(method_of("PUT") == method::put);
  CHECK(method_of("PATCH") == method::patch);
  CHECK(method_of("DELETE") == method::del);
  CHECK(method_of("OPTIONS") == method::options);
  CHECK(method_of("TRACE") == method::other);
  CHECK(method_of("BREW") == method::other);
}

TEST_CASE("a request in pieces of any size is the same request") {
  for (std::size_t piece = 1; piece <= chunked_request.size(); ++piece) {
    CAPTURE(piece);
    fed read(chunked_request, piece);
    const request request = read.completed();
    CHECK(request.body == "abc0123456789");
    // A trailer changes nothing.
    CHECK(request.host == "h");
  }
}

TEST_CASE("empty chunked bodies arrive byte by byte") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(fed(head + "0\r\n\r\n", 1).completed().body.empty());
  CHECK(fed(head + "0;x\r\n\r\n", 1).completed().body.empty());
  CHECK(fed(head + "0;x=\"\t\xec\"\r\n\r\n", 1).completed().body.empty());
}

TEST_CASE("the forms of a target") {
  const auto target = [](const std::string& method, const std::string& text) {
    return fed(method + " " + text + " HTTP/1.1\r\nHost: header\r\n\r\n");
  };
  CHECK(target("OPTIONS", "*").completed().path == "*");
  CHECK(target("GET", "/?").completed().query.empty());

  const request absolute = target("GET", "HTTP://shop:1/a?b").completed();
  CHECK(absolute.path == "/a");
  CHECK(absolute.query == "b");
  CHECK(absolute.host == "shop:1");
  CHECK(target("GET", "http://shop").completed().path == "/");
  CHECK(target("GET", "http://shop?q").completed().query == "q");
  CHECK(target("OPTIONS", "http://shop").completed().path == "*");

  for (const char* bad :
       {"*", "a", "ftp://h/", "http://", "http:///a", "http://user@h/", "/a#b", "/\x80", "shop:443"}) {
    CAPTURE(bad);
    CHECK(target("GET", bad).refusal() == fault::bad_request_line);
  }
}

TEST_CASE("malformed requests are refused") {
  for (const char* bad :
       {"GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        "G\x01T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(fed(bad).refusal() == fault::bad_request_line);
  }
}

TEST_CASE("a field that goes on on a line of its own is refused, in whatever pieces it arrives") {
  for (const char* fields :
       {"Host: h\r\nTransfer-Encoding:\r\n chunked\r\n", "Host: h\r\nContent-Length:\r\n\t0\r\n",
        "Host: h\r\nX: a\r\n Content-Length: 4\r\n", "Host:\r\n h\r\n", "Host: h\r\nX: a\r\n \r\n",
        " X: a\r\nHost: h\r\n"}) {
    CAPTURE(fields);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::string_view::npos}) {
      CHECK(fed(with_fields(fields), piece).refusal() == fault::bad_request_line);
    }
  }
}

TEST_CASE("ambiguous framing is refused") {
  const std::string host = "Host: h\r\n";
  for (const std::string& fields : {
           host + "Transfer-Encoding: xchunked\r\n",
           host + "Transfer-Encoding: chunked, identity\r\n",
           host + "Transfer-Encoding: identity\r\n",
           host + "Transfer-Encoding: gzip, chunked\r\n",
           host + "Transfer-Encoding: chunked, chunked\r\n",
           host + "Transfer-Encoding:\r\n",
           host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
           host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
           host + "Content-Length: 4\r\nTransfer-Encoding: identity\r\n",
           host + "Content-Length: 4,4\r\n",
           host + "Content-Length: 4\r\nContent-Length: 4\r\n",
           host + "Content-Length: 4\r\nContent-Length: 5\r\n",
           host + "Content-Length: +4\r\n",
           host + "Content-Length: -1\r\n",
           host + "Content-Length: 4 4\r\n",
           host + "Content-Length:\r\n",
           host + "Content-Length: 99999999999999999999\r\n",
           host + host,
           host + "Host: other\r\n",
           std::string("Host: a b\r\n"),
           std::string("Host: a,b\r\n"),
           std::string("Host: a/\"><script>\r\n"),
           std::string("Accept: */*\r\n"),
       }) {
    CAPTURE(fields);
    CHECK(fed(with_fields(fields)).refusal() == fault::ambiguous_framing);
  }
  CHECK(fed("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").refusal() ==
        fault::ambiguous_framing);
}

TEST_CASE("malformed chunks are refused") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* bad :
       {"xyz\r\n\r\n", "-1\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "1 \r\na\r\n", "3;\r\nabc\r\n",
        "fffffffffffffffff\r\n", "0\r\nContent-Length: 3\r\n\r\n", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n",
        "3;a=\"\\\n\"\r\nabc\r\n0\r\n\r\n", "3;a=\"\x7f\"\r\nabc\r\n0\r\n\r\n", "0;a=\"\x01\"\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(fed(head + bad).now == progress::refused);
  }
  // A chunk header that never ends.
  CHECK(fed(head + "1;" + std::string(2 * largest_header_bytes, 'x'), 1000).now == progress::refused);
}

TEST_CASE("the body may have 16 KiB and no more") {
  const std::string size = std::to_string(largest_body_bytes);
  const std::string larger = std::to_string(largest_body_bytes + 1);
  const std::string body(largest_body_bytes, 'b');
  CHECK(fed(with_fields("Host: h\r\nContent-Length: " + size + "\r\n") + body).completed().body == body);
  CHECK(fed(with_fields("Host: h\r\nContent-Length: " + larger + "\r\n")).refusal() == fault::body_too_large);

  const std::string chunked = with_fields("Host: h\r\nTransfer-Encoding: chunked\r\n");
  CHECK(fed(chunked + "4000\r\n" + body + "\r\n0\r\n\r\n", 1000).completed().body == body);
  CHECK(fed(chunked + "4000\r\n" + body + "\r\n1\r\nb\r\n0\r\n\r\n").refusal() == fault::body_too_large);
  CHECK(fed(chunked + "ffffffffffffffff\r\n").refusal() == fault::body_too_large);
}

TEST_CASE("tiny chunks can't make a request endless") {
  const std::string chunk = "1;" + std::string(1000, 'x') + "\r\nb\r\n";
  std::string bytes = with_fields("Host: h\r\nTransfer-Encoding: chunked\r\n");
  while (bytes.size() <= largest_request_bytes) bytes += chunk;
  CHECK(fed(bytes).refusal() == fault::body_too_large);
}

TEST_CASE("the header may have 8 KiB and no more, in whatever pieces it arrives") {
  const std::string begin = "GET / HTTP/1.1\r\nHost: h\r\n";
  const auto header_of = [&](std::size_t size) {
    std::string header = begin;
    while (header.size() + 100 < size - 2) header += "X: " + std::string(50, 'x') + "\r\n";
    return header + "Y: " + std::string(size - header.size() - 7, 'y') + "\r\n\r\n";
  };
  REQUIRE(header_of(largest_header_bytes).size() == largest_header_bytes);
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{7}, std::size_t{2048}, std::string_view::npos}) {
    CAPTURE(piece);
    CHECK(fed(header_of(largest_header_bytes), piece).now == progress::complete);
    CHECK(fed(header_of(largest_header_bytes + 1), piece).refusal() == fault::header_too_large);
    CHECK(fed(begin + "X: " + std::string(20'000, 'x'), piece).refusal() == fault::header_too_large);
    CHECK(fed("GET /" + std::string(20'000, 'x'), piece).refusal() == fault::header_too_large);
  }
}

TEST_CASE("HTTP/1.0 needs no host and closes unless asked not to") {
  fed plain("GET / HTTP/1.0\r\n\r\n");
  CHECK(plain.completed().host.empty());
  CHECK(plain.parser.http_1_0());
  CHECK_FALSE(plain.parser.keep_alive());
  CHECK(fed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").parser.keep_alive());
  CHECK_FALSE(fed("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").parser.keep_alive());
}

TEST_CASE("an upgrade is ignored") {
  fed read("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\nnext");
  CHECK(read.completed().path == "/");
  CHECK(read.rest == "next");
}

TEST_CASE("empty lines before a request are ignored, and count as its header") {
  CHECK(fed("\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", 1).completed().path == "/a");
  std::string empty_lines;
  while (empty_lines.size() <= largest_header_bytes) empty_lines += "\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::string_view::npos}) {
    CHECK(fed(empty_lines, piece).refusal() == fault::header_too_large);
  }
}

TEST_CASE("a client that expects 100 (Continue) is told so once, while its body is missing") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
  fed waiting(head);
  CHECK(waiting.parser.claim_continue());
  CHECK_FALSE(waiting.parser.claim_continue());
  CHECK_FALSE(fed(head + "{").parser.claim_continue());
  CHECK_FALSE(fed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n").parser.claim_continue());
  CHECK_FALSE(
      fed("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").parser.claim_continue());
}

TEST_CASE("whatever the bytes, reading them in pieces gives what reading them at once gives") {
  const std::string seeds[] = {
      chunked_request, with_fields("Host: h\r\nContent-Length: 5\r\n") + "12345",
      with_fields("Host: h\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
      "GET http://a:1/b?c HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: a b\r\n\r\n"};
  const std::string alphabet = std::string("\r\n\r\n:;, \t019af/?*\x80\xff", 19) + '\0';
  std::mt19937 random{7};
  const auto below = [&](std::size_t limit) { return random() % limit; };
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = seeds[below(std::size(seeds))];
    for (std::size_t change = below(4); change > 0; --change) {
      const std::size_t at = below(bytes.size());
      switch (below(3)) {
        case 0:
          bytes[at] = alphabet[below(alphabet.size())];
          break;
        case 1:
          bytes.insert(at, 1, alphabet[below(alphabet.size())]);
          break;
        default:
          bytes.erase(at, 1 + below(3));
          break;
      }
    }
    CAPTURE(bytes);
    fed at_once(bytes);
    fed in_pieces(bytes, 1 + below(9));
    REQUIRE((at_once.now == progress::complete) == (in_pieces.now == progress::complete));
    if (at_once.now != progress::complete) continue;
    REQUIRE(at_once.rest == in_pieces.rest);
    const request one = at_once.completed();
    const request other = in_pieces.completed();
    REQUIRE(one.body == other.body);
    REQUIRE(one.path == other.path);
    REQUIRE(one.host == other.host);
  }
}

TEST_CASE("one valid traceparent counts, and of several none") {
  const std::string valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto trace_of = [](const std::string& fields) {
    return fed("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n").completed().trace;
  };
  CHECK(holdfast::tracing::to_traceparent(trace_of("TraceParent: \t" + valid + " \r\n")) == valid);
  CHECK_FALSE(trace_of("").present());
  CHECK_FALSE(trace_of("traceparent: " + valid + "0\r\n").present());
  CHECK_FALSE(trace_of("traceparent: " + valid + "\r\ntraceparent: " + valid + "\r\n").present());
  CHECK_FALSE(trace_of("traceparent: \r\ntraceparent: " + valid + "\r\n").present());
  CHECK_FALSE(trace_of("trace-parent: " + valid + "\r\n").present());
}
