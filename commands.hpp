// The list of all commands, and what their settings are called.
// Constant.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "command.hpp"

namespace holdfast {

std::span<const command* const> all_commands();

/// Calls it with the table of settings of the command, which may be read by it meanwhile.
void with_settings(const command& about,
                   const std::function<void(const std::vector<setting>& settings)>& use);

/// Whether a setting of any command is called so, or its variable.
bool is_known_setting(const std::string& name);
bool is_known_variable(const std::string& variable);

}  // namespace holdfast
