#include "storage/postgres_probe.hpp"

#include <libpq-fe.h>

#include <cstdlib>
#include <memory>

namespace holdfast::storage {

namespace {

constexpr const char* question =
    "SELECT current_setting('server_version'), current_setting('fsync'), "
    "current_setting('synchronous_commit'), "
    "(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
    "has_database_privilege(current_database(), 'CREATE')";

/// libpq's messages end with a line's end.
std::string message_of(const PGconn* connection) {
  std::string text = PQerrorMessage(connection);
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

}  // namespace

tl::expected<postgres_condition, std::string> probe_postgres(const std::string& url) {
  const char* names[] = {"dbname", "connect_timeout", nullptr};
  const char* values[] = {url.c_str(), "5", nullptr};
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdbParams(names, values, 1), PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return tl::unexpected(message_of(connection.get()));
  const auto began = std::chrono::steady_clock::now();
  const std::unique_ptr<PGresult, void (*)(PGresult*)> row(PQexec(connection.get(), question), PQclear);
  const auto took = std::chrono::steady_clock::now() - began;
  if (PQresultStatus(row.get()) != PGRES_TUPLES_OK) return tl::unexpected(message_of(connection.get()));
  const auto cell = [&](int column) { return std::string(PQgetvalue(row.get(), 0, column)); };
  const std::chrono::milliseconds since_epoch(std::strtoll(cell(3).c_str(), nullptr, 10));
  return postgres_condition{.version = cell(0),
                            .fsync = cell(1) == "on",
                            .synchronous_commit = cell(2),
                            .clock = std::chrono::system_clock::time_point(since_epoch),
                            .took = std::chrono::ceil<std::chrono::milliseconds>(took),
                            .may_make_schemas = cell(4) == "t"};
}

}  // namespace holdfast::storage
