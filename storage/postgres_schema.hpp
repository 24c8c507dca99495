// The tables of a PostgreSQL journal (storage/FORMAT.md): made, and brought to this program's version, by
// whoever starts first.
// Functions that block on a connection and throw postgres_failure.
#pragma once

#include <string>

#include "storage/postgres_connection.hpp"

namespace holdfast::storage {

/// A name as an identifier of SQL.
std::string quoted_identifier(const std::string& name);

/// Tells the connection how this journal works, whatever the server's defaults are: its schema, its plans,
/// and that a commit is durable when it answers. Refuses a server that can't promise that.
void set_up_session(postgres_connection& connection, const postgres_options& options);

/// Makes or migrates the tables of the session's schema where they need it, one process at a time, and gives
/// the store's id. A schema of a newer version is refused, and one into which a restore has not ended
/// (postgres_restore.hpp).
std::string open_schema(postgres_connection& connection, const postgres_options& options);

/// That this is still the store of that id, in the version of this program.
void check_schema(postgres_connection& connection, const std::string& store_id);

}  // namespace holdfast::storage
