// A request and a response as the API sees them: no socket, no parser, no Beast.
// Values; a request is handled on the event loop that read it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tracing/trace_context.hpp"

namespace holdfast::http {

class body_stream;
class connection;

enum class method : std::uint8_t { get, head, post, put, patch, del, options, other };

struct request {
  http::method method = method::get;
  /// Decoded neither: the path up to '?', and what follows it.
  std::string path;
  std::string query;
  /// The Host header, or the address that was connected to; goes into links.
  std::string host;
  std::string accept;
  std::string content_type;
  std::string if_none_match;
  std::string idempotency_key;
  bool has_idempotency_key = false;
  bool has_several_idempotency_keys = false;
  std::string last_event_id;
  std::string authorization;
  /// Of the header `traceparent`; none where it has none, or none that is valid.
  tracing::trace_context trace = {};
  std::string body;
  /// It came over TLS.
  bool secure = false;
  /// What it came on: see connection.hpp.
  std::weak_ptr<connection> from;
};

struct response {
  unsigned status = 200;
  /// Empty where there is no body. One of a few that are known when this is compiled.
  std::string_view content_type;
  std::string body;
  /// Further headers; the session adds Content-Length, Date, Server and Connection, and leaves
  /// out the body where the request was a HEAD.
  std::vector<std::pair<std::string, std::string>> headers;
  /// Where given, this is the body, written as it comes, and the connection's last: see body_stream.hpp.
  std::shared_ptr<body_stream> stream = {};
  /// The body is such a stream, given or, to a HEAD, not.
  bool streamed = false;
};

/// Called exactly once, on the event loop of the request.
using respond = std::function<void(response)>;

}  // namespace holdfast::http
