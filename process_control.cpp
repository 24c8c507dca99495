#include "process_control.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

namespace holdfast {

namespace {

constexpr std::chrono::milliseconds answers_go_out_within{500};
/// A start may wait for a database for ever.
constexpr std::chrono::seconds start_goes_on_for{5};
constexpr int exit_code_of_failure = 1;
/// Sent by the process to itself. From outside it would end the process anyway.
constexpr int failure_signal = SIGUSR1;

sigset_t watched_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int each : {SIGTERM, SIGINT, SIGHUP, failure_signal}) ::sigaddset(&signals, each);
  return signals;
}

/// Whether anybody looks for the first signal.
std::atomic<bool> waited_for = false;

/// What to do on SIGHUP.
std::mutex hang_up_mutex;
std::function<void()> hang_up_call;
std::atomic<bool> hang_up_is_taken = false;

/// On a thread of its own: the one that hears of signals waits for nothing.
void call_on_hang_up() {
  std::thread([] {
    const std::lock_guard lock(hang_up_mutex);
    if (hang_up_call) hang_up_call();
  }).detach();
}

/// Each line of the log is flushed as it is written; doing so here would wait for whoever writes one and
/// can't.
[[noreturn]] void end_now(int code) {
  std::_Exit(code);
}

void end_if_the_start_goes_on(int code) {
  std::thread([code] {
    std::this_thread::sleep_for(start_goes_on_for);
    if (!waited_for) end_now(code);
  }).detach();
}

[[noreturn]] void watch(std::promise<int> first) {
  ::pthread_setname_np(::pthread_self(), "signals");
  const sigset_t signals = watched_signals();
  for (bool asked = false;;) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal == failure_signal) {
      std::this_thread::sleep_for(answers_go_out_within);
      end_now(exit_code_of_failure);
    }
    if (signal == SIGHUP && hang_up_is_taken) {
      call_on_hang_up();
      continue;
    }
    if (asked) end_now(128 + signal);
    asked = true;
    first.set_value(signal);
    if (!waited_for) end_if_the_start_goes_on(128 + signal);
  }
}

}  // namespace

void forbid_core_dumps() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

void keep_files_private() {
  ::umask(S_IRWXG | S_IRWXO);
}

std::uint64_t raise_descriptor_limit() {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  return descriptors.rlim_cur;
}

void ignore_signals_of_writes() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

end_signals::end_signals() {
  // Threads inherit the mask, so that only the watching one ever gets these signals.
  const sigset_t signals = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::promise<int> first;
  first_ = first.get_future();
  std::thread{watch, std::move(first)}.detach();
}

int end_signals::wait() {
  waited_for = true;
  return first_.get();
}

void end_signals::end_within(std::chrono::milliseconds time, int code) {
  std::thread([time, code] {
    std::this_thread::sleep_for(time);
    end_now(code);
  }).detach();
}

void end_signals::on_hang_up(std::function<void()> call) {
  const std::lock_guard lock(hang_up_mutex);
  hang_up_call = std::move(call);
  hang_up_is_taken = hang_up_call != nullptr;
}

void end_signals::end_after_failure() {
  ::kill(::getpid(), failure_signal);
}

}  // namespace holdfast
