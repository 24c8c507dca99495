// Stands between a client and the test's PostgreSQL server, on a unix socket of its own, and hands on bytes,
// until it is told what to do with the next COMMIT that the client asks for: what a network does at the
// worst moment. Afterwards it goes on handing on, new connections too.
// Owns a thread for each connection; used by one test.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/postgres_server.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

enum class commit_fault : std::uint8_t {
  none,
  /// The server never sees it; both sides lose the connection.
  lost_on_the_way,
  /// The server carries it out; the client loses the connection without an answer.
  answer_lost,
  /// The client loses the connection; the server gets it all the same, later.
  lands_late,
  /// The client waits for the answer, and then the server gets it.
  held_up
};

class postgres_proxy {
 public:
  /// What happens between the harm to the commit and what follows: in front of a commit that lands late or
  /// is held up, behind one that is lost or whose answer is. Called by another thread, until it says true.
  explicit postgres_proxy(std::function<bool()> meanwhile = [] { return true; })
      : meanwhile_(std::move(meanwhile)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_in(folder_.path().string());
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener_, 16) != 0) {
      throw std::runtime_error("no socket for the proxy");
    }
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }
  ~postgres_proxy() {
    acceptor_.request_stop();
    acceptor_.join();
    connections_.clear();
    ::close(listener_);
  }
  postgres_proxy(const postgres_proxy&) = delete;
  postgres_proxy& operator=(const postgres_proxy&) = delete;

  std::string url(const postgres_database& database) const {
    return "postgres:///" + database.name() + "?user=holdfast&host=" + folder_.path().string();
  }

  void next_commit(commit_fault fault) { fault_ = fault; }
  int faults() const { return faults_; }
  /// Faults that are over: both sides have lost the connection.
  int harmed() const { return harmed_; }

 private:
  static constexpr int look_every_ms = 5;
  /// As the journal names its statement: it stands in the message that asks for it.
  static constexpr std::string_view commit{"\0commit\0", 8};

  static sockaddr_un address_in(const std::string& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder + "/.s.PGSQL.5432").copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
  }

  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{listener_, POLLIN, 0};
      if (::poll(&ready, 1, look_every_ms) <= 0) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      connections_.emplace_back([this, client](const std::stop_token& ends) { serve(client, ends); });
    }
  }

  void serve(int client, const std::stop_token& stop) {
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_in(shared_postgres().host());
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      hand_on(client, server, stop);
    }
    ::close(client);
    ::close(server);
  }

  void hand_on(int client, int server, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (::poll(ready, 2, look_every_ms) <= 0) continue;
      std::string bytes;
      if (ready[0].revents != 0) {
        if (!receive(client, bytes)) return;
        if (bytes.find(commit) != std::string::npos) {
          if (const auto fault = fault_.exchange(commit_fault::none); fault != commit_fault::none) {
            ++faults_;
            do_harm(fault, bytes, client, server, stop);
            ++harmed_;
            return;
          }
        }
        if (!send(server, bytes)) return;
      }
      if (ready[1].revents != 0 && (!receive(server, bytes) || !send(client, bytes))) return;
    }
  }

  /// Both sides lose the connection when it returns.
  void do_harm(commit_fault fault, const std::string& bytes, int client, int server,
               const std::stop_token& stop) const {
    if (fault == commit_fault::lost_on_the_way) {
      ::shutdown(server, SHUT_RDWR);
      return wait_meanwhile(stop);
    }
    if (fault == commit_fault::lands_late) ::shutdown(client, SHUT_RDWR);
    if (fault != commit_fault::answer_lost) wait_meanwhile(stop);
    if (send(server, bytes)) wait_for_commit(server, stop);
    if (fault == commit_fault::answer_lost) wait_meanwhile(stop);
  }

  void wait_meanwhile(const std::stop_token& stop) const {
    while (!stop.stop_requested() && !meanwhile_()) std::this_thread::yield();
  }

  /// For its answer, whatever that is: the server is ready for the next exchange behind it.
  static void wait_for_commit(int server, const std::stop_token& stop) {
    constexpr std::string_view ready_for_query{"Z\0\0\0\5", 5};
    std::string answer;
    while (!stop.stop_requested() && answer.find(ready_for_query) == std::string::npos) {
      pollfd ready{server, POLLIN, 0};
      if (::poll(&ready, 1, look_every_ms) > 0 && !receive(server, answer)) return;
    }
  }

  static bool receive(int from, std::string& bytes) {
    char buffer[1 << 16];
    const auto size = ::recv(from, buffer, sizeof(buffer), 0);
    if (size <= 0) return false;
    bytes.append(buffer, static_cast<std::size_t>(size));
    return true;
  }

  static bool send(int to, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto size = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  const std::function<bool()> meanwhile_;
  temporary_folder folder_;
  int listener_ = -1;
  std::atomic<commit_fault> fault_ = commit_fault::none;
  std::atomic<int> faults_ = 0;
  std::atomic<int> harmed_ = 0;
  /// Of the acceptor alone while it runs.
  std::list<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace holdfast::testing
