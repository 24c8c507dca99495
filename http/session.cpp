#include "http/session.hpp"

#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <exception>
#include <utility>

#include "tracing/logged_trace.hpp"

namespace holdfast::http {

namespace {

namespace asio = boost::asio;

/// Most requests come in one read of this; idle connections hold no more than that.
constexpr std::size_t read_bytes = 2048;

/// Up to here copying a body behind its head is cheaper than a gathering write.
constexpr std::size_t largest_copied_body_bytes = 16 * 1024;

/// Surely fits into the send buffer of a connection whose client has read everything before.
constexpr std::size_t surely_sent_bytes = send_buffer_bytes / 2;

using buffer_pair = std::array<asio::const_buffer, 2>;

buffer_pair rest_of(buffer_pair buffers, std::size_t sent) {
  const auto of_first = std::min(sent, buffers[0].size());
  return {buffers[0] + of_first, buffers[1] + (sent - of_first)};
}

constexpr std::chrono::seconds between_two_warnings{10};

/// Of a stream, at once.
constexpr std::size_t stream_piece_bytes = 64 * 1024;

/// RFC 9112, section 7.1. A chunk's size always has as many digits, so that it can be filled in when the
/// chunk is known.
constexpr std::string_view unknown_chunk_size = "00000000\r\n";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";

void fill_in_chunk_size(std::string& chunk) {
  auto size = chunk.size() - unknown_chunk_size.size();
  for (auto digit = unknown_chunk_size.size() - line_end.size(); size > 0; size >>= 4) {
    chunk[--digit] = "0123456789abcdef"[size & 15];
  }
}

constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

/// Whether the client's kernel has taken everything that was sent.
bool all_is_taken(int socket) {
  int left = 0;
  return ::ioctl(socket, SIOCOUTQ, &left) == 0 && left == 0;
}

/// What OpenSSL makes of a request that came without TLS.
bool is_plain_http(const boost::system::error_code& error) {
  return error.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
}

}  // namespace

// --- session_set ---

session_set::session_set(handler handle, std::chrono::milliseconds whole_request_within,
                         std::function<void()> closed, refusal_listener refused,
                         std::shared_ptr<const tls_certificates> certificates)
    : handle_(std::move(handle)),
      whole_request_within_(whole_request_within),
      closed_(std::move(closed)),
      refused_(std::move(refused)),
      certificates_(std::move(certificates)) {}

void session_set::open(loop_socket socket) {
  sessions_.push_front(std::make_shared<session>(std::move(socket),
                                                 certificates_ ? certificates_->current() : nullptr, *this));
  const auto opened = sessions_.front();
  opened->start(sessions_.begin());
  if (draining_) opened->drain();
}

void session_set::sweep() {
  const auto now = session::clock::now();
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const std::shared_ptr<session> session = *next++;
    session->sweep(now);
  }
}

void session_set::drain() {
  draining_ = true;
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const std::shared_ptr<session> session = *next++;
    session->drain();
  }
}

void session_set::pause() {
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const std::shared_ptr<session> session = *next++;
    if (!session->kept_through_pause()) session->close();
  }
}

void session_set::close_all() {
  while (!sessions_.empty()) {
    const std::shared_ptr<session> session = sessions_.front();
    session->close();
  }
}

/// Once in a while: who makes it happen could fill the log.
void session_set::warn_of_waiting() {
  const auto now = session::clock::now();
  if (now < next_warning_) return;
  next_warning_ = now + between_two_warnings;
  spdlog::warn("large answers are refused: {} bytes of others wait for clients that don't read them",
               waiting_bytes_);
}

// --- session: its life ---

session::session(loop_socket socket, tls_context context, session_set& set)
    : socket_(std::move(socket), std::move(context)), set_(set) {}

session::~session() {
  discard(input_.size());
}

void session::start(std::list<std::shared_ptr<session>>::iterator place) {
  place_ = place;
  error_code ignored;
  socket_.plain().set_option(asio::ip::tcp::no_delay(true), ignored);
  // For write(), which must not wait.
  socket_.plain().non_blocking(true, ignored);
  if (socket_.secure()) return shake_hands();
  await_request();
}

/// Within the time that a whole request has.
void session::shake_hands() {
  enter(phase::handshaking, set_.whole_request_within_);
  socket_.async_handshake([self = shared_from_this()](error_code error) { self->on_shaken(error); });
}

