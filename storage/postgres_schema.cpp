#include "storage/postgres_schema.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "storage/shard.hpp"
#include "storage/store_id.hpp"

namespace holdfast::storage {
namespace {

/// Any number, as long as every program that migrates takes the same: "holdfast" in ASCII.
constexpr std::uint64_t migration_lock = 0x686f6c6466617374;

// Settings of a session hold against the database's and the role's, and against changes of the server's
// configuration file while it lasts.
//
// Warnings are let through: that a commit did not wait for its standby is told by one alone.
//
// Plans are fixed: every statement is a look into an index for each of a few given keys, whatever the
// statistics say, and those of a table that has just been filled say that it is empty. Planned once for
// all, and never by reading a table through.
constexpr postgres_statement set_up{
    "set_up",
    "SELECT current_setting('fsync'), current_setting('full_page_writes'), "
    "       current_setting('synchronous_commit'), "
    "       set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "                  ELSE current_setting('synchronous_commit') END, false), "
    "       set_config('search_path', quote_ident($1::text), false), "
    "       set_config('idle_in_transaction_session_timeout', $2::text, false), "
    "       set_config('lock_timeout', $3::text, false), "
    "       set_config('statement_timeout', '0', false), "
    "       set_config('client_min_messages', 'warning', false), "
    "       set_config('client_connection_check_interval', '1s', false), "
    "       set_config('tcp_keepalives_idle', '2', false), "
    "       set_config('tcp_keepalives_interval', '1', false), "
    "       set_config('tcp_keepalives_count', '3', false), "
    "       set_config('plan_cache_mode', 'force_generic_plan', false), "
    "       set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false), "
    "       set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)"};

constexpr postgres_statement begin_migration{"begin_migration", "BEGIN ISOLATION LEVEL READ COMMITTED"};
constexpr postgres_statement commit_migration{"commit_migration", "COMMIT"};
constexpr postgres_statement lock_migration{"lock_migration", "SELECT pg_advisory_lock($1::bigint)::text"};
constexpr postgres_statement unlock_migration{"unlock_migration",
                                              "SELECT pg_advisory_unlock($1::bigint)::text"};
constexpr postgres_statement has_journal{
    "has_journal", "SELECT (to_regclass(quote_ident($1::text) || '.journal') IS NOT NULL)::int::bigint"};
constexpr postgres_statement has_schema{
    "has_schema", "SELECT (to_regnamespace(quote_ident($1::text)) IS NOT NULL)::int::bigint"};
constexpr postgres_statement has_restore_mark{
    "has_restore_mark",
    "SELECT (to_regclass(quote_ident($1::text) || '.restoring') IS NOT NULL)::int::bigint"};
constexpr postgres_statement read_journal{"read_journal",
                                          "SELECT version::bigint, store_id, shards FROM journal"};
constexpr postgres_statement name_store{
    "name_store", "INSERT INTO journal (version, store_id, shards) VALUES (0, $1::text, $2::text)"};
constexpr postgres_statement set_version{"set_version", "UPDATE journal SET version = $1::bigint"};

// The shards' rows are updated with every batch, and their pages keep room for that. Rows of `unfinished`
// come and go: what is left of them is cleaned up by their number, not by a part of the table.
constexpr std::array<postgres_statement, 7> version_1{{
    {"version_1_journal",
     "CREATE TABLE journal (version integer NOT NULL, store_id text NOT NULL, shards text NOT NULL)"},
    {"version_1_one_row", "CREATE UNIQUE INDEX journal_has_one_row ON journal ((true))"},
    {"version_1_shards",
     "CREATE TABLE shards (shard smallint PRIMARY KEY, epoch bigint NOT NULL, counter bigint NOT NULL, "
     "last_position bigint NOT NULL, last_entity bigint NOT NULL) WITH (fillfactor = 10)"},
    {"version_1_all_shards",
     "INSERT INTO shards SELECT shard, 0, 0, 0, 0 FROM generate_series(0, 255) AS every(shard)"},
    {"version_1_records",
     "CREATE TABLE records (shard smallint NOT NULL, position bigint NOT NULL, entity bigint NOT NULL, "
     "first_sequence bigint NOT NULL, event_count integer NOT NULL, batch bigint NOT NULL, "
     "record bytea NOT NULL, PRIMARY KEY (shard, position), UNIQUE (entity, first_sequence))"},
    {"version_1_keys",
     "CREATE TABLE keys (shard smallint NOT NULL, key bytea NOT NULL, entity bigint NOT NULL, "
     "fingerprint bigint NOT NULL, PRIMARY KEY (shard, key))"},
    {"version_1_unfinished",
     "CREATE TABLE unfinished (shard smallint NOT NULL, entity bigint NOT NULL, PRIMARY KEY (shard, entity)) "
     "WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)"},
}};
static_assert(shard_count == 256, "version 1 makes as many rows");

/// What brings the schema from the version before to each version, from 1 on. Add to the end, change none.
constexpr std::array<std::span<const postgres_statement>, 1> migrations{version_1};
constexpr std::uint64_t known_version = migrations.size();

[[noreturn]] void refuse(const std::string& message) {
  throw postgres_failure(postgres_failure::kind::lasting, message);
}

struct journal_row {
  /// 0: there is none.
  std::uint64_t version = 0;
  std::string store_id;
  std::string shards;
};

journal_row read_row(postgres_connection& connection, const postgres_options& options) {
  if (connection.ask({has_journal, postgres_values().bytes(options.schema)}).number(0, 0) == 0) {
    return {};
  }
  const auto rows = connection.ask({read_journal});
  if (rows.count() != 1) refuse("its schema " + options.schema + " is not a journal of this program");
  return {rows.number(0, 0), rows.bytes(0, 1), rows.bytes(0, 2)};
}

std::string shards_of(const postgres_options& options) {
  return std::to_string(options.first_shard) + "-" + std::to_string(options.last_shard);
}

void check_version(std::uint64_t version) {
  if (version <= known_version) return;
  refuse("its schema has version " + std::to_string(version) + ", but this program knows up to version " +
         std::to_string(known_version) + ": run the program that made it, or a newer one");
}

void migrate(postgres_connection& connection, const postgres_options& options,
             const std::string& create_schema) {
  const postgres_statement create{"create_schema", create_schema.c_str()};
  // In front of the transaction: only at its start the server takes notice of the tables that another
  // process has made while we waited. Should we fail, the lock ends with the connection.
  connection.ask({lock_migration, postgres_values().number(migration_lock)});
  connection.ask({begin_migration});
  const auto found = read_row(connection, options);
  check_version(found.version);
  std::vector<postgres_request> requests;
  if (connection.ask({has_schema, postgres_values().bytes(options.schema)}).number(0, 0) == 0) {
    requests.push_back({create});
  }
  for (auto version = found.version; version < known_version; ++version) {
    for (const auto& statement : migrations[version]) requests.push_back({statement});
    if (version == 0) {
      requests.push_back({name_store, postgres_values().bytes(random_store_id()).bytes(shards_of(options))});
    }
    requests.push_back({set_version, postgres_values().number(version + 1)});
  }
  requests.push_back({commit_migration});
  requests.push_back({unlock_migration, postgres_values().number(migration_lock)});
  connection.exchange(requests);
  if (found.version < known_version) {
    spdlog::info("the journal's schema {} was brought from version {} to {}", options.schema, found.version,
                 known_version);
  }
}

}  // namespace

