// A connection that is made anew when it is lost, and work that is tried again meanwhile.
// Used by one thread, which it blocks, for no longer than its patience and one exchange.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "storage/postgres_connection.hpp"
#include "storage/postgres_options.hpp"

namespace holdfast::storage {

class postgres_session {
 public:
  using clock = std::chrono::steady_clock;

  /// How long work waits for a server that is away.
  struct patience {
    /// Since it was asked for; without a bound where it is absent.
    std::optional<std::chrono::milliseconds> bound;
    /// Once this is set nothing waits any more.
    const std::atomic<bool>& over;
  };

  /// Connects when there is something to do; each new connection is first given to `prepare`.
  postgres_session(const postgres_options& options, std::function<void(postgres_connection&)> prepare,
                   patience patience)
      : options_(options), prepare_(std::move(prepare)), patience_(patience) {}

  /// Does the work on a connection, and again on a new one after a failure that may pass, until it is done
  /// or its patience has ended; then throws what the last failure was. The work must know what it has done
  /// before.
  void run(clock::time_point asked_at, const std::function<void(postgres_connection&)>& work);

 private:
  postgres_connection& connected();
  bool patience_ends(clock::time_point asked_at, clock::duration further) const;
  [[noreturn]] void give_up() const;

  const postgres_options options_;
  const std::function<void(postgres_connection&)> prepare_;
  const patience patience_;
  std::optional<postgres_connection> connection_;
  /// Why there is no connection; empty while there is one, and before the first.
  std::string down_because_;
};

}  // namespace holdfast::storage
