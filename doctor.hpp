// The composition root of `holdfast doctor`: looks whether holdfast serve would find what it needs with these
// settings, and says what to do where not. Changes nothing but a file of its own in the data folder, which
// goes, and the ports, which it takes for a moment.
#pragma once

namespace holdfast {

/// The exit code: 0 all is well, warnings included; 1 something is not; 2 settings refused.
int doctor(int argc, const char* const* argv);

}  // namespace holdfast
