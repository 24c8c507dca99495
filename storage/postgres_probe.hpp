// Looks at a PostgreSQL server without changing anything there: for `holdfast doctor`.
// Blocks; any thread.
#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

namespace holdfast::storage {

struct postgres_condition {
  std::string version;
  bool fsync = false;
  std::string synchronous_commit;
  /// The server's clock, and how long the question took.
  std::chrono::system_clock::time_point clock;
  std::chrono::milliseconds took{0};
  bool may_make_schemas = false;
};

/// Or why it can't be asked; without the URL, which may hold a password.
tl::expected<postgres_condition, std::string> probe_postgres(const std::string& url);

}  // namespace holdfast::storage
