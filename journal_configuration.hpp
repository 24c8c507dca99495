// What `holdfast journal` is told: see command.hpp for the sources and their order.
// Plain values; parsing shares no state.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "command.hpp"
#include "journal_access.hpp"
#include "logging.hpp"

namespace holdfast {

struct journal_configuration {
  journal_location where;
  /// To be written or read; empty for verify.
  std::string file;
  log_level level = log_level::warn;
  std::optional<log_format> format;
};

/// All of them.
std::span<const command* const> journal_commands();

std::vector<setting> settings_of(const command& about, journal_configuration& into);

tl::expected<journal_configuration, early_exit> parse_journal_configuration(
    const command& about, int argc, const char* const* argv, const environment_variables& environment);

}  // namespace holdfast
