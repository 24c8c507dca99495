// One connection to Redis that lives on an event loop: commands are pipelined, each is answered
// within the time-out, and what is lost is connected again by itself, with growing delays.
//
// Ownership: held by shared_ptr, since hiredis and the loop keep it until close() has taken
// effect. Threading: used on the loop's thread only, or after the loop has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "storage/redis_command.hpp"
#include "storage/redis_options.hpp"

struct redisAsyncContext;
struct redisReply;

namespace holdfast::storage {

class redis_connection : public std::enable_shared_from_this<redis_connection> {
 public:
  /// Called exactly once; null where the connection was lost or the time was up. The reply lives
  /// as long as the call.
  using reply_handler = std::function<void(const redisReply* reply)>;

  redis_connection(boost::asio::io_context& loop, redis_options options);
  ~redis_connection();
  redis_connection(const redis_connection&) = delete;
  redis_connection& operator=(const redis_connection&) = delete;

  void start();
  /// Answers everything that is still open with null and connects no more. Idempotent.
  void close();

  /// Connected, and the server has told which run of it this is.
  bool ready() const { return ready_; }
  const std::string& server_run() const { return server_run_; }
  std::size_t commands_in_flight() const { return deadlines_.size(); }

  /// Where it is not ready, answers null before it returns.
  void send(redis_command command, reply_handler done);
  /// The commands as one step of the server's. The reply is an array of theirs.
  void send_as_one(std::span<redis_command> commands, reply_handler done);

 private:
  class event_hooks;
  struct asked;
  using clock = std::chrono::steady_clock;

  void resolve();
  void connect(const std::string& address);
  void greet();
  void greeted(const redisReply* info);
  void submit(redis_command command, reply_handler done);
  void submit_unheard(redis_command command);
  void replied(const asked& what, const redisReply* reply);
  void watch_deadline();
  /// Gives the connection up; hiredis answers what is open, then calls lost().
  void drop();
  void lost();
  void connect_later();

  boost::asio::io_context& loop_;
  const redis_options options_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer deadline_timer_;
  boost::asio::steady_timer reconnect_timer_;
  std::chrono::milliseconds reconnect_delay_;
  redisAsyncContext* context_ = nullptr;
  /// Of the commands in flight, in the order of their replies.
  std::deque<clock::time_point> deadlines_;
  /// A name may have several addresses: each attempt takes the next one.
  std::size_t attempts_ = 0;
  std::string server_run_;
  bool watching_ = false;
  bool ready_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::storage
