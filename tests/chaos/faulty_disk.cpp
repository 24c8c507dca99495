// A library to be preloaded into the real binary: its calls on files do what the rules of the fault
// board say (fail, stall, do nothing, or end the process before, amid or after the n-th of them), and
// its wall clock goes wrong by as much as the board says. Needs no line of code in the product.
//
// Threading: any thread of the process; the board's atomics are all that is shared.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <optional>

#include "tests/chaos/fault_board.hpp"

namespace {

using namespace holdfast::chaos;

constexpr std::int64_t ms_per_s = 1000;
constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::size_t longest_path = 4096;

fault_board* map_board() {
  const char* path = std::getenv(board_variable);
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* memory = ::mmap(nullptr, sizeof(fault_board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<fault_board*>(memory);
}

/// Nothing where the process was started without a board.
fault_board* board() {
  static fault_board* const mapped = map_board();
  return mapped;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

[[noreturn]] void end_at_once() {
  ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGKILL);
  for (;;) ::pause();
}

bool is_about(const disk_rule& rule, disk_step step, const char* path) {
  return rule.armed && rule.step == step && std::strstr(path, rule.folder.data()) != nullptr &&
         std::strstr(path, rule.file.data()) != nullptr;
}

std::optional<disk_action> action_for(disk_step step, const char* path) {
  if (board() == nullptr) return std::nullopt;
  for (auto& rule : board()->rules) {
    if (!is_about(rule, step, path)) continue;
    const auto number = ++rule.seen;
    if (number < rule.first || number - rule.first >= rule.count) continue;
    ++rule.applied;
    return rule.action;
  }
  return std::nullopt;
}

bool any_rule() {
  if (board() == nullptr) return false;
  for (const auto& rule : board()->rules) {
    if (rule.armed) return true;
  }
  return false;
}

std::optional<disk_action> action_for(disk_step step, int descriptor) {
  if (!any_rule()) return std::nullopt;
  char link[32];
  char path[longest_path];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const int kept = errno;
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  errno = kept;
  if (size < 0) return std::nullopt;
  path[size] = '\0';
  return action_for(step, path);
}

int fail_with(int error) {
  errno = error;
  return -1;
}

/// `write_some(size)` writes so many of the bytes.
template <class Write>
ssize_t write_as_told(int descriptor, std::size_t size, Write write_some) {
  const auto action = action_for(disk_step::write, descriptor);
  if (!action) return write_some(size);
  switch (*action) {
    case disk_action::kill_before:
      end_at_once();
    case disk_action::kill_after:
      write_some(size);
      end_at_once();
    case disk_action::torn_then_kill:
      write_some(size / 2);
      end_at_once();
    case disk_action::short_write:
      return write_some(size > 1 ? size / 2 : size);
    case disk_action::io_error:
      return fail_with(EIO);
    case disk_action::no_space:
      return fail_with(ENOSPC);
    case disk_action::skip:
      return static_cast<ssize_t>(size);
    case disk_action::stall:
      ::poll(nullptr, 0, stall_ms);
      return write_some(size);
  }
  return write_some(size);
}

/// For calls that are done or not done.
template <class Call>
int call_as_told(std::optional<disk_action> action, Call call) {
  if (!action) return call();
  switch (*action) {
    case disk_action::kill_before:
    case disk_action::torn_then_kill:
      end_at_once();
    case disk_action::kill_after:
      call();
      end_at_once();
    case disk_action::io_error:
      return fail_with(EIO);
    case disk_action::no_space:
      return fail_with(ENOSPC);
    case disk_action::skip:
      return 0;
    case disk_action::stall:
      ::poll(nullptr, 0, stall_ms);
      return call();
    case disk_action::short_write:
      break;
  }
  return call();
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto next = real<ssize_t(int, const void*, size_t)>("write");
  return write_as_told(descriptor, size, [&](size_t some) { return next(descriptor, bytes, some); });
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t at) {
  static const auto next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return write_as_told(descriptor, size, [&](size_t some) { return next(descriptor, bytes, some, at); });
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t at) {
  static const auto next = real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return write_as_told(descriptor, size, [&](size_t some) { return next(descriptor, bytes, some, at); });
}

int fsync(int descriptor) {
  static const auto next = real<int(int)>("fsync");
  return call_as_told(action_for(disk_step::sync, descriptor), [&] { return next(descriptor); });
}

int fdatasync(int descriptor) {
  static const auto next = real<int(int)>("fdatasync");
  return call_as_told(action_for(disk_step::sync, descriptor), [&] { return next(descriptor); });
}

int syncfs(int descriptor) noexcept {
  static const auto next = real<int(int)>("syncfs");
  return call_as_told(action_for(disk_step::sync, descriptor), [&] { return next(descriptor); });
}

int sync_file_range(int descriptor, off64_t from, off64_t size, unsigned flags) {
  static const auto next = real<int(int, off64_t, off64_t, unsigned)>("sync_file_range");
  // Without flags it touches no disk: RocksDB asks so whether there is such a call.
  if (flags == 0) return next(descriptor, from, size, flags);
  return call_as_told(action_for(disk_step::sync, descriptor),
                      [&] { return next(descriptor, from, size, flags); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto next = real<int(const char*, const char*)>("rename");
  return call_as_told(action_for(disk_step::rename, to), [&] { return next(from, to); });
}

int unlink(const char* path) noexcept {
  static const auto next = real<int(const char*)>("unlink");
  return call_as_told(action_for(disk_step::remove, path), [&] { return next(path); });
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto next = real<int(clockid_t, timespec*)>("clock_gettime");
  const int result = next(clock, time);
  if (result != 0 || clock != CLOCK_REALTIME || board() == nullptr) return result;
  const std::int64_t offset = board()->clock_offset_ms;
  time->tv_sec += offset / ms_per_s;
  time->tv_nsec += offset % ms_per_s * ns_per_ms;
  if (time->tv_nsec < 0) {
    time->tv_nsec += ns_per_s;
    --time->tv_sec;
  } else if (time->tv_nsec >= ns_per_s) {
    time->tv_nsec -= ns_per_s;
    ++time->tv_sec;
  }
  return result;
}

int gettimeofday(timeval* __restrict time, void* __restrict) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / ms_per_s;
  return result;
}

time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
