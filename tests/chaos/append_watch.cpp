#include "tests/chaos/append_watch.hpp"

#include <map>
#include <sstream>
#include <utility>

#include "tests/support/postgres_server.hpp"

namespace holdfast::chaos {

namespace {

// Its schema's own `shards` are found by the journal's search path.
constexpr const char* make_watch =
    "CREATE SCHEMA watch;"
    "CREATE TABLE watch.appends (journal text, shard bigint, position bigint, epoch bigint, writer text);"
    "CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO watch.appends SELECT TG_TABLE_SCHEMA, added.shard, added.position, shards.epoch, "
    "host(inet_client_addr()) FROM added JOIN shards ON shards.shard = added.shard; "
    "RETURN NULL; END $$;";

constexpr const char* find_broken =
    "SELECT string_agg(line, E'\\n') FROM ("
    "SELECT 'shard ' || shard || ' of ' || journal || ': epoch ' || epoch || ' has the writers ' || "
    "string_agg(DISTINCT writer, ', ') AS line "
    "FROM watch.appends GROUP BY journal, shard, epoch HAVING count(DISTINCT writer) > 1 "
    "UNION ALL "
    "SELECT 'shard ' || shard || ' of ' || journal || ': position ' || position || ', epoch ' || epoch || "
    "' comes after position ' || coalesce(position_before, 0) || ', epoch ' || coalesce(epoch_before, 0) "
    "FROM (SELECT *, lag(position) OVER per_shard AS position_before, lag(epoch) OVER per_shard AS "
    "epoch_before "
    "FROM watch.appends WINDOW per_shard AS (PARTITION BY journal, shard ORDER BY position)) AS rows "
    "WHERE position <> coalesce(position_before, 0) + 1 OR epoch < epoch_before) AS lines";

}  // namespace

void watch_appends(const std::string& url, const std::vector<std::string>& schemas) {
  std::string statements = make_watch;
  for (const auto& schema : schemas) {
    statements += "CREATE TRIGGER watch AFTER INSERT ON " + schema +
                  ".records REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION watch.note();";
  }
  testing::run_sql(url, statements);
}

void add_epochs(const std::string& url, const std::string& schema,
                std::vector<proof::journal_line>& journal) {
  std::istringstream all(testing::run_sql(url,
                                          "SELECT string_agg(shard || ' ' || position || ' ' || epoch, ' ') "
                                          "FROM watch.appends WHERE journal = '" +
                                              schema + "'"));
  std::map<std::pair<std::uint64_t, std::uint64_t>, storage::epoch> epochs;
  std::uint64_t shard = 0, position = 0;
  for (storage::epoch epoch = 0; all >> shard >> position >> epoch;) epochs[{shard, position}] = epoch;
  for (auto& line : journal) line.owner_epoch = epochs[{line.record.shard, line.record.at}];
}

std::string broken_fences(const std::string& url) {
  return testing::run_sql(url, find_broken);
}

}  // namespace holdfast::chaos
