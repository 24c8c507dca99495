// The composition root of the commands with which operators look after a running server: they ask its API.
#pragma once

namespace holdfast {

struct command;

/// Runs one of operator_commands(); the exit code: 0 done, 1 the server refused it or can't be reached, 2
/// arguments refused.
int operate(const command& about, int argc, const char* const* argv);

}  // namespace holdfast
