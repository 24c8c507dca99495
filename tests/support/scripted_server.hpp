// An HTTP server on bare TCP that does to each request what the test's script says: answer, close,
// break off, hang or talk nonsense. One thread of its own, on which the script runs. What it has
// seen can be asked for by any thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::testing {

/// A loopback port that is bound and, unless `listen` is called, refuses connections.
class loopback_socket {
 public:
  loopback_socket() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in endpoint{};
    endpoint.sin_family = AF_INET;
    endpoint.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof endpoint;
    auto* address = reinterpret_cast<sockaddr*>(&endpoint);
    if (socket_ < 0 || ::bind(socket_, address, size) != 0 || ::getsockname(socket_, address, &size) != 0) {
      throw std::system_error(errno, std::generic_category(), "loopback_socket");
    }
    port_ = ntohs(endpoint.sin_port);
  }
  ~loopback_socket() { ::close(socket_); }
  loopback_socket(const loopback_socket&) = delete;
  loopback_socket& operator=(const loopback_socket&) = delete;

  void listen() { ::listen(socket_, 1024); }
  int get() const { return socket_; }
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

struct scripted_request {
  std::string method;
  std::string target;
  /// Everything before the body, the request line included.
  std::string head;
  std::string body;
  /// Connections count from 1 in the order in which they were accepted.
  int connection = 0;
  /// Requests of one connection count from 1.
  int number = 0;

  bool has_line(const std::string& line) const { return head.find("\r\n" + line + "\r\n") != head.npos; }
};

struct scripted_action {
  /// What is sent, as it is.
  std::string bytes;
  bool then_close = false;
  /// One byte at a time.
  bool slowly = false;
  /// Sent by release(), not before.
  bool held = false;
  /// Sent by release() as well, behind everything else.
  std::string unasked = {};
};

inline std::string http_bytes(int status, const std::string& body, const std::string& more_headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + more_headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class scripted_server {
 public:
  using script = std::function<scripted_action(const scripted_request&)>;

  explicit scripted_server(script script) : script_(std::move(script)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    listener_.listen();
    thread_ = std::thread([this] { run(); });
  }
  ~scripted_server() {
    stopping_ = true;
    wake();
    thread_.join();
    for (const auto& [socket, connection] : connections_) ::close(socket);
    ::close(wake_);
  }
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  std::uint16_t port() const { return listener_.port(); }

  /// From now on nothing is held; what was held is sent.
  void release() {
    released_ = true;
    wake();
  }

  /// Whether what was held has been sent.
  bool has_sent_held() const { return sent_held_; }

  std::vector<scripted_request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int accepted() const { return accepted_; }
  int open() const { return open_; }
  int most_open() const { return most_open_; }
  int closed_by_client() const { return closed_by_client_; }

 private:
  struct connection {
    int number = 0;
    int requests = 0;
    std::string received;
    std::string held;
  };

  void wake() {
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) std::abort();
  }

  void run() {
    while (!stopping_) {
      std::vector<pollfd> waits{{wake_, POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (const auto& [socket, connection] : connections_) waits.push_back({socket, POLLIN, 0});
      ::poll(waits.data(), waits.size(), -1);
      std::uint64_t ignored = 0;
      if (waits[0].revents != 0 && ::read(wake_, &ignored, sizeof ignored) < 0) std::abort();
      if (released_) send_held();
      for (std::size_t i = 2; i < waits.size(); ++i) {
        if (waits[i].revents != 0) receive(waits[i].fd);
      }
      if (waits[1].revents != 0) accept();
    }
  }

  void accept() {
    const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections_[socket].number = ++accepted_;
    most_open_ = std::max(most_open_.load(), ++open_);
  }

  void close(int socket) {
    ::close(socket);
    connections_.erase(socket);
    --open_;
  }

  void receive(int socket) {
    char buffer[4096];
    const auto count = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      ++closed_by_client_;
      return close(socket);
    }
    auto& from = connections_[socket];
    from.received.append(buffer, static_cast<std::size_t>(count));
    scripted_request request;
    while (take_request(from, request)) {
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (!act(socket, from, script_(request))) return;
    }
  }

  static bool take_request(connection& from, scripted_request& request) {
    const auto end = from.received.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    request.head = from.received.substr(0, end + 2);
    const auto length_at = request.head.find("Content-Length: ");
    const auto length =
        length_at == std::string::npos ? 0 : std::strtoul(request.head.c_str() + length_at + 16, nullptr, 10);
    if (from.received.size() < end + 4 + length) return false;
    request.body = from.received.substr(end + 4, length);
    from.received.erase(0, end + 4 + length);
    const auto space = request.head.find(' ');
    request.method = request.head.substr(0, space);
    request.target = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
    request.connection = from.number;
    request.number = ++from.requests;
    return true;
  }

  /// False where the connection is closed.
  bool act(int socket, connection& on, const scripted_action& action) {
    if (action.held && !released_) {
      on.held += action.bytes;
      return true;
    }
    on.held += action.unasked;
    const std::size_t piece = action.slowly ? 1 : std::max<std::size_t>(action.bytes.size(), 1);
    for (std::size_t at = 0; at < action.bytes.size(); at += piece) {
      send(socket, std::string_view(action.bytes).substr(at, piece));
    }
    if (action.then_close) close(socket);
    return !action.then_close;
  }

  void send_held() {
    for (auto& [socket, connection] : connections_) send(socket, std::exchange(connection.held, {}));
    sent_held_ = true;
  }

  /// Answers are small against the socket's buffer; a client that is gone is no failure.
  static void send(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  script script_;
  loopback_socket listener_;
  int wake_;
  std::map<int, connection> connections_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> released_{false};
  std::atomic<bool> sent_held_{false};
  std::atomic<int> accepted_{0};
  std::atomic<int> open_{0};
  std::atomic<int> most_open_{0};
  std::atomic<int> closed_by_client_{0};
  mutable std::mutex mutex_;
  std::vector<scripted_request> requests_;
  std::thread thread_;
};

}  // namespace holdfast::testing
