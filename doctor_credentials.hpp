// What `holdfast doctor` looks at of who is let in, and of how the server shows who it is: files of keys and
// certificates. Reads them, and changes nothing. Used by one thread.
#pragma once

#include "configuration.hpp"
#include "diagnosis.hpp"

namespace holdfast {

void look_at_credentials(const configuration& settings, diagnosis& tell);

}  // namespace holdfast
