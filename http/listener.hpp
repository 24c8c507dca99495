// The transport: accepts connections and spreads them over event loops, each with a thread, its
// sessions and a handler of its own. Knows no API: tests give it handlers of theirs.
//
// One acceptor gives the connections to the loops in turn. SO_REUSEPORT with an acceptor for
// each loop would spread a few busy connections unevenly, and would let a second process bind
// the same port unnoticed.
//
// Threading: construct, start and stop from one thread, none of the loops'.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/handler.hpp"
#include "http/server.hpp"

namespace holdfast::http {

class transport {
 public:
  transport(handler_factory make_handler, server_options options,
            std::chrono::milliseconds request_deadline = whole_request_within);
  /// Stops at once. Only this ends the loops' lives, so until then a handler may be posted to.
  ~transport();
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  /// As in server.hpp.
  std::optional<std::string> start();
  std::vector<task_runner> loops();
  std::uint16_t port() const;
  void pause();
  void resume();
  void stop_accepting();
  void wait_until_none(std::chrono::milliseconds at_most);
  void stop(std::chrono::milliseconds at_most);

  /// Open connections over all loops. Any thread.
  std::uint32_t connections() const;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::http
