#include "http/admin_client.hpp"

#include <poll.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <utility>

namespace holdfast::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

/// A page of a thousand reservations, with long stories.
constexpr std::uint64_t largest_answer_bytes = 64 * 1024 * 1024;

/// RFC 9110, section 9.2.2: twice does no more than once.
bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

/// A server that is gone and closes, resets, or ends TCP below TLS without a word.
bool is_the_end(error_code error) {
  return error == beast::http::error::end_of_stream || error == asio::error::eof ||
         error == asio::error::connection_reset || error == asio::ssl::error::stream_truncated;
}

}  // namespace

class admin_client::connection {
 public:
  connection(server_address server, std::chrono::milliseconds timeout)
      : server_(std::move(server)), timeout_(timeout) {}

  tl::expected<admin_answer, std::string> ask(std::string_view method, const std::string& target,
                                              const std::string& body) {
    if (socket_ && was_left()) close();
    const bool fresh = !socket_;
    auto answer = try_to_ask(method, target, body);
    // The server may have closed the idle connection when this was on its way already.
    if (!answer && !fresh && went_away_ && is_idempotent(method)) answer = try_to_ask(method, target, body);
    return answer;
  }

  void interrupt() {
    interrupted_ = true;
    asio::post(loop_, [this] {
      if (socket_) socket_->close();
    });
  }

 private:
  /// Between two exchanges there is nothing to be read, unless the server closes, over TLS with a word.
  bool was_left() {
    pollfd socket{socket_->socket().native_handle(), POLLIN | POLLRDHUP, 0};
    return ::poll(&socket, 1, 0) != 0;
  }

  tl::expected<admin_answer, std::string> try_to_ask(std::string_view method, const std::string& target,
                                                     const std::string& body) {
    went_away_ = false;
    if (interrupted_) return tl::unexpected(std::string("it was interrupted"));
    if (!socket_) {
      if (const auto error = connect()) return failed("can't connect to", error);
      if (const auto error = shake_hands()) return failed("can't speak TLS with", error);
    }
    if (const auto error = write(method, target, body)) {
      went_away_ = true;
      return failed("can't write to", error);
    }
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(largest_answer_bytes);
    const auto error = wait([&](auto& stream, auto done) {
      beast::http::async_read(stream, buffer_, parser, [done](error_code ec, std::size_t) { done(ec); });
    });
    if (error) {
      went_away_ = !parser.got_some() && is_the_end(error);
      return failed("no answer from", error);
    }
    auto message = parser.release();
    if (!message.keep_alive()) close();
    return admin_answer{message.result_int(), std::move(message.body()),
                        std::string(message[beast::http::field::retry_after])};
  }

  error_code connect() {
    buffer_.clear();
    error_code error;
    asio::ip::tcp::resolver resolver(loop_);
    const auto found = resolver.resolve(server_.host, std::to_string(server_.port), error);
    if (error) return error;
    socket_.emplace(loop_);
    return wait([&](auto&, auto done) {
      socket_->async_connect(found, [done](error_code ec, const auto&) { done(ec); });
    });
  }

  /// Nothing to do for plain HTTP.
  error_code shake_hands() {
    if (!server_.trust) return {};
    secure_.emplace(*socket_, *server_.trust);
    expect_host(secure_->native_handle(), server_.host);
    return wait([&](auto&, auto done) { secure_->async_handshake(asio::ssl::stream_base::client, done); });
  }

  error_code write(std::string_view method, const std::string& target, const std::string& body) {
    beast::http::request<beast::http::string_body> request;
    request.method_string({method.data(), method.size()});
    request.target(target);
    request.version(11);
    request.set(beast::http::field::host, authority());
    request.set(beast::http::field::user_agent, "holdfast");
    if (!server_.key.empty()) request.set(beast::http::field::authorization, "Bearer " + server_.key);
    if (!body.empty()) request.set(beast::http::field::content_type, "application/json");
    request.body() = body;
    if (!body.empty() || method == "POST") request.prepare_payload();
    return wait([&](auto& stream, auto done) {
      beast::http::async_write(stream, request, [done](error_code ec, std::size_t) { done(ec); });
    });
  }

  /// Only asynchronous calls have a time-out.
  template <class Begin>
  error_code wait(const Begin& begin) {
    error_code result;
    const auto done = [&result](error_code ec) { result = ec; };
    socket_->expires_after(timeout_);
    secure_ ? begin(*secure_, done) : begin(*socket_, done);
    loop_.restart();
    loop_.run();
    return result;
  }

  tl::unexpected<std::string> failed(const char* what, error_code error) {
    const auto distrusted = secure_ ? distrust(secure_->native_handle()) : std::string();
    auto advice = distrusted.empty() ? "see that holdfast serve runs there, or give another --server"
                                     : advice_on_distrust(secure_->native_handle());
    close();
    return tl::unexpected(std::string(what) + (server_.trust ? " https://" : " http://") + authority() +
                          ": " + (distrusted.empty() ? error.message() : distrusted) +
                          (server_.advise ? "; " + std::move(advice) : std::string()));
  }

  void close() {
    secure_.reset();
    socket_.reset();
  }

  /// "127.0.0.1:8088", brackets around v6.
  std::string authority() const {
    const bool v6 = server_.host.find(':') != std::string::npos;
    return (v6 ? "[" + server_.host + "]" : server_.host) + ":" + std::to_string(server_.port);
  }

  const server_address server_;
  const std::chrono::milliseconds timeout_;
  asio::io_context loop_;
  std::optional<beast::tcp_stream> socket_;
  /// Over it, for HTTPS.
  std::optional<asio::ssl::stream<beast::tcp_stream&>> secure_;
  beast::flat_buffer buffer_;
  bool went_away_ = false;
  std::atomic<bool> interrupted_{false};
};

admin_client::admin_client(server_address server, std::chrono::milliseconds timeout)
    : connection_(std::make_unique<connection>(std::move(server), timeout)) {}

admin_client::~admin_client() = default;

tl::expected<admin_answer, std::string> admin_client::ask(std::string_view method, const std::string& target,
                                                          const std::string& body) {
  return connection_->ask(method, target, body);
}

void admin_client::interrupt() {
  connection_->interrupt();
}

}  // namespace holdfast::http
