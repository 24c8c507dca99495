// What a judge asks of those who ran: one server, or a cluster of them.
// Owned by one run; one thread.
#pragma once

#include <string>
#include <vector>

#include "tests/chaos/recorder.hpp"
#include "tests/proof/history.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::chaos {

class site {
 public:
  site() = default;
  virtual ~site() = default;
  site(const site&) = delete;
  site& operator=(const site&) = delete;

  virtual recorder& into() = 0;
  virtual testing::sandbox_process& provider() = 0;

  /// Whether whoever has to serve does, all of it. Throws where one has ended though nothing was done to it.
  virtual bool serves_all() = 0;
  /// All records of "reservations" or "receipts", shard by shard; it may be in use.
  virtual std::vector<proof::journal_line> journal(const std::string& name) = 0;
  /// Of one that serves.
  virtual testing::http_client client() = 0;
  virtual std::vector<proof::reservation_id> parked() = 0;
  /// Where the events are published to; null where they are not.
  virtual const testing::redis_server* publishes_to() = 0;
  /// Everything that was kept, searched for the card that customers pay with.
  virtual std::vector<proof::canary_search> canaries() = 0;
  /// At rest: complains of what only it can see.
  virtual void look_further() = 0;
  /// Keeps what was said on standard error beside the history of a bad run; lines for people.
  virtual std::string keep_logs(const std::string& stem) = 0;
};

}  // namespace holdfast::chaos