std::string quoted_identifier(const std::string& name) {
  std::string identifier = "\"";
  for (const char c : name) {
    identifier += c;
    if (c == '"') identifier += c;
  }
  return identifier + '"';
}

void set_up_session(postgres_connection& connection, const postgres_options& options) {
  const auto milliseconds = [](std::chrono::milliseconds time) { return std::to_string(time.count()); };
  const auto settings = connection.ask({set_up, postgres_values()
                                                    .bytes(options.schema)
                                                    .bytes(milliseconds(options.idle_in_transaction))
                                                    .bytes(milliseconds(options.exchange_timeout))});
  for (const auto& [name, column] : {std::pair{"fsync", 0}, std::pair{"full_page_writes", 1}}) {
    if (settings.bytes(0, column) != "off") continue;
    refuse(std::string("the server runs with ") + name +
           " = off, so it may lose or damage what was acknowledged when its machine fails: set it to on in "
           "postgresql.conf and reload");
  }
  if (settings.bytes(0, 2) == "off") {
    spdlog::warn("synchronous_commit is off in this database: the journal's own sessions set it to on");
  }
}

std::string open_schema(postgres_connection& connection, const postgres_options& options) {
  if (connection.ask({has_restore_mark, postgres_values().bytes(options.schema)}).number(0, 0) != 0) {
    refuse("a restore or an import into its schema " + options.schema +
           " was broken off, or goes on: where it does not, drop the schemas of both journals "
           "(holdfast_reservations, holdfast_receipts), and begin it again");
  }
  auto found = read_row(connection, options);
  check_version(found.version);
  if (found.version == 0 && options.must_exist) {
    refuse("there is no journal in its schema " + options.schema + ": is it the database of holdfast serve?");
  }
  if (found.version < known_version) {
    migrate(connection, options, "CREATE SCHEMA " + quoted_identifier(options.schema));
    found = read_row(connection, options);
  }
  if (found.shards != shards_of(options)) {
    refuse("it is for the shards " + found.shards + ", but " + options.setting + " gives it " +
           shards_of(options) + ": a shard stays where it is");
  }
  return found.store_id;
}

void check_schema(postgres_connection& connection, const std::string& store_id) {
  const auto rows = connection.ask({read_journal});
  if (rows.count() != 1 || rows.bytes(0, 1) != store_id) refuse("the server has another store now");
  check_version(rows.number(0, 0));
}

}  // namespace holdfast::storage
