#include "storage/postgres_connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <poll.h>

namespace holdfast::storage {
namespace {

using failure_kind = postgres_failure::kind;

/// libpq ends its messages with the end of a line, and puts one host a line.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, text.find_last_not_of(" \n") + 1));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

/// By the class of an SQLSTATE, its first two characters (PostgreSQL's appendix A): the connection, a
/// conflict with another transaction, a lack of resources, an operator's doing, the machine.
bool may_pass(std::string_view state) {
  constexpr std::array<std::string_view, 5> passing{"08", "40", "53", "57", "58"};
  constexpr std::string_view lock_not_available = "55P03";
  constexpr std::string_view idle_in_transaction = "25P03";
  // From PostgreSQL 17 on.
  constexpr std::string_view transaction_timeout = "25P04";
  constexpr std::string_view read_only = "25006";
  return std::find(passing.begin(), passing.end(), state.substr(0, 2)) != passing.end() ||
         state == lock_not_available || state == idle_in_transaction || state == transaction_timeout ||
         state == read_only;
}

postgres_failure failure_of(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  // libpq gives no state to what it finds out by itself, a lost connection above all.
  const bool passing = state == nullptr || may_pass(state);
  return {passing ? failure_kind::passing : failure_kind::lasting, one_line(PQresultErrorMessage(result)),
          state == nullptr ? "" : state};
}

PGconn* connect(const postgres_options& options) {
  // What stands in front of `dbname` may be set otherwise by the URL. PQconnectdb counts in whole seconds,
  // and takes fewer than two for two.
  const auto seconds =
      std::to_string(std::chrono::ceil<std::chrono::seconds>(options.exchange_timeout).count());
  const std::array<const char*, 5> names{"connect_timeout", "target_session_attrs",
                                         "fallback_application_name", "dbname", nullptr};
  const std::array<const char*, 5> values{seconds.c_str(), "read-write", "holdfast", options.url.c_str(),
                                          nullptr};
  return PQconnectdbParams(names.data(), values.data(), 1);
}

}  // namespace

postgres_connection::postgres_connection(const postgres_options& options)
    : exchange_timeout_(options.exchange_timeout), connection_(connect(options), PQfinish) {
  auto* connection = connection_.get();
  if (PQstatus(connection) != CONNECTION_OK) {
    throw postgres_failure(failure_kind::passing, one_line(PQerrorMessage(connection)));
  }
  PQsetNoticeReceiver(connection, &notice, this);
  if (PQsetnonblocking(connection, 1) != 0 || PQenterPipelineMode(connection) != 1) fail_lost();
}

std::vector<postgres_rows> postgres_connection::exchange(const std::vector<postgres_request>& requests) {
  const auto deadline = std::chrono::steady_clock::now() + exchange_timeout_;
  warning_.clear();
  sent_.clear();
  for (const auto& request : requests) send(request);
  if (PQpipelineSync(connection_.get()) != 1) fail_lost();

  std::vector<postgres_rows> answers;
  std::optional<postgres_failure> failure;
  for (auto asked = sent_.begin();;) {
    wait_for_result(deadline);
    auto* const result = PQgetResult(connection_.get());
    if (result == nullptr) {
      // Behind each statement's result. libpq also answers so when a connection is gone.
      if (PQstatus(connection_.get()) != CONNECTION_OK) fail_lost();
      continue;
    }
    postgres_rows rows(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) break;
    if (status == PGRES_FATAL_ERROR && !failure) failure = failure_of(result);
    if (failure && PQstatus(connection_.get()) != CONNECTION_OK) break;
    if (asked == sent_.end()) continue;
    if (asked->has_rows) {
      answers.push_back(std::move(rows));
    } else if (status == PGRES_COMMAND_OK) {
      prepared_.insert(asked->statement);
    }
    if (++asked != sent_.end()) warning_.clear();
  }
  if (failure) throw *failure;
  return answers;
}

postgres_rows postgres_connection::ask(postgres_request request) {
  return std::move(exchange({std::move(request)}).at(0));
}

void postgres_connection::send(const postgres_request& request) {
  auto* const connection = connection_.get();
  const auto* name = request.statement.name;
  const bool sent_before = std::any_of(
      sent_.begin(), sent_.end(), [&](const auto& one) { return std::string_view(one.statement) == name; });
  if (!prepared_.contains(name) && !sent_before) {
    if (PQsendPrepare(connection, name, request.statement.sql, 0, nullptr) != 1) fail_lost();
    sent_.push_back({name, false});
  }
  const auto& encoded = request.values.encoded();
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const auto& value : encoded) {
    values.push_back(value.data());
    lengths.push_back(static_cast<int>(value.size()));
  }
  const std::vector<int> formats(encoded.size(), 1);
  if (PQsendQueryPrepared(connection, name, static_cast<int>(encoded.size()), values.data(), lengths.data(),
                          formats.data(), 1) != 1) {
    fail_lost();
  }
  sent_.push_back({name, true});
}

void postgres_connection::wait_for_result(time_point deadline) {
  // Before the first look: what stands in libpq's buffer has to be sent first.
  do {
    flush_and_poll(deadline);
  } while (PQisBusy(connection_.get()) != 0);
}

/// Sends what there is to send and takes in what has come. Both at once: a server that can't send its
/// results on would not read on either.
void postgres_connection::flush_and_poll(time_point deadline) {
  auto* const connection = connection_.get();
  const int unsent = PQflush(connection);
  if (unsent < 0) fail_lost();
  if (unsent == 0 && PQisBusy(connection) == 0) return;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd socket{PQsocket(connection), static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN), 0};
  const int ready = ::poll(&socket, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  if (ready == 0) {
    throw postgres_failure(failure_kind::passing,
                           "no answer within " + std::to_string(exchange_timeout_.count()) + " ms");
  }
  if (ready < 0 && errno != EINTR) fail_lost();
  if (ready > 0 && (socket.revents & ~POLLOUT) != 0 && PQconsumeInput(connection) != 1) fail_lost();
}

void postgres_connection::fail_lost() const {
  throw postgres_failure(failure_kind::passing, one_line(PQerrorMessage(connection_.get())));
}

void postgres_connection::notice(void* self, const PGresult* notice) {
  const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == nullptr || std::string_view(severity) != "WARNING") return;
  static_cast<postgres_connection*>(self)->warning_ = one_line(PQresultErrorMessage(notice));
}

std::string where_of(const postgres_options& options) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parts(
      PQconninfoParse(options.url.c_str(), &error), PQconninfoFree);
  const std::unique_ptr<char, void (*)(void*)> error_owner(error, PQfreemem);
  const auto value = [&](std::string_view keyword) {
    for (const auto* part = parts.get(); part != nullptr && part->keyword != nullptr; ++part) {
      if (keyword == part->keyword && part->val != nullptr) return std::string(part->val);
    }
    return std::string();
  };
  // A host with an @ in it begins with the end of a password. libpq's own message may quote a part of one.
  if (!parts || value("host").find('@') != std::string::npos) {
    throw postgres_failure(
        failure_kind::lasting,
        "is no connection string of PostgreSQL's: write " + options.setting +
            " postgres://USER@HOST:PORT/DATABASE, and % and @ in a password as %25 and %40");
  }
  const auto port = value("port");
  return "postgres://" + value("host") + (port.empty() ? "" : ":" + port) + "/" + value("dbname");
}

}  // namespace holdfast::storage
