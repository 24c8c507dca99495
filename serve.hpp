// `holdfast serve`, the composition root of the engine: configuration in, ports built, engine and
// listener started, and all of it ended in the opposite order. The only one that knows every
// adapter.
#pragma once

namespace holdfast {

/// Runs until it is told to end; the exit code.
int serve(int argc, const char* const* argv);

}  // namespace holdfast
