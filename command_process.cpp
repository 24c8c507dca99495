#include "command_process.hpp"

#include <spdlog/spdlog.h>

#include <exception>

#include "command.hpp"

namespace holdfast {

int run_process(log_level level, std::optional<log_format> format,
                const std::function<int(process_frame&)>& work) {
  start_logging(level, format.value_or(default_log_format()));
  ignore_signals_of_writes();
  const std::uint64_t descriptors = raise_descriptor_limit();
  end_signals signals;
  process_frame frame{signals, descriptors};
  try {
    const int code = work(frame);
    flush_logging();
    return code;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

int fail(const std::string& message) {
  spdlog::error(message);
  flush_logging();
  return 1;
}

int fail_for_good(const std::string& message) {
  fail(message);
  return exit_code_of_refusal;
}

}  // namespace holdfast
