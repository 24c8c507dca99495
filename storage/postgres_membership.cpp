#include "storage/postgres_membership.hpp"

#include <pthread.h>

#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include "storage/call_queue.hpp"
#include "storage/open_calls.hpp"
#include "storage/postgres_connection.hpp"
#include "storage/postgres_schema.hpp"
#include "storage/postgres_session.hpp"

namespace holdfast::storage {
namespace {

/// Any number, as long as every node takes the same: "members?" in ASCII.
constexpr std::uint64_t cluster_lock = 0x6d656d626572733f;
// 1: each lease had its own end, which every heartbeat wrote.
constexpr std::uint64_t cluster_version = 2;

// Locked for the length of the transaction: one heartbeat after the other.
constexpr postgres_statement begin_beat{"begin_beat", "BEGIN ISOLATION LEVEL READ COMMITTED"};
constexpr postgres_statement lock_cluster{"lock_cluster", "SELECT pg_advisory_xact_lock($1::bigint)::text"};
constexpr postgres_statement end_beat{"end_beat", "COMMIT"};

constexpr postgres_statement create_cluster_version{
    "create_cluster_version", "CREATE TABLE IF NOT EXISTS cluster (version bigint NOT NULL)"};
constexpr postgres_statement create_members{
    "create_members",
    "CREATE TABLE IF NOT EXISTS members (name text PRIMARY KEY, address text NOT NULL, "
    "roles bigint NOT NULL, until timestamptz NOT NULL, last_beat bigint NOT NULL)"};
// A lease lasts as long as its owner's row in `members` says; where that is over, or gone, nobody has it. So
// this is written only when a shard changes hands. Were each lease's row written with every heartbeat, what
// is left of the old ones would soon slow down all heartbeats where a long snapshot (a dump, a transaction
// that was forgotten) keeps them from being cleaned up.
constexpr postgres_statement create_leases{
    "create_leases", "CREATE TABLE IF NOT EXISTS leases (shard smallint PRIMARY KEY, owner text)"};
constexpr postgres_statement fill_leases{
    "fill_leases",
    "INSERT INTO leases (shard) SELECT shard FROM generate_series(0, 255) AS every(shard) "
    "ON CONFLICT DO NOTHING"};
constexpr postgres_statement name_cluster_version{
    "name_cluster_version", "INSERT INTO cluster SELECT $1::bigint WHERE NOT EXISTS (SELECT FROM cluster)"};
constexpr postgres_statement read_cluster_version{"read_cluster_version", "SELECT version FROM cluster"};
// From version 1. Heartbeats of a program that knows that one fail from here on, so its nodes stop before
// their leases end.
constexpr postgres_statement free_over_leases{
    "free_over_leases", "UPDATE leases SET owner = NULL WHERE until <= clock_timestamp()"};
constexpr postgres_statement drop_ends_of_leases{"drop_ends_of_leases",
                                                 "ALTER TABLE leases DROP COLUMN until"};
constexpr postgres_statement set_cluster_version{"set_cluster_version",
                                                 "UPDATE cluster SET version = $1::bigint"};
static_assert(shard_count == 256, "as many rows are made");

// clock_timestamp(), not now(): that is of the transaction's begin, before it waited for the lock.
//
// What is over is not renewed: it is taken away before the member's row is written. What ends between the
// two statements nobody has seen as free, since heartbeats wait for each other.
constexpr postgres_statement end_leases{
    "end_leases",
    "UPDATE leases SET owner = NULL WHERE owner = $1::text "
    "AND NOT EXISTS (SELECT FROM members WHERE name = $1::text AND until > clock_timestamp())"};
constexpr postgres_statement put_member{
    "put_member",
    "INSERT INTO members VALUES ($1::text, $2::text, $3::bigint, "
    "                            clock_timestamp() + $4::bigint * interval '1 ms', $5::bigint) "
    "ON CONFLICT (name) DO UPDATE SET address = excluded.address, roles = excluded.roles, "
    "                                 until = excluded.until, last_beat = excluded.last_beat "
    "WHERE members.last_beat < excluded.last_beat"};
// Those who are gone are known for as long as a network may hold a heartbeat of theirs back.
constexpr postgres_statement forget_members{
    "forget_members", "DELETE FROM members WHERE until <= clock_timestamp() - interval '10 min'"};
constexpr postgres_statement leave_members{
    "leave_members",
    "UPDATE members SET until = clock_timestamp(), last_beat = 9223372036854775807 WHERE name = $1::text"};
constexpr postgres_statement give_all_back{"give_all_back",
                                           "UPDATE leases SET owner = NULL WHERE owner = $1::text"};
// All that follows is done by the member's latest heartbeat only.
constexpr postgres_statement give_back{
    "give_back",
    "UPDATE leases SET owner = NULL WHERE owner = $1::text AND NOT shard = ANY ($2::bigint[]) "
    "AND EXISTS (SELECT FROM members WHERE name = $1::text AND last_beat = $3::bigint)"};
// Up to its share, as even_share() of membership.hpp has it.
constexpr postgres_statement take{
    "take",
    "WITH alive AS ("
    "  SELECT name, last_beat, roles FROM members WHERE until > clock_timestamp()), "
    "takers AS ("
    "  SELECT name, last_beat, row_number() OVER (ORDER BY name COLLATE \"C\") AS rank, "
    "  count(*) OVER () AS all_takers FROM alive WHERE roles & 1 <> 0), "
    "free AS ("
    "  SELECT shard FROM leases WHERE NOT EXISTS (SELECT FROM alive WHERE name = owner) ORDER BY shard LIMIT "
    "  coalesce((SELECT greatest(0, 256 / all_takers + (rank <= 256 % all_takers)::int - "
    "    (SELECT count(*) FROM leases WHERE owner = $1::text)) "
    "    FROM takers WHERE name = $1::text AND last_beat = $2::bigint), 0)) "
    "UPDATE leases SET owner = $1::text FROM free WHERE leases.shard = free.shard"};
constexpr postgres_statement read_members{
    "read_members",
    "SELECT name, address, roles FROM members WHERE until > clock_timestamp() ORDER BY name COLLATE \"C\""};
constexpr postgres_statement has_members{"has_members",
                                         "SELECT (to_regclass('members') IS NOT NULL)::int::bigint"};
constexpr postgres_statement count_members_now{
    "count_members_now", "SELECT count(*) FROM members WHERE until > clock_timestamp()"};
// Of those too who are no members any more.
constexpr postgres_statement read_leases{"read_leases",
                                         "SELECT shard::bigint, owner FROM leases WHERE owner IS NOT NULL"};

// As they are stored.
constexpr std::uint64_t reservation_role = 1;
constexpr std::uint64_t receipt_role = 2;
constexpr std::uint64_t projection_role = 4;

std::uint64_t number_of(const member_roles& roles) {
  return (roles.reservation ? reservation_role : 0) | (roles.receipt ? receipt_role : 0) |
         (roles.projection ? projection_role : 0);
}

member_roles roles_of(std::uint64_t number) {
  return {(number & reservation_role) != 0, (number & receipt_role) != 0, (number & projection_role) != 0};
}

std::vector<std::uint64_t> numbers_of(const std::vector<shard_id>& shards) {
  return {shards.begin(), shards.end()};
}

cluster_state state_of(const postgres_rows& members, const postgres_rows& leases,
                       const std::string& for_whom) {
  cluster_state state;
  std::map<std::string, member_index> places;
  for (std::size_t row = 0; row < members.count(); ++row) {
    state.members.push_back({members.bytes(row, 0), members.bytes(row, 1), roles_of(members.number(row, 2))});
    places[state.members.back().name] = static_cast<member_index>(row);
  }
  state.owners.fill(nobody);
  for (std::size_t row = 0; row < leases.count(); ++row) {
    const auto owner = places.find(leases.bytes(row, 1));
    if (owner != places.end()) state.owners.at(leases.number(row, 0)) = owner->second;
  }
  state.share = even_share(state, for_whom);
  return state;
}

void make_cluster_schema(postgres_connection& connection, const postgres_options& options) {
  const std::string sql = "CREATE SCHEMA IF NOT EXISTS " + quoted_identifier(options.schema);
  const postgres_statement create_schema{"create_cluster_schema", sql.c_str()};
  const auto answers = connection.exchange({{begin_beat},
                                            {lock_cluster, postgres_values().number(cluster_lock)},
                                            {create_schema},
                                            {create_cluster_version},
                                            {name_cluster_version, postgres_values().number(cluster_version)},
                                            {read_cluster_version}});
  const auto version = answers[5].number(0, 0);
  if (version > cluster_version) {
    throw postgres_failure(postgres_failure::kind::lasting,
                           "the cluster's schema has version " + std::to_string(version) +
                               ", but this program knows up to version " + std::to_string(cluster_version));
  }
  std::vector<postgres_request> requests{{create_members}, {create_leases}, {fill_leases}};
  if (version == 1) {
    requests.push_back({free_over_leases});
    requests.push_back({drop_ends_of_leases});
    requests.push_back({set_cluster_version, postgres_values().number(cluster_version)});
  }
  requests.push_back({end_beat});
  connection.exchange(requests);
}

}  // namespace

class postgres_membership::worker {
 public:
  worker(postgres_options options, std::string where, std::chrono::milliseconds lease)
      : options_(std::move(options)), where_(std::move(where)), lease_(lease) {}

