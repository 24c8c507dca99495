// A client of a running server, for the commands of operators, and of the collector of spans: one keep-alive
// connection, one exchange at a time, each with a time-out. A connection that the server has closed while it
// was idle is opened anew; what it may have heard already is asked again once, where twice does no more than
// once. Over TLS it never falls back to what is not. Blocks; used by one thread, but for interrupt().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "http/server_trust.hpp"

namespace holdfast::http {

struct admin_answer {
  unsigned status = 0;
  std::string body;
  /// Seconds, as the header says it; empty where it does not.
  std::string retry_after;
};

struct server_address {
  std::string host;
  std::uint16_t port = 0;
  /// Of HTTPS; null for plain HTTP.
  trust_ptr trust = nullptr;
  /// An API key or a token that goes along with every request; empty for none.
  std::string key = {};
  /// Whether what goes wrong is told with what to do about it, to who gave --server.
  bool advise = true;
};

class admin_client {
 public:
  /// Connects with the first exchange.
  admin_client(server_address server, std::chrono::milliseconds timeout);
  ~admin_client();
  admin_client(const admin_client&) = delete;
  admin_client& operator=(const admin_client&) = delete;

  /// The answer, whatever its status; or why there is none. A body is sent as JSON where there is one.
  tl::expected<admin_answer, std::string> ask(std::string_view method, const std::string& target,
                                              const std::string& body = {});

  /// What is under way fails now, and whatever is asked from now on. By any thread.
  void interrupt();

 private:
  class connection;
  std::unique_ptr<connection> connection_;
};

}  // namespace holdfast::http
