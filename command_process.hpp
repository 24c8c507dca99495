// What the process of every command does first and last, whatever its work is: log, limits and
// signals, and an exit code for what goes wrong.
// Threading: call from the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "logging.hpp"
#include "process_control.hpp"

namespace holdfast {

struct process_frame {
  end_signals& signals;
  /// How many file descriptors the process may have open.
  std::uint64_t descriptors;
};

/// Sets all of it up and runs `work`, whose exit code it returns; an exception is logged, and 1.
int run_process(log_level level, std::optional<log_format> format,
                const std::function<int(process_frame&)>& work);

/// Logs the message; the exit code of a failure.
int fail(const std::string& message);
/// The same for a setting that can't be used: trying again would not help.
int fail_for_good(const std::string& message);

}  // namespace holdfast