  ~worker() {
    close();
    calls_.wait_for_none();
    waiting_.close();
  }

  void close() { over_ = true; }
  std::chrono::milliseconds lease() const { return lease_; }

  /// Answers what `work(connection)` returns.
  template <class Answer, class Work>
  void ask(Work work, std::function<void(membership_result<Answer>)> done) {
    calls_.begin();
    const auto now = postgres_session::clock::now();
    waiting_.push([this, now, work = std::move(work), done = std::move(done)](postgres_session& session) {
      done(guarded<Answer>(session, now, work));
      calls_.end();
    });
  }

 private:
  using task = std::function<void(postgres_session&)>;

  template <class Answer, class Work>
  membership_result<Answer> guarded(postgres_session& session, postgres_session::clock::time_point asked_at,
                                    const Work& work) const {
    try {
      Answer answer;
      session.run(asked_at, [&](postgres_connection& connection) { answer = work(connection); });
      return answer;
    } catch (const postgres_failure& failure) {
      return tl::unexpected("membership " + where_ + ": " + failure.what());
    }
  }

  void work_all() {
    ::pthread_setname_np(::pthread_self(), "leases");
    const auto prepare = [this](postgres_connection& connection) { set_up_session(connection, options_); };
    postgres_session session(options_, prepare, {lease_ / 2, over_});
    while (true) {
      const auto tasks = waiting_.take(1);
      if (tasks.empty()) return;
      tasks.front()(session);
    }
  }

