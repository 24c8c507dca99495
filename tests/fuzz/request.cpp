// The request parser, fed as a connection feeds it: whatever the bytes, and however they are cut, the
// same requests come out, bounded, and what comes behind a refusal is never read.
//
// The first byte says how many bytes come at once.
#include <optional>
#include <string>
#include <vector>

#include "http/framing.hpp"
#include "http/server.hpp"
#include "tests/fuzz/target.hpp"

namespace holdfast::fuzz {
namespace {

using http::request_parser;
using progress = request_parser::progress;

struct read_so_far {
  std::vector<http::request> requests;
  bool refused = false;
};

/// What a session reads of a connection that brings these bytes in such pieces.
read_so_far read(std::string_view bytes, std::size_t piece) {
  read_so_far read;
  std::optional<request_parser> parser(std::in_place);
  std::string unread;
  while (!bytes.empty()) {
    unread += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (bool more = true; more;) {
      const auto step = parser->feed(unread);
      require(step.consumed <= unread.size(), "no more is consumed than there was");
      unread.erase(0, step.consumed);
      parser->claim_continue();
      if (step.now == progress::refused) {
        parser->refusal();
        read.refused = true;
        return read;
      }
      require(unread.size() <= http::largest_request_bytes || step.now == progress::complete,
              "what waits to be read is bounded");
      more = step.now == progress::complete && !unread.empty();
      if (step.now != progress::complete) continue;
      parser->keep_alive();
      read.requests.push_back(std::move(parser->complete()));
      require(read.requests.back().body.size() <= http::largest_body_bytes, "bodies are bounded");
      parser.emplace();
    }
  }
  return read;
}

bool same(const http::request& left, const http::request& right) {
  return left.method == right.method && left.path == right.path && left.query == right.query &&
         left.host == right.host && left.body == right.body && left.accept == right.accept &&
         left.content_type == right.content_type && left.idempotency_key == right.idempotency_key &&
         left.authorization == right.authorization && left.if_none_match == right.if_none_match;
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::fuzz;
  if (size < 1) return 0;
  const auto bytes = text_of(data + 1, size - 1);
  const auto at_once = read(bytes, bytes.size() + 1);
  const auto in_pieces = read(bytes, std::size_t{data[0]} + 1);
  require(at_once.requests.size() == in_pieces.requests.size(), "pieces give as many requests");
  for (std::size_t i = 0; i < at_once.requests.size(); ++i) {
    require(same(at_once.requests[i], in_pieces.requests[i]), "pieces give the same requests");
  }
  return 0;
}
