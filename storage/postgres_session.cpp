#include "storage/postgres_session.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "storage/postgres_schema.hpp"

namespace holdfast::storage {

void postgres_session::run(clock::time_point asked_at,
                           const std::function<void(postgres_connection&)>& work) {
  const auto deadline = asked_at + options_.give_up_after;
  // What has waited its time behind others need not find out by itself that the server is down.
  if (!down_because_.empty() && clock::now() > deadline) give_up();
  for (auto delay = options_.retry_first_delay;; delay = std::min(2 * delay, options_.retry_longest_delay)) {
    try {
      work(connected());
      if (!down_because_.empty()) spdlog::info("journal in PostgreSQL: answers again");
      down_because_.clear();
      return;
    } catch (const postgres_failure& failure) {
      // Also where the server only refused a statement: what it would do next depends on it.
      connection_.reset();
      if (!failure.passing()) throw;
      if (down_because_.empty()) spdlog::warn("journal in PostgreSQL: {}; trying again", failure.what());
      down_because_ = failure.what();
      if (clock::now() + delay > deadline) give_up();
    }
    std::this_thread::sleep_for(delay);
  }
}

void postgres_session::give_up() const {
  throw postgres_failure(
      postgres_failure::kind::lasting,
      "tried again for " + std::to_string(options_.give_up_after.count()) + " ms; at last: " + down_because_);
}

postgres_connection& postgres_session::connected() {
  if (!connection_) {
    connection_.emplace(options_);
    set_up_session(*connection_, options_);
    check_schema(*connection_, store_id_);
  }
  return *connection_;
}

}  // namespace holdfast::storage
