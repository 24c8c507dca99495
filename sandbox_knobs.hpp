// The sandbox's knobs as they are turned while it runs: named as in the table of settings, in
// camelCase and without its prefix. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "http/sandbox_control.hpp"

namespace holdfast {

/// Stores the value of a knob, or of "outage": true, false, or how long it lasts. Or says what is
/// wrong with name or value.
std::optional<std::string> turn_knob(http::sandbox_control& into, const std::string& name,
                                     const std::string& value);

}  // namespace holdfast
