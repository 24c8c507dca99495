#include "payments/http_connection.hpp"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>
#include <cassert>
#include <cerrno>
#include <utility>

namespace holdfast::payments {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using failed = http_failure::kind;

}  // namespace

const char* reason_of(http_failure::kind what) {
  switch (what) {
    case failed::not_connected:
      return "connection_refused";
    case failed::lost:
      return "connection_lost";
    case failed::timed_out:
      return "time_out";
    case failed::unreadable:
      return "unreadable_answer";
    case failed::closed:
      return "closed";
  }
  return "connection_lost";
}

http_connection::http_connection(asio::io_context& loop, std::string host, std::uint16_t port)
    : host_(std::move(host)), port_(port), resolver_(loop), socket_(loop), deadline_timer_(loop) {}

/// What follows an asynchronous step, unless the exchange has ended meanwhile.
template <class Step>
auto http_connection::step(Step next) {
  return
      [self = shared_from_this(), number = exchange_number_, next](error_code error, const auto&... values) {
        if (self->done_ && self->exchange_number_ == number) next(*self, error, values...);
      };
}

void http_connection::exchange(domain::secret bytes, clock::time_point deadline, handler done) {
  assert(!done_ && state_ != state::closed);
  ++exchange_number_;
  done_ = std::move(done);
  bytes_ = std::move(bytes);
  parser_.emplace();
  deadline_timer_.expires_at(deadline);
  deadline_timer_.async_wait(step([](auto& self, error_code error) {
    if (!error) self.fail(failed::timed_out);
  }));
  std::exchange(state_, state::connected) == state::fresh ? resolve() : write();
}

void http_connection::resolve() {
  error_code not_numeric;
  const auto address = asio::ip::make_address(host_, not_numeric);
  if (!not_numeric) {
    endpoints_.emplace_back(address, port_);
    return connect();
  }
  resolver_.async_resolve(host_, std::to_string(port_),
                          step([](auto& self, error_code error, const auto& found) {
                            if (error) return self.fail(failed::not_connected);
                            for (const auto& each : found) self.endpoints_.push_back(each.endpoint());
                            self.connect();
                          }));
}

void http_connection::connect() {
  asio::async_connect(socket_, endpoints_, step([](auto& self, error_code error, const auto&) {
                        if (error) return self.fail(failed::not_connected);
                        error_code ignored;
                        self.socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
                        self.write();
                      }));
}

void http_connection::write() {
  asio::async_write(socket_, asio::buffer(bytes_.reveal()), step([](auto& self, error_code error, auto) {
                      self.bytes_.wipe();
                      error ? self.fail(failed::lost) : self.read();
                    }));
}

void http_connection::read() {
  socket_.async_read_some(asio::buffer(buffer_), step([](auto& self, error_code error, std::size_t bytes) {
                            if (error == asio::error::eof)
                              return self.answered(self.parser_->end_of_stream());
                            error ? self.fail(failed::lost) : self.received(bytes);
                          }));
}

void http_connection::received(std::size_t bytes) {
  const auto now = parser_->feed({buffer_.data(), bytes});
  now == http_answer_parser::progress::need_more ? read() : answered(now);
}

void http_connection::answered(http_answer_parser::progress now) {
  if (now != http_answer_parser::progress::complete) {
    return fail(parser_->has_begun() ? failed::unreadable : failed::lost);
  }
  if (!parser_->keep_alive()) {
    error_code ignored;
    socket_.close(ignored);
    state_ = state::closed;
  }
  finish(parser_->take());
}

void http_connection::fail(http_failure::kind what) {
  // A reset also takes back what the kernel has not sent yet: a confirmation should not arrive
  // after its charge was called back.
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  resolver_.cancel();
  state_ = state::closed;
  if (done_) finish(tl::unexpected(http_failure{what, parser_->has_begun()}));
}

void http_connection::finish(http_result result) {
  deadline_timer_.cancel();
  bytes_.wipe();
  std::exchange(done_, nullptr)(std::move(result));
}

bool http_connection::is_usable() const {
  if (state_ == state::fresh) return true;
  if (done_ || state_ == state::closed) return false;
  // Anything to be read now, the end of the stream too, is not the answer to the next request.
  char byte = 0;
  const auto peeked =
      ::recv(const_cast<http_connection*>(this)->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return peeked < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void http_connection::close() {
  if (done_) return fail(failed::closed);
  error_code ignored;
  socket_.close(ignored);
  state_ = state::closed;
}

}  // namespace holdfast::payments
