// Where a PostgreSQL journal lives and how long it waits. Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "storage/shard.hpp"

namespace holdfast::storage {

struct postgres_options {
  /// As libpq takes it: `postgres://USER@HOST:PORT/DATABASE`, or several hosts with commas, of which the one
  /// that takes writes is used.
  std::string url;
  /// The schema within the database that holds this journal and nothing else; made where it is absent, unless
  /// it has to be there.
  std::string schema = "holdfast";
  bool must_exist = false;
  /// The shards that this journal is for. It remembers them, and is not opened for others.
  shard_id first_shard = 0;
  shard_id last_shard = shard_count - 1;
  /// The setting that the URL came from, for messages.
  std::string setting = "--journal";
  /// For each single exchange with the server, of which a batch of appends takes two. A connection that
  /// takes longer is given up and made anew.
  std::chrono::milliseconds exchange_timeout{5'000};
  /// So long an entity is looked for on a server that is down or restarting, then that read fails.
  std::chrono::milliseconds give_up_reading_after{2'000};
  /// Between attempts: from the first on doubled up to the second.
  std::chrono::milliseconds retry_first_delay{20};
  std::chrono::milliseconds retry_longest_delay{500};
  /// The server ends a transaction of ours that stands still for longer, for it holds locks that another
  /// owner waits for: of a process that was stopped, or is cut off.
  std::chrono::milliseconds idle_in_transaction{1'000};
  /// Records that may wait to be written. A call beyond that fails, and with it the journal.
  std::size_t most_waiting_bytes = 256 * 1024 * 1024;
  /// Entities that may wait to be looked for; a look beyond that fails by itself. Far above what a node asks
  /// for that starts alone: all 256 shards at once, each 64 of its unfinished reservations (`resume_window`
  /// of actors/engine.hpp), 16,384 in all, and as many again for its customers.
  std::size_t most_waiting_reads = 64 * 1024;
};

}  // namespace holdfast::storage
