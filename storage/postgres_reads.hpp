// What is read from a PostgreSQL journal for the port.
// Functions that block on a connection and throw postgres_failure.
#pragma once

#include <vector>

#include "storage/journal.hpp"
#include "storage/postgres_connection.hpp"

namespace holdfast::storage {

std::vector<journal_record> read_entity(postgres_connection& connection, entity_id entity);
std::vector<journal_record> read_shard(postgres_connection& connection, shard_id shard, position from,
                                       std::uint32_t limit);
std::vector<entity_id> list_unfinished(postgres_connection& connection, shard_id shard, entity_id after,
                                       std::uint32_t limit);
std::vector<kept_key> list_keys(postgres_connection& connection, shard_id shard, const std::string& after,
                                std::uint32_t limit);
std::vector<position> read_ends(postgres_connection& connection);

}  // namespace holdfast::storage
