// Reads the TOML file of the configuration: flat, `name = value`, with the names of settings. Tables are
// refused.
// Threading: any.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "command.hpp"

namespace holdfast {

inline constexpr std::size_t largest_configuration_file_bytes = 64 * 1024;

/// The values of these settings, or a message with the path and the line. What is a setting of
/// another command only is left out.
tl::expected<std::vector<given_value>, std::string> read_configuration_file(
    const std::string& path, const std::vector<setting>& settings);

}  // namespace holdfast
