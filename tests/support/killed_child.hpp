// This test program again, as a process that runs one of its skipped test cases until it is killed, and tells
// meanwhile, by a pipe, which entities it is through with.
// Owned by one test; not thread-safe.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "storage/shard.hpp"

namespace holdfast::testing {

class killed_child {
 public:
  /// Works in this folder.
  killed_child(const std::string& test_case, const std::string& folder) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    told_ = pipe[0];
    const auto of_folder = std::string(folder_variable) + "=" + folder;
    const auto of_pipe = std::string(pipe_variable) + "=" + std::to_string(pipe[1]);
    const auto filter = "--test-case=" + test_case;
    char* const arguments[] = {const_cast<char*>("child"), const_cast<char*>("--no-skip"),
                               const_cast<char*>(filter.c_str()), nullptr};
    char* const environment[] = {const_cast<char*>(of_folder.c_str()), const_cast<char*>(of_pipe.c_str()),
                                 nullptr};
    id_ = ::fork();
    if (id_ == 0) {
      ::execve("/proc/self/exe", arguments, environment);
      ::_exit(EXIT_FAILURE);
    }
    ::close(pipe[1]);
  }
  killed_child(const killed_child&) = delete;
  killed_child& operator=(const killed_child&) = delete;
  ~killed_child() {
    if (id_ > 0) end();
    ::close(told_);
  }

  /// The next `count`, or as many as come before it ends.
  std::vector<storage::entity_id> told(std::size_t count) {
    std::vector<storage::entity_id> ids;
    for (storage::entity_id id = 0; ids.size() < count && ::read(told_, &id, sizeof(id)) == sizeof(id);) {
      ids.push_back(id);
    }
    return ids;
  }

  /// What it told before that and was not read yet.
  std::vector<storage::entity_id> kill() {
    const auto status = end();
    // It has failed where it ended by itself.
    REQUIRE(WIFSIGNALED(status));
    return told(std::size_t(-1));
  }

  // --- For the child ---

  static std::string folder() { return std::getenv(folder_variable); }
  /// Whether it was heard.
  static bool tell(storage::entity_id id) {
    static const int pipe = std::atoi(std::getenv(pipe_variable));
    return ::write(pipe, &id, sizeof(id)) == sizeof(id);
  }

 private:
  static constexpr auto folder_variable = "HOLDFAST_TEST_FOLDER";
  static constexpr auto pipe_variable = "HOLDFAST_TEST_PIPE";

  int end() {
    ::kill(id_, SIGKILL);
    int status = 0;
    ::waitpid(std::exchange(id_, -1), &status, 0);
    return status;
  }

  pid_t id_ = -1;
  int told_ = -1;
};

}  // namespace holdfast::testing
