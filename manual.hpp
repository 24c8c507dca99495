// `holdfast completion` and `holdfast manual`: the completion for bash and the man page, both made of the
// tables of commands and settings that the commands are parsed by. Pure functions, and two composition roots
// that print.
#pragma once

#include <string>

#include "command.hpp"

namespace holdfast {

extern const command completion_command;
extern const command manual_command;

/// For bash: `source <(holdfast completion)`.
std::string bash_completion();
/// docs/holdfast.1.
std::string man_page();

int completion(int argc, const char* const* argv);
int manual(int argc, const char* const* argv);

}  // namespace holdfast
