// Who wrote what into the journal of a cluster, as its database saw it: of each record the epoch that its
// shard had then, and the address of the host whose append it was. Made with triggers of the database's, so
// that the program under test has no part in it. Functions that block; what goes wrong is thrown.
#pragma once

#include <string>
#include <vector>

#include "tests/proof/history.hpp"

namespace holdfast::chaos {

/// Once the journal's schemas are there, and before the first record.
void watch_appends(const std::string& url, const std::vector<std::string>& schemas);

/// Fills in whose epoch each record was appended in.
void add_epochs(const std::string& url, const std::string& schema, std::vector<proof::journal_line>& journal);

/// Where the appends break a rule of the fence: an epoch with two writers, one that falls, a gap in the
/// positions; a line for each, empty where all is well.
std::string broken_fences(const std::string& url);

}  // namespace holdfast::chaos
