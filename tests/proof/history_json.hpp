// Histories as files: one JSON object a line, so that a run can be judged again and looked at with
// the tools of the shell. The bytes of records are written in hex.
// Pure, but for the streams.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <tl/expected.hpp>

#include "tests/proof/history.hpp"

namespace holdfast::proof {

void write_history(std::ostream& out, const history& what);

/// The history, or which line could not be read and why.
tl::expected<history, std::string> read_history(std::istream& in);

}  // namespace holdfast::proof
