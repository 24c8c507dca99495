// What a run leaves behind, read into a history: the journals from their folders, the ledger from the
// provider, view and parked list from the server.
// Blocks; one thread. What can't be read is thrown.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/journal.hpp"
#include "tests/proof/history.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::chaos {

/// All records of a journal, shard by shard; it may be in use.
std::vector<proof::journal_line> read_journal(storage::journal& journal);
std::vector<proof::journal_line> read_journal(const std::filesystem::path& folder);

/// Reservations of the journal that have a step left and are not parked, as lines to print.
std::vector<std::string> unfinished_in(const std::vector<proof::journal_line>& reservations);

std::vector<proof::ledger_line> read_ledger(testing::sandbox_process& provider);
std::vector<proof::view_line> read_view(testing::http_client& client);
std::vector<proof::reservation_id> read_parked(testing::http_client& client);

/// Looks for the digits, with and without separators, in all files of the folder.
proof::canary_search search_folder(const std::filesystem::path& folder, const std::string& digits);

}  // namespace holdfast::chaos
