// One connection to PostgreSQL, in libpq's pipeline mode: all statements of an exchange travel at once, and
// their results come back at once, so an exchange costs one round trip however many they are.
//
// Used by one thread at a time, which it blocks, for no longer than the time-out. After a failure it is of
// no use any more: what the server did of that exchange is unknown. Unless the server itself has refused a
// statement, with an SQLSTATE: it takes the next exchange.
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "storage/postgres_options.hpp"
#include "storage/postgres_values.hpp"

namespace holdfast::storage {

/// What the server or the network did; what() says it in their words. Thrown within the adapter and caught
/// where a call is answered.
class postgres_failure : public std::runtime_error {
 public:
  /// Whether it may go away by itself, as a restart does, so that trying again makes sense.
  enum class kind : std::uint8_t { passing, lasting };

  postgres_failure(kind what, const std::string& message, std::string state = "")
      : std::runtime_error(message), kind_(what), state_(std::move(state)) {}
  bool passing() const { return kind_ == kind::passing; }
  /// The server's SQLSTATE; empty for what it did not say itself.
  const std::string& state() const { return state_; }

 private:
  kind kind_;
  std::string state_;
};

/// Prepared when a connection first uses it. A constant of the program's: told apart by its name.
struct postgres_statement {
  const char* name;
  const char* sql;
};

struct postgres_request {
  const postgres_statement& statement;
  postgres_values values = {};
};

class postgres_connection {
 public:
  /// Connects, to a server that takes writes. Throws postgres_failure, as everything here does.
  explicit postgres_connection(const postgres_options& options);
  postgres_connection(const postgres_connection&) = delete;
  postgres_connection& operator=(const postgres_connection&) = delete;

  /// The rows of each request, in their order. Fails where one fails; those behind it are not carried out.
  std::vector<postgres_rows> exchange(const std::vector<postgres_request>& requests);
  postgres_rows ask(postgres_request request);

  /// What the server warned of as it carried out the last request of the last exchange, a COMMIT say; empty
  /// where it did not. What it warned of before that says nothing of a commit: near the end of its
  /// transaction numbers it warns at every transaction that writes.
  const std::string& warning() const { return warning_; }

 private:
  using time_point = std::chrono::steady_clock::time_point;

  void send(const postgres_request& request);
  void wait_for_result(time_point deadline);
  void flush_and_poll(time_point deadline);
  [[noreturn]] void fail_lost() const;
  static void notice(void* self, const PGresult* notice);

  const std::chrono::milliseconds exchange_timeout_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::set<std::string_view> prepared_;
  /// What has been sent in this exchange.
  struct sent {
    const char* statement;
    /// Its rows were asked for; else it was to be prepared.
    bool has_rows;
  };
  std::vector<sent> sent_;
  std::string warning_;
};

/// The server and the database in a URL, for messages: without the password. Throws where libpq can't read
/// the URL.
std::string where_of(const postgres_options& options);

}  // namespace holdfast::storage
