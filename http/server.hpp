// The listener with its event loops: sockets in, requests to a handler, responses out.
// Threading: construct, start and stop from one thread; each loop runs on a thread of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/handler.hpp"

namespace holdfast::http {

class tls_certificates;

inline constexpr std::size_t largest_body_bytes = 16 * 1024;
inline constexpr std::size_t largest_header_bytes = 8 * 1024;
inline constexpr std::chrono::seconds whole_request_within{30};

/// Runs a task soon, on an event loop's thread. May be called from any thread.
using task_runner = std::function<void(std::function<void()> task)>;

struct server_options {
  /// An IP address, v6 without brackets.
  std::string address = "127.0.0.1";
  /// 0 takes any free port: see port().
  std::uint16_t port = 8088;
  /// Event loops, each with a thread.
  std::uint32_t threads = 1;
  /// Connections at once; further ones are closed at once. Bounds memory and descriptors.
  std::uint32_t largest_connections = 20'000;
  refusal_listener refused = {};
  /// With them it is HTTPS.
  std::shared_ptr<const tls_certificates> certificates = {};
};

/// Tries it, and gives it up at once. As of server::start().
std::optional<std::string> failure_to_listen(const std::string& address, std::uint16_t port);

class server {
 public:
  /// Each loop gets a handler of its own.
  server(handler_factory make_handler, server_options options);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Binds and serves. A message that names the address where that failed.
  std::optional<std::string> start();

  /// One for each event loop, good as long as this lives. The loops run from start() until then.
  std::vector<task_runner> loops();

  /// The port that is listened on.
  std::uint16_t port() const;

  /// Gives up the port, so that connections are refused, and cuts all that were not told to stay
  /// (connection.hpp), whatever is under way on them. Any thread while it serves; on the loop of a
  /// server with one loop it is done when this returns.
  void pause();

  /// Takes the port again, as soon as nobody else has it. Threads as with pause().
  void resume();

  /// Accepts no more connections and closes idle ones; requests under way go on, and their
  /// responses carry `Connection: close`.
  void stop_accepting();

  /// Until all connections are closed, at most this long. Behind stop_accepting() that takes `drain_grace`
  /// and what the requests that have arrived take: so long whoever answers them has to take new ones.
  void wait_until_none(std::chrono::milliseconds at_most);

  /// Waits until the requests under way are answered and written, at most this long, then
  /// closes every connection. Idempotent.
  void stop(std::chrono::milliseconds at_most);

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::http
