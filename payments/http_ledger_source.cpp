#include "payments/http_ledger_source.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "payments/ledger_json.hpp"

namespace holdfast::payments {

namespace {

namespace http = boost::beast::http;

constexpr std::size_t body_bytes_at_once = 64 * 1024;
constexpr std::size_t largest_head_bytes = 8 * 1024;

class ledger_failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string authority_of(const http_ledger_options& options) {
  const bool v6 = options.host.find(':') != std::string::npos;
  return (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port);
}

/// A blocking connection whose every wait is bounded; Beast's SyncReadStream.
class connection {
 public:
  explicit connection(const http_ledger_options& options) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto port = std::to_string(options.port);
    if (const int error = ::getaddrinfo(options.host.c_str(), port.c_str(), &wanted, &found); error != 0) {
      throw ledger_failure("can't resolve " + options.host + ": " + ::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
    int error = 0;
    for (const auto* each = found; each != nullptr && socket_ < 0; each = each->ai_next) {
      error = connect_to(*each, options.longest_silence);
    }
    if (socket_ < 0) throw ledger_failure("can't connect: " + std::string(std::strerror(error)));
  }
  ~connection() {
    if (socket_ >= 0) ::close(socket_);
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw ledger_failure("can't send: " + std::string(std::strerror(errno)));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, boost::system::error_code& error) {
    for (auto each = boost::asio::buffer_sequence_begin(buffers);
         each != boost::asio::buffer_sequence_end(buffers); ++each) {
      const boost::asio::mutable_buffer buffer = *each;
      if (buffer.size() > 0) return receive(buffer, error);
    }
    error = {};
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    boost::system::error_code error;
    const auto count = read_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return count;
  }

 private:
  /// The errno, 0 where it is connected.
  int connect_to(const addrinfo& address, std::chrono::milliseconds longest) {
    const int opened = ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol);
    if (opened < 0) return errno;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(longest);
    const timeval limit{seconds.count(),
                        std::chrono::duration_cast<std::chrono::microseconds>(longest - seconds).count()};
    ::setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(opened, address.ai_addr, address.ai_addrlen) != 0) {
      // Linux says "in progress" where the time-out of sending ends a connect.
      const int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
      ::close(opened);
      return error;
    }
    socket_ = opened;
    return 0;
  }

  std::size_t receive(boost::asio::mutable_buffer into, boost::system::error_code& error) {
    for (;;) {
      const auto count = ::recv(socket_, into.data(), into.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      error = {};
      if (count == 0) error = boost::asio::error::eof;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        error = boost::asio::error::timed_out;
      } else if (count < 0) {
        error.assign(errno, boost::system::system_category());
      }
      return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
  }

  int socket_ = -1;
};

std::string request_for(const http_ledger_options& options) {
  std::string text = "GET /ledger HTTP/1.1\r\nHost: " + authority_of(options) +
                     "\r\nAccept: application/json\r\nConnection: close\r\n";
  if (!options.key.empty()) text += "Authorization: Bearer " + options.key.reveal() + "\r\n";
  return text + "\r\n";
}

void check_status(unsigned status) {
  if (status == 200) return;
  const auto answered = "it answered " + std::to_string(status) + " to GET /ledger";
  if (status == 401 || status == 403) throw ledger_failure(answered + ": it wants another --payment-key");
  if (status / 100 == 4) {
    throw ledger_failure("it offers no ledger (" + answered +
                         "). holdfast sandbox has one; with another provider, such as Stripe, compare "
                         "its own reports");
  }
  throw ledger_failure(answered);
}

/// The body of one answer, as it arrives.
class answer {
 public:
  answer(connection& from, boost::beast::flat_buffer& buffer) : from_(from), buffer_(buffer) {
    parser_.header_limit(largest_head_bytes);
    parser_.body_limit(boost::none);  // Never kept: each entry is dealt with as it comes.
    boost::system::error_code error;
    http::read_header(from_, buffer_, parser_, error);
    if (error) throw ledger_failure("it gave no HTTP answer: " + error.message());
    check_status(parser_.get().result_int());
  }

  /// None at the end.
  std::string_view more() {
    while (!parser_.is_done()) {
      auto& body = parser_.get().body();
      body.data = bytes_.data();
      body.size = bytes_.size();
      boost::system::error_code error;
      http::read_some(from_, buffer_, parser_, error);
      if (error == http::error::need_buffer) error = {};
      if (error) throw ledger_failure("its ledger broke off: " + error.message());
      const auto count = bytes_.size() - body.size;
      if (count > 0) return {bytes_.data(), count};
    }
    return {};
  }

 private:
  connection& from_;
  boost::beast::flat_buffer& buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::array<char, body_bytes_at_once> bytes_;
};

}  // namespace

tl::expected<void, std::string> http_ledger_source::for_each(
    const std::function<void(const money_movement&)>& each) {
  const auto because = [&](const std::string& why) {
    return tl::unexpected("the ledger of the provider at " + authority_of(options_) + ": " + why);
  };
  try {
    connection provider(options_);
    provider.send(request_for(options_));
    boost::beast::flat_buffer buffer;
    answer ledger(provider, buffer);
    const auto parsed = parse_ledger([&] { return ledger.more(); }, each);
    if (!parsed) return because(parsed.error());
    return {};
  } catch (const ledger_failure& failure) {
    return because(failure.what());
  }
}

}  // namespace holdfast::payments
