// One connection to a provider: exchanges of a request for its answer, one at a time, each within
// its deadline, the connecting included. An exchange that fails closes the connection for good.
//
// Ownership: held by shared_ptr, since what is under way keeps it. Threading: the loop's thread
// only, or after the loop has ended.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "domain/card.hpp"
#include "payments/http_message.hpp"
#include "payments/http_parser.hpp"

namespace holdfast::payments {

struct http_failure {
  enum class kind : std::uint8_t {
    /// Nothing was sent: the name is unknown, the connection refused, the host out of reach.
    not_connected,
    /// Closed or reset by the server.
    lost,
    timed_out,
    unreadable,
    /// By close().
    closed
  };
  kind what = kind::lost;
  bool answer_had_begun = false;
};

/// One word for the log and the customer's record.
const char* reason_of(http_failure::kind what);

using http_result = tl::expected<http_answer, http_failure>;

class http_connection : public std::enable_shared_from_this<http_connection> {
 public:
  using clock = std::chrono::steady_clock;
  using handler = std::function<void(http_result)>;

  http_connection(boost::asio::io_context& loop, std::string host, std::uint16_t port);
  http_connection(const http_connection&) = delete;
  http_connection& operator=(const http_connection&) = delete;

  /// Connects first where that has not happened yet. `done` is called exactly once, later. The
  /// bytes are wiped as soon as they are written.
  void exchange(domain::secret bytes, clock::time_point deadline, handler done);

  /// No exchange has begun on it yet.
  bool is_fresh() const { return state_ == state::fresh; }
  /// Fresh, or between two exchanges and still open at both ends as far as is known here.
  bool is_usable() const;

  /// Fails what is under way before it returns. Idempotent.
  void close();

 private:
  enum class state : std::uint8_t { fresh, connected, closed };
  static constexpr std::size_t read_bytes = 4'096;

  template <class Step>
  auto step(Step next);
  void resolve();
  void connect();
  void write();
  void read();
  void received(std::size_t bytes);
  void answered(http_answer_parser::progress now);
  void fail(http_failure::kind what);
  void finish(http_result result);

  const std::string host_;
  const std::uint16_t port_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_timer_;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;
  domain::secret bytes_;
  std::array<char, read_bytes> buffer_;
  std::optional<http_answer_parser> parser_;
  handler done_;
  /// Tells what is left over of an earlier exchange from what belongs to this one.
  std::uint64_t exchange_number_ = 0;
  state state_ = state::fresh;
};

}  // namespace holdfast::payments
