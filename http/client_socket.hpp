// A client's socket, as it is or with TLS over it: reads and writes go one way or the other by one look at a
// pointer, so that a plain one costs what a bare socket does. A value of one session, which stays where it
// is; on its event loop's thread only.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "http/tls_certificates.hpp"

namespace holdfast::http {

/// Asio's sockets with the executor's type erased cost an allocation for each operation.
using loop_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class client_socket {
 public:
  using executor_type = loop_socket::executor_type;
  using error_code = boost::system::error_code;

  /// Without a context it stays plain.
  client_socket(loop_socket plain, tls_context context)
      : plain_(std::move(plain)),
        context_(std::move(context)),
        tls_(context_ ? std::make_unique<tls_stream>(plain_, *context_) : nullptr) {}

  executor_type get_executor() { return plain_.get_executor(); }
  /// What lies below.
  loop_socket& plain() { return plain_; }
  const loop_socket& plain() const { return plain_; }
  bool secure() const { return tls_ != nullptr; }

  template <class Handler>
  void async_handshake(Handler&& done) {
    tls_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Handler>(done));
  }
  /// Whoever is there doesn't speak TLS.
  void become_plain() { tls_ = nullptr; }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& into, Handler&& done) {
    if (tls_) return tls_->async_read_some(into, std::forward<Handler>(done));
    plain_.async_read_some(into, std::forward<Handler>(done));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& bytes, Handler&& done) {
    if (tls_) return tls_->async_write_some(bytes, std::forward<Handler>(done));
    plain_.async_write_some(bytes, std::forward<Handler>(done));
  }
  /// What goes without waiting, which with TLS is nothing.
  template <class Buffers>
  std::size_t write_some(const Buffers& bytes, error_code& error) {
    if (!tls_) return plain_.write_some(bytes, error);
    error = boost::asio::error::would_block;
    return 0;
  }
  /// Says, within TLS, that nothing more comes, and waits for the other side to say so too.
  template <class Handler>
  void async_say_goodbye(Handler&& done) {
    tls_->async_shutdown(std::forward<Handler>(done));
  }

 private:
  using tls_stream = boost::asio::ssl::stream<loop_socket&>;

  loop_socket plain_;
  tls_context context_;
  std::unique_ptr<tls_stream> tls_;
};

}  // namespace holdfast::http
