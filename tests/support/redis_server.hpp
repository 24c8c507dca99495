// A real redis-server of the test's own, on a free port of 127.0.0.1 unless told another address, and with
// its data in a temporary folder. It is killed by its pid at the end of its scope, and by the kernel should
// the test die first. Used by one thread.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

class redis_server {
 public:
  explicit redis_server(std::string address = "127.0.0.1") : address_(std::move(address)) {
    constexpr int attempts = 10;
    for (int attempt = 0; attempt < attempts && !running(); ++attempt) {
      port_ = free_loopback_port();
      start();
    }
    if (!running()) {
      throw std::runtime_error("redis-server does not start");
    }
  }
  ~redis_server() { kill(); }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;

  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }
  /// For `serve --view`.
  std::string url() const { return "redis://" + address_ + ":" + std::to_string(port_) + "/0"; }
  bool running() const { return pid_ != 0; }

  /// kill -9, also of a paused server.
  void kill() {
    if (running()) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }
  void pause() { signal_and_wait(SIGSTOP, WUNTRACED); }
  void resume() { signal_and_wait(SIGCONT, WCONTINUED); }

  /// Starts it after kill(), on the same port and with what save() has kept. False where the port
  /// was taken meanwhile.
  bool start() {
    int log[2];
    if (::pipe2(log, O_CLOEXEC) != 0) {
      return false;
    }
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() == parent) {
        ::dup2(log[1], STDOUT_FILENO);
        run();
      }
      ::_exit(127);
    }
    ::close(log[1]);
    const bool ready = wait_until_ready(log[0]);
    ::close(log[0]);
    if (!ready) {
      kill();
    }
    return ready;
  }

  /// One command, its arguments binary safe. Throws where there is no answer or an error.
  void command(const std::vector<std::string>& arguments) { integer(arguments); }

  /// The same with an integer for an answer (0 where it is none).
  long long integer(const std::vector<std::string>& arguments) {
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
        redisConnect(address_.c_str(), port_), redisFree);
    if (!context || context->err != 0) {
      throw std::runtime_error("no connection to redis-server");
    }
    std::vector<const char*> pointers;
    std::vector<std::size_t> lengths;
    for (const std::string& argument : arguments) {
      pointers.push_back(argument.data());
      lengths.push_back(argument.size());
    }
    auto* reply = static_cast<redisReply*>(
        redisCommandArgv(context.get(), static_cast<int>(pointers.size()), pointers.data(), lengths.data()));
    if (reply == nullptr || reply->type == REDIS_REPLY_ERROR) {
      throw std::runtime_error("redis-server refuses " + arguments.front());
    }
    const long long value = reply->integer;
    freeReplyObject(reply);
    return value;
  }

  void flush() { command({"FLUSHALL"}); }
  void save() { command({"SAVE"}); }
  /// Where that goes, to "dump.rdb".
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  static constexpr std::chrono::milliseconds ready_within{10'000};

  void run() const {
    const std::string port = std::to_string(port_);
    const std::string folder = folder_.path().string();
    ::execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", address_.c_str(),
             "--protected-mode", "no", "--dir", folder.c_str(), "--save", "", "--appendonly", "no",
             static_cast<char*>(nullptr));
  }

  /// Reads the server's log until it says so. Redis does not mind that nobody reads on.
  static bool wait_until_ready(int log) {
    const auto deadline = std::chrono::steady_clock::now() + ready_within;
    std::string text;
    while (text.find("Ready to accept connections") == std::string::npos) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd readable{log, POLLIN, 0};
      char bytes[4096];
      if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) {
        return false;
      }
      const ssize_t size = ::read(log, bytes, sizeof(bytes));
      if (size <= 0) {
        return false;
      }
      text.append(bytes, static_cast<std::size_t>(size));
    }
    return true;
  }

  void signal_and_wait(int signal, int state) {
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, state);
  }

  const std::string address_;
  temporary_folder folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace holdfast::testing
