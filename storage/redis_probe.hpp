// Looks at a Redis server without changing anything there: for `holdfast doctor`.
// Blocks; any thread.
#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "storage/redis_options.hpp"

namespace holdfast::storage {

struct redis_condition {
  std::string version;
  /// "noeviction", or what it throws away when its memory is full.
  std::string eviction;
  std::chrono::milliseconds took{0};
};

/// Or why it can't be asked.
tl::expected<redis_condition, std::string> probe_redis(const redis_options& options);

}  // namespace holdfast::storage
