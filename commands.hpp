// The list of all commands, and what their settings are called.
// Constant.
#pragma once

#include <span>
#include <string>

#include "command.hpp"

namespace holdfast {

std::span<const command* const> all_commands();

/// Whether a setting of any command is called so, or its variable.
bool is_known_setting(const std::string& name);
bool is_known_variable(const std::string& variable);

}  // namespace holdfast
