// Looks whether the journals of a shop are in order: each by itself, and the two with one another. It may run
// beside a server.
//
// Threading: one thread; blocks on the journals. Memory: one shard at a time, one of 256.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "journal_transfer.hpp"

namespace holdfast {

/// Tells of everything that is wrong, each in a sentence.
tl::expected<transfer_counts, std::string> verify_journals(
    const shop_journals& journals, const std::function<void(const std::string& fault)>& wrong,
    const transfer_progress& told);

}  // namespace holdfast
