#include "storage/postgres_session.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

namespace holdfast::storage {

void postgres_session::run(clock::time_point asked_at,
                           const std::function<void(postgres_connection&)>& work) {
  // What has waited its time behind others need not find out by itself that the server is down.
  if (!down_because_.empty() && patience_ends(asked_at, {})) give_up();
  for (auto delay = options_.retry_first_delay;; delay = std::min(2 * delay, options_.retry_longest_delay)) {
    try {
      work(connected());
      if (!down_because_.empty()) spdlog::info("PostgreSQL, schema {}: answers again", options_.schema);
      down_because_.clear();
      return;
    } catch (const postgres_failure& failure) {
      // Also where the server only refused a statement: what it would do next depends on it.
      connection_.reset();
      if (!failure.passing()) throw;
      if (down_because_.empty())
        spdlog::warn("PostgreSQL, schema {}: {}; trying again", options_.schema, failure.what());
      down_because_ = failure.what();
      if (patience_ends(asked_at, delay)) give_up();
    }
    std::this_thread::sleep_for(delay);
  }
}

bool postgres_session::patience_ends(clock::time_point asked_at, clock::duration further) const {
  return patience_.over || (patience_.bound && clock::now() + further > asked_at + *patience_.bound);
}

void postgres_session::give_up() const {
  const auto tried =
      patience_.bound ? "for " + std::to_string(patience_.bound->count()) + " ms" : "to the end";
  throw postgres_failure(postgres_failure::kind::lasting,
                         "tried again " + tried + "; at last: " + down_because_);
}

postgres_connection& postgres_session::connected() {
  if (!connection_) {
    connection_.emplace(options_);
    prepare_(*connection_);
  }
  return *connection_;
}

}  // namespace holdfast::storage
