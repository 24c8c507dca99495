// A connection that is made anew when it is lost, and work that is tried again meanwhile.
// Used by one thread, which it blocks, for no longer than `give_up_after` and one exchange.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "storage/postgres_connection.hpp"
#include "storage/postgres_options.hpp"

namespace holdfast::storage {

class postgres_session {
 public:
  /// Connects when there is something to do. The store must have this id.
  postgres_session(const postgres_options& options, std::string store_id)
      : options_(options), store_id_(std::move(store_id)) {}

  using clock = std::chrono::steady_clock;

  /// Does the work on a connection, and again on a new one after a failure that may pass, until it is done
  /// or `give_up_after` has passed since it was asked for; then throws what the last failure was. The work
  /// must know what it has done before.
  void run(clock::time_point asked_at, const std::function<void(postgres_connection&)>& work);

 private:
  postgres_connection& connected();
  [[noreturn]] void give_up() const;

  const postgres_options options_;
  const std::string store_id_;
  std::optional<postgres_connection> connection_;
  /// Why there is no connection; empty while there is one, and before the first.
  std::string down_because_;
};

}  // namespace holdfast::storage
