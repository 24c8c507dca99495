#include "payments/http_parser.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace holdfast::payments;
using progress = http_answer_parser::progress;

namespace {

/// Feeds an answer in pieces of so many bytes.
progress feed(http_answer_parser& parser, std::string_view bytes, std::size_t piece) {
  auto now = progress::need_more;
  while (now == progress::need_more && !bytes.empty()) {
    now = parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return now;
}

constexpr std::size_t whole = std::string_view::npos;

std::string with_header(std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\nX: " + std::string(bytes, 'x') + "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace

TEST_CASE("an answer is the same however it is cut into pieces") {
  const std::string_view answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  };
  for (const auto bytes : answers) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, whole}) {
      CAPTURE(bytes);
      CAPTURE(piece);
      http_answer_parser parser;
      CHECK_FALSE(parser.has_begun());
      REQUIRE(feed(parser, bytes, piece) == progress::complete);
      CHECK(parser.has_begun());
      CHECK(parser.keep_alive());
      const auto answer = parser.take();
      CHECK(answer.status == 200);
      CHECK(answer.body == "hello");
    }
  }
}

TEST_CASE("an empty chunked body arrives byte by byte") {
  http_answer_parser parser;
  const auto now = feed(parser, "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1);
  REQUIRE(now == progress::complete);
  CHECK(parser.take().status == 500);
}

TEST_CASE("an answer without a length ends with the stream, and its connection too") {
  http_answer_parser parser;
  CHECK(feed(parser, "HTTP/1.1 200 OK\r\n\r\nhel", whole) == progress::need_more);
  CHECK(feed(parser, "lo", whole) == progress::need_more);
  REQUIRE(parser.end_of_stream() == progress::complete);
  CHECK_FALSE(parser.keep_alive());
  CHECK(parser.take().body == "hello");
}

TEST_CASE("an answer that the stream's end cuts off is refused") {
  for (const std::string_view bytes :
       {"", "HTT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    CAPTURE(bytes);
    http_answer_parser parser;
    CHECK(feed(parser, bytes, whole) == progress::need_more);
    CHECK(parser.end_of_stream() == progress::refused);
  }
}

TEST_CASE("a connection is not used again where the provider says so or sent more than was asked for") {
  for (const std::string_view bytes :
       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    CAPTURE(bytes);
    http_answer_parser parser;
    REQUIRE(feed(parser, bytes, whole) == progress::complete);
    CHECK_FALSE(parser.keep_alive());
  }
}

TEST_CASE("what is no answer is refused") {
  for (const std::string_view bytes :
       {"garbage garbage\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n", "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzzzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"}) {
    for (const std::size_t piece : {std::size_t{1}, whole}) {
      CAPTURE(bytes);
      CAPTURE(piece);
      http_answer_parser parser;
      CHECK(feed(parser, bytes, piece) == progress::refused);
    }
  }
}

TEST_CASE("header and body are bounded, at once and bit by bit") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, whole}) {
    CAPTURE(piece);
    http_answer_parser fits;
    CHECK(feed(fits, with_header(largest_answer_header_bytes - 100), piece) == progress::complete);
    http_answer_parser too_large;
    CHECK(feed(too_large, with_header(largest_answer_header_bytes), piece) == progress::refused);
    std::string many_lines = "HTTP/1.1 200 OK\r\n";
    while (many_lines.size() <= largest_answer_header_bytes) many_lines += "A: b\r\n";
    http_answer_parser lines;
    CHECK(feed(lines, many_lines, piece) == progress::refused);
  }
  http_answer_parser announced;
  CHECK(feed(announced, "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", whole) == progress::refused);
  http_answer_parser endless;
  CHECK(feed(endless, "HTTP/1.1 200 OK\r\n\r\n" + std::string(largest_answer_body_bytes + 1, 'x'), 4096) ==
        progress::refused);
  std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  while (chunks.size() <= largest_answer_bytes) chunks += "1\r\nx\r\n";
  http_answer_parser chunked;
  CHECK(feed(chunked, chunks, 4096) == progress::refused);
  std::string hints;
  while (hints.size() <= largest_answer_bytes) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  http_answer_parser hinted;
  CHECK(feed(hinted, hints, 4096) == progress::refused);
}
