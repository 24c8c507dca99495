// Reads the TOML file of the configuration: flat, `name = value`, with names as in the table of
// settings. Threading: any.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "configuration_settings.hpp"

namespace holdfast {

inline constexpr std::size_t largest_configuration_file_bytes = 64 * 1024;

/// A value for a setting, and where it comes from as a refusal names it: "--listen",
/// "HOLDFAST_LISTEN", "holdfast.toml line 3: listen".
struct given_value {
  const setting* what = nullptr;
  std::string source;
  std::string text;
};

/// The values, or a message with the path and the line.
tl::expected<std::vector<given_value>, std::string> read_configuration_file(const std::string& path);

}  // namespace holdfast
