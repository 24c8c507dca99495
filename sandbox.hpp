// `holdfast sandbox`, the composition root of the payment provider in a process of its own.
#pragma once

namespace holdfast {

/// Runs until it is told to end; the exit code.
int sandbox(int argc, const char* const* argv);

}  // namespace holdfast