void session::on_shaken(error_code error) {
  if (phase_ != phase::handshaking) return;
  if (!error) {
    await_request();
    if (set_.draining_) drain();
    return;
  }
  if (!is_plain_http(error)) return close();
  socket_.become_plain();
  parser_.emplace();
  problem problem;
  problem.fault = fault::bad_request_line;
  problem.detail = "This port speaks HTTPS: ask for https:// in place of http://.";
  refuse(problem);
}

void session::enter(phase phase, std::chrono::milliseconds at_most) {
  phase_ = phase;
  deadline_ = clock::now() + at_most;
}

void session::sweep(clock::time_point now) {
  if (now < deadline_) return;
  if (phase_ == phase::streaming && !piece_under_way_) return write_heartbeat();
  // In a pause no other connection could take its place.
  if (phase_ == phase::reading && kept_through_pause_ && !request_has_begun()) {
    return enter(phase::reading, set_.whole_request_within_);
  }
  if (phase_ != phase::reading || !request_has_begun()) return close();
  problem problem;
  problem.fault = fault::request_timeout;
  problem.detail = "Send the whole request within " +
                   std::to_string(set_.whole_request_within_ / std::chrono::milliseconds{1}) + " ms.";
  refuse(problem);
}

void session::drain() {
  if (stream_) stream_->end();
  if (phase_ != phase::reading && phase_ != phase::handshaking) return;
  deadline_ = std::min(deadline_, clock::now() + drain_grace);
  // What a read has taken already, its handler in the loop's queue tells first.
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close_if_idle(); });
}

void session::close_if_idle() {
  error_code ignored;
  if (phase_ == phase::reading && !request_has_begun() && socket_.plain().available(ignored) == 0) close();
}

void session::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  stop_waiting();
  if (stream_) std::exchange(stream_, nullptr)->abandon();
  error_code ignored;
  socket_.plain().close(ignored);
  set_.sessions_.erase(place_);
  set_.closed_();
}

/// Asked of the socket: while a request is handled nothing is read.
bool session::client_has_left() const {
  if (phase_ == phase::closed) return true;
  pollfd socket{const_cast<loop_socket&>(socket_.plain()).native_handle(), POLLRDHUP, 0};
  return ::poll(&socket, 1, 0) == 1;
}

// --- session: reading ---

void session::await_request() {
  parser_.emplace();
  enter(phase::reading, set_.whole_request_within_);
  if (input_.size() > 0) return parse_later();
  read();
}

/// A client that has sent many requests at once is answered one by one, with others in between.
void session::parse_later() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == phase::reading) self->parse();
  });
}

bool session::request_has_begun() const {
  return input_.size() > 0 || parser_->has_begun();
}

void session::read() {
  phase_ = phase::reading;
  socket_.async_read_some(
      input_.prepare(read_bytes),
      [self = shared_from_this()](error_code error, std::size_t bytes) { self->on_read(error, bytes); });
}

void session::on_read(error_code error, std::size_t bytes) {
  // A timeout may have answered already: its operation_aborted comes in here.
  if (phase_ != phase::reading) return;
  if (error) return close();
  input_.commit(bytes);
  parse();
}

void session::parse() {
  const auto input = input_.data();
  const auto step = parser_->feed({static_cast<const char*>(input.data()), input.size()});
  discard(step.consumed);
  switch (step.now) {
    case request_parser::progress::complete:
      return handle_request();
    case request_parser::progress::refused:
      return refuse(parser_->refusal());
    case request_parser::progress::need_more:
      break;
  }
  if (input_.size() == 0 && parser_->claim_continue()) return send_continue();
  read();
}

/// Wiped, because it may have held a card number.
void session::discard(std::size_t bytes) {
  if (bytes == 0) return;
  explicit_bzero(input_.data().data(), bytes);
  input_.consume(bytes);
}

void session::send_continue() {
  // The time runs on: it is still the same request that has to arrive.
  phase_ = phase::continuing;
  asio::async_write(socket_, asio::buffer(continue_response),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (self->phase_ != phase::continuing) return;
                      if (error) return self->close();
                      self->read();
                    });
}

// --- session: answering ---

