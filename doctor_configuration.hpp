// What `holdfast doctor` is told: all that holdfast serve is (configuration.hpp).
// Constant.
#pragma once

#include "command.hpp"

namespace holdfast {

extern const command doctor_command;

}  // namespace holdfast
