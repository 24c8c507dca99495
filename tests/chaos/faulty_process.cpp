#include "tests/chaos/faulty_process.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <system_error>

namespace holdfast::chaos {

namespace {

constexpr std::array step_names{"write", "sync", "rename", "remove"};
constexpr std::array action_names{"kill-before", "kill-after", "torn-then-kill", "short-write",
                                  "io-error",    "no-space",   "skip",           "stall"};

void copy_part(path_part& into, const std::string& from) {
  if (from.size() >= into.size()) throw std::invalid_argument("too long for a rule: " + from);
  into = {};
  std::memcpy(into.data(), from.data(), from.size());
}

}  // namespace

std::string to_text(const disk_fault& fault) {
  std::string text = action_names.at(static_cast<std::size_t>(fault.action));
  text += " at " + std::string(step_names.at(static_cast<std::size_t>(fault.step))) + " " +
          std::to_string(fault.first);
  if (fault.count == std::numeric_limits<std::uint64_t>::max()) {
    text += " and all after it";
  } else if (fault.count > 1) {
    text += " and " + std::to_string(fault.count - 1) + " more";
  }
  return text + " of " + fault.folder + " " + fault.file;
}

faulty_process::faulty_process() {
  const std::string path = folder_ / "board";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void* memory = MAP_FAILED;
  if (file >= 0 && ::ftruncate(file, sizeof(fault_board)) == 0) {
    memory = ::mmap(nullptr, sizeof(fault_board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  const int error = errno;
  if (file >= 0) ::close(file);
  if (memory == MAP_FAILED) throw std::system_error(error, std::system_category(), path);
  board_ = new (memory) fault_board;
}

faulty_process::~faulty_process() {
  ::munmap(board_, sizeof(fault_board));
}

testing::environment_variables faulty_process::environment() const {
  return {{"LD_PRELOAD", FAULTY_DISK_LIBRARY}, {board_variable, folder_ / "board"}};
}

void faulty_process::arm(const disk_fault& fault) {
  for (auto& rule : board_->rules) {
    if (rule.armed) continue;
    copy_part(rule.folder, fault.folder);
    copy_part(rule.file, fault.file);
    rule.step = fault.step;
    rule.action = fault.action;
    rule.first = fault.first;
    rule.count = fault.count;
    rule.seen = 0;
    rule.applied = 0;
    rule.armed = true;
    return;
  }
  throw std::runtime_error("every rule of the fault board is taken");
}

void faulty_process::disarm() {
  for (auto& rule : board_->rules) {
    rule.armed = false;
    rule.applied = 0;
  }
}

std::uint64_t faulty_process::applied() const {
  std::uint64_t sum = 0;
  for (const auto& rule : board_->rules) sum += rule.applied;
  return sum;
}

}  // namespace holdfast::chaos
