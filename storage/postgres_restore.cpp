#include "storage/postgres_restore.hpp"

#include "storage/postgres_connection.hpp"
#include "storage/postgres_schema.hpp"

namespace holdfast::storage {

namespace {

std::optional<std::string> run_in(const std::vector<postgres_place>& places, const std::string& sql) {
  const postgres_statement statement{"restore_mark", sql.c_str()};
  try {
    for (const auto& place : places) {
      postgres_options options;
      options.url = place.url;
      postgres_connection(options).ask({statement});
    }
  } catch (const postgres_failure& failure) {
    return std::string("the mark of a restore: ") + failure.what();
  }
  return std::nullopt;
}

std::string mark_in(const std::string& schema) {
  return quoted_identifier(schema) + ".restoring";
}

}  // namespace

std::optional<std::string> begin_restore(const std::vector<postgres_place>& places,
                                         const std::string& schema) {
  return run_in(places, "CREATE TABLE " + mark_in(schema) + " ()");
}

std::optional<std::string> end_restore(const std::vector<postgres_place>& places, const std::string& schema) {
  return run_in(places, "DROP TABLE " + mark_in(schema));
}

}  // namespace holdfast::storage
