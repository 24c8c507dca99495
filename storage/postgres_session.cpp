#include "storage/postgres_session.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "storage/postgres_schema.hpp"

namespace holdfast::storage {

void postgres_session::run(const std::function<void(postgres_connection&)>& work) {
  using clock = std::chrono::steady_clock;
  const auto begin = clock::now();
  const auto deadline = begin + options_.give_up_after;
  const auto so_far = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin).count();
  };
  bool failed = false;
  for (auto delay = options_.retry_first_delay;; delay = std::min(2 * delay, options_.retry_longest_delay)) {
    try {
      work(connected());
      if (failed) spdlog::info("journal in PostgreSQL: answers again after {} ms", so_far());
      return;
    } catch (const postgres_failure& failure) {
      // Also where the server only refused a statement: what it would do next depends on it.
      connection_.reset();
      if (!failure.passing()) throw;
      if (clock::now() + delay > deadline) {
        throw postgres_failure(postgres_failure::kind::lasting,
                               "tried again for " + std::to_string(options_.give_up_after.count()) +
                                   " ms; at last: " + failure.what());
      }
      if (!failed) {
        spdlog::warn("journal in PostgreSQL: {}; trying again for up to {} ms", failure.what(),
                     options_.give_up_after.count());
      }
      failed = true;
    }
    std::this_thread::sleep_for(delay);
  }
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
