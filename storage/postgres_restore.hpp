// The mark of a restore that has not ended: a table `restoring` beside those of a journal in PostgreSQL.
// Where it is, the journal is not opened (postgres_schema.hpp). Functions that block; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/postgres_places.hpp"

namespace holdfast::storage {

/// In this schema, which is there, of each place. Or why it can't be made.
std::optional<std::string> begin_restore(const std::vector<postgres_place>& places,
                                         const std::string& schema);
/// Or why it can't be removed.
std::optional<std::string> end_restore(const std::vector<postgres_place>& places, const std::string& schema);

}  // namespace holdfast::storage