void session::handle_request() {
  phase_ = phase::handling;
  deadline_ = clock::time_point::max();
  const std::uint64_t number = ++request_number_;
  form_ = {.keep_alive = parser_->keep_alive(), .http_1_0 = parser_->http_1_0()};
  head_ = parser_->head();
  // Of the parser, which goes when it is answered.
  request& request = parser_->complete();
  if (request.host.empty()) request.host = local_address();
  request.from = weak_from_this();
  request.secure = socket_.secure();
  try {
    set_.handle_(request, [session = weak_from_this(), number](response&& response) {
      if (const auto self = session.lock()) self->on_response(number, std::move(response));
    });
  } catch (const std::exception& error) {
    if (phase_ != phase::handling || number != request_number_) {
      return spdlog::error("handling a request that is answered or gone failed: {}", error.what());
    }
    problem problem;
    problem.trace = request.trace.present() ? request.trace : tracing::begin_trace();
    const tracing::logged_trace about(problem.trace);
    spdlog::error("handling {} failed: {}", request.path, error.what());
    problem.fault = fault::internal;
    problem.detail = "The failure is in the log. Find out what happened before you repeat the request.";
    problem.instance = request.path;
    on_response(number, render(problem));
  }
}

std::string session::local_address() const {
  error_code error;
  const auto endpoint = socket_.plain().local_endpoint(error);
  if (error) return "localhost";
  const std::string address = endpoint.address().to_string();
  const bool bracketed = endpoint.address().is_v6();
  return (bracketed ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

void session::on_response(std::uint64_t request_number, response&& response) {
  if (phase_ != phase::handling || request_number != request_number_) return;
  if (!has_room_for(response)) response = refuse_for_lack_of_room();
  write(std::move(response));
}

/// For what it may have to hold until the client takes it. One answer alone may be as large as it is.
bool session::has_room_for(const response& response) {
  const auto bytes = response.body.size();
  if (bytes <= largest_copied_body_bytes || head_) return true;
  if (set_.waiting_bytes_ == 0 || set_.waiting_bytes_ + bytes <= largest_waiting_bytes) return true;
  return bytes <= surely_sent_bytes && all_is_taken(socket_.plain().native_handle());
}

response session::refuse_for_lack_of_room() {
  set_.warn_of_waiting();
  const request& request = parser_->complete();
  problem problem;
  problem.fault = fault::overloaded;
  problem.detail =
      "Too many large answers wait for clients that don't read them. Ask for a smaller page, or again "
      "after the time in Retry-After.";
  problem.instance = request.path;
  problem.trace = request.trace;
  return render(problem);
}

/// Where the request ends can't be known, or it won't end: this is the connection's last answer.
void session::refuse(const problem& problem) {
  error_code ignored;
  socket_.plain().cancel(ignored);
  form_ = {.keep_alive = false};
  head_ = parser_->head();
  auto response = render(problem);
  if (set_.refused_) set_.refused_(response.status);
  write(std::move(response));
}

void session::write(response&& response) {
  if (set_.draining_ || response.streamed) form_.keep_alive = false;
  if (!head_) stream_ = std::move(response.stream);
  if (stream_ && set_.draining_) stream_->end();
  output_.clear();
  append_head(output_, response, form_, set_.date_.now());
  if (!head_ && status_has_body(response.status)) {
    if (response.body.size() > largest_copied_body_bytes) {
      large_body_ = std::move(response.body);
    } else {
      output_ += response.body;
    }
  }
  write_now();
}

/// Nearly every response fits into the socket's buffer: then it needs no operation that is waited for.
void session::write_now() {
  phase_ = phase::writing;
  const buffer_pair buffers{asio::buffer(std::as_const(output_)), asio::buffer(std::as_const(large_body_))};
  error_code error;
  const std::size_t sent = socket_.write_some(buffers, error);
  if (error && error != asio::error::would_block) return on_written(error);
  if (sent == output_.size() + large_body_.size()) return on_written({});
  wait_for_client();
  asio::async_write(
      socket_, rest_of(buffers, sent),
      [this](error_code error, std::size_t written) {
        // Whoever reads on, however slowly, has his time anew.
        deadline_ = clock::now() + set_.whole_request_within_;
        return asio::transfer_all()(error, written);
      },
      [self = shared_from_this()](error_code error, std::size_t) { self->on_written(error); });
}

void session::wait_for_client() {
  enter(phase::writing, set_.whole_request_within_);
  waiting_bytes_ = large_body_.size();
  set_.waiting_bytes_ += waiting_bytes_;
}

void session::stop_waiting() {
  set_.waiting_bytes_ -= std::exchange(waiting_bytes_, 0);
}

void session::on_written(error_code error) {
  if (phase_ != phase::writing) return;
  if (error) return close();
  stop_waiting();
  if (!large_body_.empty()) std::string().swap(large_body_);
  if (stream_) return begin_stream();
  if (!form_.keep_alive || set_.draining_) return linger();
  await_request();
}

// --- session: streaming ---

void session::begin_stream() {
  phase_ = phase::streaming;
  error_code ignored;
  socket_.plain().set_option(asio::socket_base::send_buffer_size(stream_send_buffer_bytes), ignored);
  stream_->start([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->go_on_streaming();
  });
  watch_client();
  go_on_streaming();
}

/// Writes what there is; the deadline of a piece is that of a response, and where there is nothing to write
/// the deadline is when the client is shown that the connection lives.
void session::go_on_streaming() {
  if (phase_ != phase::streaming || piece_under_way_) return;
  begin_piece();
  stream_->take(output_, stream_piece_bytes);
  if (output_.size() > piece_head_bytes()) return write_piece();
  if (stream_->over()) return end_stream();
  enter(phase::streaming, set_.whole_request_within_ / 2);
}

void session::write_heartbeat() {
  begin_piece();
  stream_->keep_alive(output_);
  write_piece();
}

std::size_t session::piece_head_bytes() const {
  return form_.http_1_0 ? 0 : unknown_chunk_size.size();
}

void session::begin_piece() {
  output_.assign(unknown_chunk_size, 0, piece_head_bytes());
}

void session::write_piece() {
  if (!form_.http_1_0) {
    fill_in_chunk_size(output_);
    output_ += line_end;
  }
  piece_under_way_ = true;
  enter(phase::streaming, set_.whole_request_within_);
  asio::async_write(socket_, asio::buffer(std::as_const(output_)),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      self->piece_under_way_ = false;
                      if (self->phase_ != phase::streaming) return;
                      if (error) return self->close();
                      self->go_on_streaming();
                    });
}

void session::end_stream() {
  // Of who watches whether the client leaves.
  error_code ignored;
  if (socket_.secure()) socket_.plain().cancel(ignored);
  std::exchange(stream_, nullptr)->abandon();
  output_.assign(form_.http_1_0 ? std::string_view() : last_chunk);
  write_now();
}

/// A client has nothing to say on its last request's connection. What it says all the same is read and
/// forgotten, so that its leaving is noticed.
void session::watch_client() {
  if (socket_.secure()) {
    return socket_.async_read_some(
        input_.prepare(read_bytes),
        [self = shared_from_this()](error_code error, std::size_t) { self->client_said_something(error); });
  }
  socket_.plain().async_wait(asio::socket_base::wait_read, [self = shared_from_this()](error_code error) {
    if (self->phase_ != phase::streaming) return;
    std::array<char, 256> ignored;
    if (!error) self->socket_.plain().read_some(asio::buffer(ignored), error);
    if (error == asio::error::would_block) error = {};
    self->client_said_something(error);
  });
}

void session::client_said_something(error_code error) {
  if (phase_ != phase::streaming) return;
  if (error) return close();
  watch_client();
}

// --- session: leaving ---

/// Closing with unread input makes the kernel reset the connection, and the client may lose the
/// response to that: so say that we are done, and read on until the client is.
void session::linger() {
  enter(phase::lingering, linger_within);
  if (!socket_.secure()) return stop_sending();
  socket_.async_say_goodbye([self = shared_from_this()](error_code) {
    // Whether it was understood or not.
    if (self->phase_ == phase::lingering) self->stop_sending();
  });
}

void session::stop_sending() {
  error_code error;
  socket_.plain().shutdown(asio::socket_base::shutdown_send, error);
  if (error) return close();
  discard(input_.size());
  drain_input();
}

void session::drain_input() {
  socket_.plain().async_read_some(input_.prepare(read_bytes),
                                  [self = shared_from_this()](error_code error, std::size_t bytes) {
                                    if (self->phase_ != phase::lingering) return;
                                    self->lingered_bytes_ += bytes;
                                    self->input_.commit(bytes);
                                    self->discard(bytes);
                                    if (error || self->lingered_bytes_ > largest_linger_bytes)
                                      return self->close();
                                    self->drain_input();
                                  });
}

}  // namespace holdfast::http
