// One connection: reads requests one after the other, hands each to the handler, writes the
// answer, and closes so that the client still reads it.
//
// Ownership: the session_set of its event loop owns a session until it closes; pending socket
// operations share it, a `respond` that is still out only refers to it weakly.
// Threading: everything here belongs to one event loop and runs on its thread.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "http/body_stream.hpp"
#include "http/client_socket.hpp"
#include "http/connection.hpp"
#include "http/framing.hpp"
#include "http/handler.hpp"
#include "http/response_head.hpp"

namespace holdfast::http {

/// How long a client may go on sending after its connection's last response, and how much, so
/// that it can read that response (RFC 9112, section 9.6).
inline constexpr std::chrono::seconds linger_within{2};
inline constexpr std::size_t largest_linger_bytes = 1024 * 1024;

/// How long a request that has begun to arrive may still take once the server drains.
inline constexpr std::chrono::seconds drain_grace{1};

/// What the kernel may hold of answers that a client doesn't read, in bytes: else it would be megabytes.
/// Linux doubles it, for what it needs besides.
inline constexpr int send_buffer_bytes = 256 * 1024;

/// How long a client may take nothing of what it is sent, also when its connection has been closed here: its
/// kernel may go on saying that it is there.
inline constexpr std::chrono::seconds nothing_taken_within{30};

/// What one event loop holds of large answers that wait for their clients, in bytes.
inline constexpr std::size_t largest_waiting_bytes = 64 * 1024 * 1024;

/// What the kernel may hold of a stream that its client doesn't read, in bytes: else it would be megabytes,
/// and long until a slow reader is noticed.
inline constexpr int stream_send_buffer_bytes = 128 * 1024;

class session;

/// The sessions of one event loop and what they share.
class session_set {
 public:
  /// `closed` is called once for each session that closes; `refused`, where given, with the status of each
  /// request that never reached the handler. Without certificates sessions are plain.
  session_set(handler handle, std::chrono::milliseconds whole_request_within, std::function<void()> closed,
              refusal_listener refused, std::shared_ptr<const tls_certificates> certificates);

  void open(loop_socket socket);
  /// Closes those whose time is up.
  void sweep();
  /// Closes the idle ones; from now on every response is the last one of its connection.
  void drain();
  /// All that were not told to stay open through it.
  void pause();
  void close_all();

 private:
  friend class session;

  void warn_of_waiting();

  handler handle_;
  std::chrono::milliseconds whole_request_within_;
  std::function<void()> closed_;
  refusal_listener refused_;
  std::shared_ptr<const tls_certificates> certificates_;
  date_clock date_;
  bool draining_ = false;
  /// Of large answers that are not written yet: see largest_waiting_bytes.
  std::size_t waiting_bytes_ = 0;
  std::chrono::steady_clock::time_point next_warning_{};
  std::list<std::shared_ptr<session>> sessions_;
};

class session final : public connection, public std::enable_shared_from_this<session> {
 public:
  using clock = std::chrono::steady_clock;

  session(loop_socket socket, tls_context context, session_set& set);
  ~session() override;

  void start(std::list<std::shared_ptr<session>>::iterator place);
  void sweep(clock::time_point now);
  void drain();
  void close() override;

  bool client_has_left() const override;
  void keep_through_pause() override { kept_through_pause_ = true; }
  bool kept_through_pause() const { return kept_through_pause_; }

 private:
  using error_code = boost::beast::error_code;

  enum class phase : std::uint8_t {
    handshaking,
    reading,
    continuing,
    handling,
    writing,
    streaming,
    lingering,
    closed
  };

  void enter(phase phase, std::chrono::milliseconds at_most);
  void shake_hands();
  void on_shaken(error_code error);
  void await_request();
  void close_if_idle();
  void parse_later();
  bool request_has_begun() const;
  void read();
  void on_read(error_code error, std::size_t bytes);
  void parse();
  void discard(std::size_t bytes);
  void send_continue();
  void handle_request();
  void on_response(std::uint64_t request_number, response&& response);
  void refuse(const problem& problem);
  bool has_room_for(const response& response);
  response refuse_for_lack_of_room();
  void write(response&& response);
  void write_now();
  void wait_for_client();
  void stop_waiting();
  void on_written(error_code error);
  void begin_stream();
  void go_on_streaming();
  void write_heartbeat();
  std::size_t piece_head_bytes() const;
  void begin_piece();
  void write_piece();
  void end_stream();
  void watch_client();
  void client_said_something(error_code error);
  void linger();
  void stop_sending();
  void drain_input();
  std::string local_address() const;

  client_socket socket_;
  session_set& set_;
  std::list<std::shared_ptr<session>>::iterator place_;
  phase phase_ = phase::reading;
  clock::time_point deadline_{};

  boost::beast::flat_buffer input_;
  std::optional<request_parser> parser_;
  std::size_t lingered_bytes_ = 0;

  /// Counts the requests, so that only the current one can be answered, and only once.
  std::uint64_t request_number_ = 0;
  answer_form form_;
  bool head_ = false;
  bool kept_through_pause_ = false;

  std::string output_;
  /// A body that is too large to be copied behind its head.
  std::string large_body_;
  /// Its bytes, where they are counted in the set's.
  std::size_t waiting_bytes_ = 0;
  /// The body that is written as it comes, and whether a piece of it is on its way.
  std::shared_ptr<body_stream> stream_;
  bool piece_under_way_ = false;
};

}  // namespace holdfast::http
