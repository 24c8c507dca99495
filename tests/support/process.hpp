// Starts the real binary as a child, waits for what it prints and for its end, always with a
// deadline, and ends it by its pid when the test is over.
// Owned by one test; not thread-safe. What goes wrong is thrown with what the child had to say.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

/// Long enough for a loaded machine with sanitizers on; nothing waits for it to pass.
inline constexpr std::chrono::seconds child_deadline{60};

inline constexpr std::chrono::milliseconds between_two_looks{5};

using environment_variables = std::vector<std::pair<std::string, std::string>>;

class process {
 public:
  /// Runs the binary under test with these arguments. Of this process's environment it gets
  /// everything but HOLDFAST_* variables, and `environment` besides.
  explicit process(std::vector<std::string> arguments, const environment_variables& environment = {}) {
    const std::string errors_path = folder_ / "stderr";
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    output_ = out[0];

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors_path.c_str(), O_WRONLY | O_CREAT,
                                       0600);

    arguments.insert(arguments.begin(), HOLDFAST_BINARY);
    std::vector<std::string> variables = variables_for_child(environment);
    const int failed = ::posix_spawn(&pid_, HOLDFAST_BINARY, &actions, nullptr, pointers_to(arguments).data(),
                                     pointers_to(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    if (failed != 0) {
      throw std::runtime_error(std::string("can't start ") + HOLDFAST_BINARY + ": " + std::strerror(failed));
    }
    // glibc 2.36 declares pidfd_open() with the linkage of C++, so that it can't be linked.
    handle_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  }

  ~process() {
    if (!exit_code_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(handle_);
    ::close(output_);
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  pid_t pid() const { return pid_; }
  void send(int signal) { ::kill(pid_, signal); }

  /// Stops it. On return none of its threads runs any more, nor will before a SIGCONT (it may have ended);
  /// one that waits for a disk may still do so, unless `after_disk`.
  void freeze(bool after_disk) {
    send(SIGSTOP);
    const auto deadline = std::chrono::steady_clock::now() + child_deadline;
    while (!all_threads_are(after_disk ? "TZX" : "TDZX")) {
      if (std::chrono::steady_clock::now() > deadline) fail("does not stop");
      std::this_thread::yield();
    }
  }

  /// The next line that the child prints on standard output.
  std::string wait_for_line() {
    const auto deadline = std::chrono::steady_clock::now() + child_deadline;
    while (unread_.find('\n') == std::string::npos) {
      if (!wait_until_readable(output_, deadline)) fail("printed no line in time");
      if (!read_some()) fail("ended without printing a line");
    }
    const auto end = unread_.find('\n');
    const std::string line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return line;
  }

  /// Whether it has printed a line that nobody has taken. Does not wait.
  bool has_line() {
    while (unread_.find('\n') == std::string::npos) {
      if (!wait_until_readable(output_, std::chrono::steady_clock::now()) || !read_some()) return false;
    }
    return true;
  }

  /// The exit code, or 128 and the signal that ended it.
  int wait_for_exit() {
    if (exit_code_) return *exit_code_;
    if (!wait_until_readable(handle_, std::chrono::steady_clock::now() + child_deadline)) {
      fail("did not end in time");
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return *exit_code_;
  }

  bool has_ended() { return exit_code_ || wait_until_readable(handle_, std::chrono::steady_clock::now()); }

  /// What of standard output has not been taken as a line; complete once the child has ended.
  std::string rest_of_output() {
    while (read_some()) {
    }
    return unread_;
  }

  /// Returns once standard error contains this.
  void wait_for_error(const std::string& part) {
    const auto deadline = std::chrono::steady_clock::now() + child_deadline;
    while (errors().find(part) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) fail("never said '" + part + "'");
      std::this_thread::sleep_for(between_two_looks);
    }
  }

  /// Everything on standard error so far.
  std::string errors() const {
    std::ifstream file(folder_ / "stderr", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  /// Whether each thread is in one of these states, as proc(5) has them.
  bool all_threads_are(const std::string& states) const {
    const auto tasks = std::filesystem::path("/proc") / std::to_string(pid_) / "task";
    for (const auto& thread : std::filesystem::directory_iterator(tasks)) {
      std::ifstream file(thread.path() / "stat");
      const std::string stat{std::istreambuf_iterator<char>(file), {}};
      const auto state = stat.rfind(") ");
      if (state == std::string::npos) return false;
      if (states.find(stat[state + 2]) == std::string::npos) return false;
    }
    return true;
  }

  static std::vector<std::string> variables_for_child(const environment_variables& added) {
    std::vector<std::string> variables;
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string_view inherited = *each;
      const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& variable) {
        return inherited.starts_with(variable.first + "=");
      });
      if (!replaced && !inherited.starts_with("HOLDFAST_")) variables.emplace_back(inherited);
    }
    for (const auto& [name, value] : added) variables.push_back(name + "=" + value);
    return variables;
  }

  static std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  static bool wait_until_readable(int descriptor, std::chrono::steady_clock::time_point deadline) {
    pollfd waiting{descriptor, POLLIN, 0};
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
      if (ready >= 0 || errno != EINTR) return ready == 1;
    }
  }

  /// False at the end of the output.
  bool read_some() {
    char bytes[4096];
    const auto count = ::read(output_, bytes, sizeof bytes);
    if (count > 0) unread_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("holdfast (pid " + std::to_string(pid_) + ") " + what +
                             "; it said: " + errors());
  }

  temporary_folder folder_;
  pid_t pid_ = -1;
  /// Readable once the child has ended.
  int handle_ = -1;
  int output_ = -1;
  std::string unread_;
  std::optional<int> exit_code_;
};

/// The port that a child serves on, by the line that says that it is ready.
inline std::uint16_t port_in(const std::string& ready_line) {
  const std::string marker = "://";
  const auto at = ready_line.find(marker);
  const auto colon = at == std::string::npos ? at : ready_line.find(':', at + marker.size());
  if (colon == std::string::npos) throw std::runtime_error("no address in: " + ready_line);
  return static_cast<std::uint16_t>(std::stoi(ready_line.substr(colon + 1)));
}

/// A `holdfast serve` on a free port of this machine where the flags name none, ready to serve once
/// constructed.
class serving_process {
 public:
  explicit serving_process(const std::filesystem::path& data, std::vector<std::string> flags = {})
      : process_(arguments(data, std::move(flags))),
        ready_line_(process_.wait_for_line()),
        port_(port_in(ready_line_)) {}

  std::uint16_t port() const { return port_; }
  const std::string& ready_line() const { return ready_line_; }
  holdfast::testing::process& process() { return process_; }

  /// Ends it as an operator would; the exit code.
  int terminate() {
    process_.send(SIGTERM);
    return process_.wait_for_exit();
  }

  /// Ends it as a crash would.
  void kill() {
    process_.send(SIGKILL);
    process_.wait_for_exit();
  }

 private:
  static std::vector<std::string> arguments(const std::filesystem::path& data,
                                            std::vector<std::string> flags) {
    std::vector<std::string> all{"serve", "--data", data.string()};
    all.insert(all.end(), flags.begin(), flags.end());
    const bool listens = std::find(flags.begin(), flags.end(), "--listen") != flags.end();
    if (!listens) all.insert(all.end(), {"--listen", "127.0.0.1:0"});
    return all;
  }

  holdfast::testing::process process_;
  const std::string ready_line_;
  const std::uint16_t port_;
};

}  // namespace holdfast::testing