  const postgres_options options_;
  const std::string where_;
  const std::chrono::milliseconds lease_;
  std::atomic<bool> over_ = false;
  open_calls calls_;
  call_queue<task> waiting_;
  // Last, so that it ends before what it uses.
  std::jthread thread_{[this] { work_all(); }};
};

membership_result<std::unique_ptr<postgres_membership>> postgres_membership::open(
    postgres_options options, std::chrono::milliseconds lease) {
  // A server that does not answer must be noticed while the lease lasts.
  options.exchange_timeout = std::min(options.exchange_timeout, lease / 4);
  // One that stands still in the middle of a heartbeat holds up all others.
  options.idle_in_transaction = std::min(options.idle_in_transaction, lease / 8);
  std::string where = "in PostgreSQL";
  try {
    where = where_of(options);
    postgres_connection connection(options);
    set_up_session(connection, options);
    make_cluster_schema(connection, options);
    return std::unique_ptr<postgres_membership>(
        new postgres_membership(std::make_unique<worker>(std::move(options), where, lease)));
  } catch (const postgres_failure& failure) {
    return tl::unexpected("membership " + where + ": " + failure.what());
  }
}

membership_result<std::uint64_t> postgres_membership::count_members(postgres_options options) {
  try {
    postgres_connection connection(options);
    set_up_session(connection, options);
    // The schema's own: no other is searched.
    if (connection.ask({has_members}).number(0, 0) == 0) return 0;
    return connection.ask({count_members_now}).number(0, 0);
  } catch (const postgres_failure& failure) {
    return tl::unexpected(std::string("membership: ") + failure.what());
  }
}

postgres_membership::postgres_membership(std::unique_ptr<worker> running) : worker_(std::move(running)) {}

postgres_membership::~postgres_membership() = default;

std::chrono::milliseconds postgres_membership::lease() const {
  return worker_->lease();
}

void postgres_membership::beat(heartbeat what, heartbeat_callback done) {
  const auto lease_ms = static_cast<std::uint64_t>(worker_->lease().count());
  worker_->ask<cluster_state>(
      [what = std::move(what), lease_ms](postgres_connection& connection) {
        const auto& [name, address, roles] = what.from;
        const auto by_name = [&name = name] { return postgres_values().bytes(name); };
        const auto answers = connection.exchange(
            {{begin_beat},
             {lock_cluster, postgres_values().number(cluster_lock)},
             {end_leases, by_name()},
             {put_member,
              by_name().bytes(address).number(number_of(roles)).number(lease_ms).number(what.number)},
             {forget_members},
             {give_back, by_name().numbers(numbers_of(what.serves)).number(what.number)},
             {take, by_name().number(what.number)},
             {read_members},
             {read_leases},
             {end_beat}});
        return state_of(answers[7], answers[8], name);
      },
      std::move(done));
}

void postgres_membership::leave(std::string name, std::function<void(membership_result<bool>)> done) {
  worker_->ask<bool>(
      [name = std::move(name)](postgres_connection& connection) {
        connection.exchange({{begin_beat},
                             {lock_cluster, postgres_values().number(cluster_lock)},
                             {give_all_back, postgres_values().bytes(name)},
                             {leave_members, postgres_values().bytes(name)},
                             {end_beat}});
        return true;
      },
      std::move(done));
}

void postgres_membership::close() {
  worker_->close();
}

}  // namespace holdfast::storage
