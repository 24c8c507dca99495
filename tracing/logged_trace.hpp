// Which trace the log lines of this thread are about, for the log to show. Set around a line, by who knows.
#pragma once

#include <utility>

#include "tracing/trace_context.hpp"

namespace holdfast::tracing {

/// While it lives, what its thread logs is about this trace.
class logged_trace {
 public:
  explicit logged_trace(const trace_context& about) : before_(std::exchange(current(), about)) {}
  ~logged_trace() { current() = before_; }
  logged_trace(const logged_trace&) = delete;
  logged_trace& operator=(const logged_trace&) = delete;

  /// Of this thread; none most of the time.
  static trace_context& current() {
    thread_local trace_context now;
    return now;
  }

 private:
  trace_context before_;
};

}  // namespace holdfast::tracing
