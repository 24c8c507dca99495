// A blocking HTTP client on a bare TCP socket for tests: it sends whatever bytes it is told to
// and reads responses by the letter. Every wait has a deadline and throws when it passes.
// One thread each.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::testing {

struct raw_response {
  int status = 0;
  std::string status_line;
  /// Names in lower case, in the order of arrival.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// The first header of this name (lower case), empty where there is none.
  std::string header(std::string_view name) const {
    for (const auto& [header, value] : headers) {
      if (header == name) return value;
    }
    return {};
  }
  bool has_header(std::string_view name) const {
    return std::any_of(headers.begin(), headers.end(),
                       [name](const auto& each) { return each.first == name; });
  }
};

/// Nothing came in time, and the connection is still open.
struct deadline_passed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class raw_client {
 public:
  using clock = std::chrono::steady_clock;

  /// `deadline` is how long any one wait below may take.
  explicit raw_client(std::uint16_t port, const std::string& address = "127.0.0.1",
                      std::chrono::milliseconds deadline = std::chrono::seconds{10})
      : deadline_(deadline) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) fail("socket");
    sockaddr_in endpoint{};
    endpoint.sin_family = AF_INET;
    endpoint.sin_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &endpoint.sin_addr);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&endpoint), sizeof endpoint) != 0) {
      const int error = errno;
      ::close(socket_);
      errno = error;
      fail("connect");
    }
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  ~raw_client() { close(); }
  raw_client(raw_client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        deadline_(other.deadline_),
        received_(std::move(other.received_)) {}
  raw_client& operator=(raw_client&&) = delete;

  void send(std::string_view bytes) {
    const auto until = clock::now() + deadline_;
    while (!bytes.empty()) {
      wait_for(POLLOUT, until);
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) fail("send");
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// As send(), but a connection that the other side has closed is no failure.
  void send_if_open(std::string_view bytes) {
    try {
      send(bytes);
    } catch (const std::runtime_error&) {
      return;
    }
  }

  /// The next response. `to_head`: it answers a HEAD, so no body follows.
  raw_response read_response(bool to_head = false) {
    const auto until = clock::now() + deadline_;
    std::size_t head_end;
    while ((head_end = received_.find("\r\n\r\n")) == std::string::npos) require_more(until);
    raw_response response = parse_head(received_.substr(0, head_end + 2));
    received_.erase(0, head_end + 4);
    const bool no_body =
        to_head || response.status / 100 == 1 || response.status == 204 || response.status == 304;
    if (no_body) return response;
    const std::size_t length = std::strtoul(response.header("content-length").c_str(), nullptr, 10);
    while (received_.size() < length) require_more(until);
    response.body = received_.substr(0, length);
    received_.erase(0, length);
    return response;
  }

  /// Sends and reads the response.
  raw_response exchange(std::string_view request, bool to_head = false) {
    send(request);
    return read_response(to_head);
  }

  /// Whatever arrives next; empty once the other side has closed.
  std::string read_some() {
    if (received_.empty()) receive(clock::now() + deadline_);
    return std::exchange(received_, {});
  }

  /// What arrives until the other side closes, in order or by a reset.
  std::string read_until_close() {
    const auto until = clock::now() + deadline_;
    while (receive(until)) {
    }
    return std::exchange(received_, {});
  }

  /// Whether nothing arrives within this time and the connection stays open.
  bool is_quiet_for(std::chrono::milliseconds time) {
    pollfd wait{socket_, POLLIN, 0};
    return received_.empty() && ::poll(&wait, 1, static_cast<int>(time.count())) == 0;
  }

  /// So that what this side has not read mostly stays with the other side.
  void bound_receive_buffer(int bytes) { ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }

  void shut_down_sending() { ::shutdown(socket_, SHUT_WR); }

  /// Leaves at once: the other side sees a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  [[noreturn]] static void fail(const std::string& what) {
    throw std::runtime_error("raw_client: " + what + ": " + std::strerror(errno));
  }

  void wait_for(short what, clock::time_point until) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    pollfd wait{socket_, what, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) == 0) {
      throw deadline_passed("raw_client: the deadline has passed");
    }
  }

  /// False once the other side has closed.
  bool receive(clock::time_point until) {
    wait_for(POLLIN, until);
    char bytes[16 * 1024];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  void require_more(clock::time_point until) {
    if (!receive(until)) throw std::runtime_error("raw_client: closed before a whole response");
  }

  static raw_response parse_head(const std::string& head) {
    raw_response response;
    std::size_t line_end = head.find("\r\n");
    response.status_line = head.substr(0, line_end);
    if (!response.status_line.starts_with("HTTP/1.1 ")) {
      throw std::runtime_error("raw_client: no response: " + response.status_line);
    }
    response.status = std::atoi(response.status_line.c_str() + 9);
    for (std::size_t begin = line_end + 2; begin < head.size(); begin = line_end + 2) {
      line_end = head.find("\r\n", begin);
      const std::string line = head.substr(begin, line_end - begin);
      const std::size_t colon = line.find(": ");
      if (colon == std::string::npos) throw std::runtime_error("raw_client: malformed header: " + line);
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      response.headers.emplace_back(std::move(name), line.substr(colon + 2));
    }
    return response;
  }

  int socket_ = -1;
  std::chrono::milliseconds deadline_;
  std::string received_;
};

}  // namespace holdfast::testing
