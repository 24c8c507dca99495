// A program that is not ours, as a child with its output in a file. Ended by its pid at the end of its scope,
// and by the kernel should the test die first. Used by one thread; what goes wrong is thrown.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

/// Of 127.0.0.1, for a program that has to be told one.
inline std::uint16_t free_loopback_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool bound = ::bind(socket, any, size) == 0 && ::getsockname(socket, any, &size) == 0;
  ::close(socket);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

class program {
 public:
  /// Runs it with a folder of its own for its home and working directory.
  explicit program(std::vector<std::string> command,
                   const std::vector<std::pair<std::string, std::string>>& environment = {}) {
    std::vector<char*> arguments;
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const std::string home = folder_.path().string();
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int output = ::open((home + "/output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::signal(SIGINT, SIG_DFL);
    ::setenv("HOME", home.c_str(), 1);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (::getppid() == parent && ::chdir(home.c_str()) == 0) ::execvp(arguments.front(), arguments.data());
    ::_exit(127);
  }
  ~program() {
    if (has_ended()) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  bool has_ended() {
    int status = 0;
    if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_code_.has_value();
  }

  /// The exit code, or 128 and the signal that ended it.
  int end(int signal) {
    if (!has_ended()) ::kill(pid_, signal);
    if (!eventually([this] { return has_ended(); })) throw std::runtime_error("did not end: " + output());
    return *exit_code_;
  }

  /// Everything that it has printed so far.
  std::string output() const {
    std::ifstream file(folder_ / "output");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  temporary_folder folder_;
  pid_t pid_ = 0;
  std::optional<int> exit_code_;
};

}  // namespace holdfast::testing
