// What only the PostgreSQL journal promises: to be there again when the server is, to find out what became
// of a commit whose answer was lost, and to let one owner of a shard append, whoever else believes to be one.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "actors/engine.hpp"
#include "storage/postgres_journal.hpp"
#include "storage/postgres_places.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/postgres_proxy.hpp"
#include "tests/support/postgres_server.hpp"

using namespace holdfast::storage;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

constexpr shard_id shard = 7;
constexpr entity_id nth(std::uint64_t sequence) {
  return id_of(shard, sequence);
}

/// As patient as the tests are with a slow machine.
postgres_options patient(const std::string& url) {
  return {.url = url, .give_up_reading_after = postgres_deadline, .idle_in_transaction = postgres_deadline};
}

std::unique_ptr<postgres_journal> opened(const postgres_options& options) {
  auto journal = postgres_journal::open(options);
  REQUIRE_MESSAGE(journal, journal.error().message);
  return std::move(*journal);
}

std::string error_at_open(const postgres_options& options) {
  const auto journal = postgres_journal::open(options);
  return journal ? "" : journal.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Every position of the shard from 1, each exactly once.
void check_gapless(journal& of, std::size_t count) {
  const auto records = read_shard(of, shard, 1, 1'000'000);
  CHECK(records.size() == count);
  for (std::size_t i = 0; i < records.size(); ++i) REQUIRE(records[i].at == i + 1);
}

using append_answer = journal_result<std::vector<append_verdict>>;

/// Appends two entries to one entity after the other, some at once, until it is told to stop.
class appender {
 public:
  explicit appender(journal& to) : journal_(to), owner_(claim(to, shard)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) append_next();
    });
  }

  void wait_for(std::uint64_t more) {
    const auto goal = acknowledged_ + more;
    REQUIRE(eventually([&] { return acknowledged_ >= goal || failed_ > 0; }, postgres_deadline));
  }

  /// Stops, and checks that each entity has what was appended to it, once.
  void finish() {
    thread_.request_stop();
    thread_.join();
    for (int i = 0; i < at_once; ++i) free_.acquire();
    CHECK(failed_ == 0);
    for (std::uint64_t n = 1; n <= sequence_; ++n) REQUIRE(read_entity(journal_, nth(n)).size() == 2);
    check_gapless(journal_, 2 * sequence_);
    CHECK(list_unfinished(journal_, shard, 0, 10).empty());
  }

 private:
  static constexpr int at_once = 16;

  void append_next() {
    free_.acquire();
    const auto id = nth(++sequence_);
    journal_.append({entry(owner_, id, 0)}, [this, id](const append_answer& first) {
      journal_.append({finished(entry(owner_, id, 1))},
                      [this, good = is_good(first)](const append_answer& second) {
                        ++(good && is_good(second) ? acknowledged_ : failed_);
                        free_.release();
                      });
    });
  }
  static bool is_good(const append_answer& answer) {
    return answer && answer->at(0).status == append_status::appended;
  }

  journal& journal_;
  const shard_claim owner_;
  std::counting_semaphore<> free_{at_once};
  std::uint64_t sequence_ = 0;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::jthread thread_;
};

/// Ends every other connection to the database; how many there were.
int terminate_backends(const postgres_database& database) {
  return std::stoi(
      database.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                   "WHERE datname = current_database() AND pid <> pg_backend_pid()"));
}

/// The processes that serve the other connections to the database.
std::vector<pid_t> backends(const postgres_database& database) {
  std::istringstream list(
      database.sql("SELECT coalesce(string_agg(pid::text, ' '), '') FROM pg_stat_activity "
                   "WHERE datname = current_database() AND pid <> pg_backend_pid()"));
  return {std::istream_iterator<pid_t>(list), {}};
}

}  // namespace

// --- A commit whose answer is lost. ---

TEST_CASE("a commit that the server never saw is made again") {
  const postgres_database database;
  postgres_proxy proxy;
  const auto journal = opened(patient(proxy.url(database)));
  const auto owner = claim(*journal, shard);
  proxy.next_commit(commit_fault::lost_on_the_way);
  CHECK((append(*journal, with_key(entry(owner, nth(1), 0), "key", 11)) == appended_at(1)));
  CHECK(proxy.faults() == 1);
  CHECK((append(*journal, with_counter(entry(owner, nth(1), 1), 1)) == appended_at(2)));
  check_gapless(*journal, 2);
}

TEST_CASE("a commit whose answer was lost is found and not made again") {
  const postgres_database database;
  postgres_proxy proxy;
  const auto journal = opened(patient(proxy.url(database)));
  const auto owner = claim(*journal, shard);
  proxy.next_commit(commit_fault::answer_lost);
  const auto verdicts = append(*journal, {with_counter(with_key(entry(owner, nth(1), 0), "key", 11), 1),
                                          entry(owner, nth(2), 5), entry(owner, nth(1), 1)});
  CHECK((verdicts == std::vector{appended_at(1), refused(append_status::stale_sequence), appended_at(2)}));
  CHECK(proxy.faults() == 1);
  check_gapless(*journal, 2);
}

TEST_CASE("a commit whose answer was lost is found although another owner has appended since") {
  const postgres_database database;
  const auto other = opened(patient(database.url()));
  std::atomic<bool> done = false;
  postgres_proxy proxy([&] {
    if (!done.exchange(true)) {
      const auto owner = claim(*other, shard);
      CHECK((append(*other, entry(owner, nth(1), 1)) == appended_at(2)));
    }
    return true;
  });
  const auto journal = opened(patient(proxy.url(database)));
  const auto owner = claim(*journal, shard);
  proxy.next_commit(commit_fault::answer_lost);
  CHECK((append(*journal, entry(owner, nth(1), 0)) == appended_at(1)));
  CHECK(done);
  CHECK((append(*journal, entry(owner, nth(1), 2)) == refused(append_status::stale_epoch)));
  check_gapless(*journal, 2);
}

TEST_CASE("a commit that the server never saw is not taken for another owner's at the same position") {
  const postgres_database database;
  const auto other = opened(patient(database.url()));
  std::atomic<bool> done = false;
  postgres_proxy proxy([&] {
    if (!done.exchange(true)) {
      const auto owner = claim(*other, shard);
      CHECK((append(*other, entry(owner, nth(1), 0)) == appended_at(1)));
    }
    return true;
  });
  const auto journal = opened(patient(proxy.url(database)));
  const auto owner = claim(*journal, shard);
  proxy.next_commit(commit_fault::lost_on_the_way);
  CHECK((append(*journal, entry(owner, nth(1), 0)) == refused(append_status::stale_epoch)));
  CHECK(done);
  check_gapless(*journal, 1);
}

TEST_CASE("a commit that lands after its connection was lost is waited for") {
  const postgres_database database;
  // Whoever comes back finds the locks of the transaction that is still open.
  postgres_proxy proxy([&] {
    return database.sql(
               "SELECT count(*) FROM pg_stat_activity "
               "WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0";
  });
  const auto journal = opened(patient(proxy.url(database)));
  const auto owner = claim(*journal, shard);
  // Held, so that a claim and an append come into one batch: the locks are taken ahead of its commit.
  std::promise<void> gate;
  const auto open_gate = gate.get_future().share();
  std::promise<void> reached;
  journal->append({entry(owner, nth(1), 0)}, [&, open_gate](auto) {
    reached.set_value();
    open_gate.wait();
  });
  reached.get_future().wait();
  journal->claim({shard}, [](auto) {});
  const shard_claim next{shard, owner.owner_epoch + 1, 1, nth(1), 0};
  std::promise<append_answer> late;
  journal->append({entry(next, nth(1), 1)}, [&](auto answer) { late.set_value(std::move(answer)); });
  proxy.next_commit(commit_fault::lands_late);
  gate.set_value();
  CHECK((late.get_future().get().value().at(0) == appended_at(2)));
  CHECK(proxy.faults() == 1);
  CHECK((append(*journal, entry(next, nth(1), 2)) == appended_at(3)));
  check_gapless(*journal, 3);
}

TEST_CASE("a batch that the server reads only when it has been made again is refused") {
  const postgres_database database;
  std::atomic<bool> made_again = false;
  postgres_proxy proxy([&] { return made_again.load(); });
  const auto journal = opened(patient(proxy.url(database)));
  const auto owner = claim(*journal, shard);
  const auto id = nth(1);
  proxy.next_commit(commit_fault::lands_late);
  // Of one round trip, so nothing of it has reached the server.
  CHECK((append(*journal, {with_counter(with_key(entry(owner, id, 0), "key", 11), 1),
                           finished(entry(owner, id, 1))}) == std::vector{appended_at(1), appended_at(2)}));
  CHECK(proxy.faults() == 1);
  made_again = true;
  // It has had its answer when its connection goes.
  REQUIRE(eventually([&] { return proxy.harmed() == 1; }, postgres_deadline));
  check_gapless(*journal, 2);
  CHECK((append(*journal, entry(owner, id, 2)) == appended_at(3)));
  CHECK(list_unfinished(*journal, shard, 0, 10).size() == 1);
}

TEST_CASE("what is known of a shard is forgotten with another owner's first batch") {
  const postgres_database database;
  const auto here = opened(patient(database.url()));
  const auto there = opened(patient(database.url()));
  const auto first = claim(*here, shard);
  CHECK((append(*here, {entry(first, nth(1), 0), entry(first, nth(2), 0)}) ==
         std::vector{appended_at(1), appended_at(2)}));
  const auto second = claim(*there, shard);
  CHECK(
      (append(*there, {finished(entry(second, nth(1), 1)), with_key(entry(second, nth(3), 0), "key", 11)}) ==
       std::vector{appended_at(3), appended_at(4)}));
  // By what it knows the owner before would take all of these.
  CHECK((append(*here, {entry(first, nth(1), 1), entry(first, nth(4), 0)}) ==
         std::vector{refused(append_status::stale_epoch), refused(append_status::stale_epoch)}));
  const auto third = claim(*here, shard);
  CHECK((append(*here, {entry(third, nth(1), 1), entry(third, nth(1), 2), finished(entry(third, nth(2), 1)),
                        with_key(entry(third, nth(4), 0), "key", 11)}) ==
         std::vector{refused(append_status::stale_sequence), appended_at(5), appended_at(6),
                     taken(nth(3), 11)}));
  CHECK((list_unfinished(*here, shard, 0, 10) == std::vector{nth(1), nth(3)}));
  check_gapless(*here, 6);
}

TEST_CASE("entities beyond those that are remembered are looked up") {
  constexpr std::uint64_t many = 1500;
  constexpr std::uint64_t at_once = 100;
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  const auto owner = claim(*journal, shard);
  for (std::uint64_t n = 1; n <= many; n += at_once) {
    std::vector<journal_entry> entries;
    for (std::uint64_t i = 0; i < at_once; ++i) entries.push_back(entry(owner, nth(n + i), 0));
    append(*journal, std::move(entries));
  }
  for (std::uint64_t n = 1; n <= many; n += 100) {
    CHECK((append(*journal, entry(owner, nth(n), 0)) == refused(append_status::stale_sequence)));
    CHECK(append(*journal, finished(entry(owner, nth(n), 1))).status == append_status::appended);
  }
  CHECK(list_unfinished(*journal, shard, 0, many).size() == many - many / 100);
}

TEST_CASE("an owner that stands still in a transaction is put aside, and told so") {
  const postgres_database database;
  const auto other = opened(patient(database.url()));
  std::atomic<bool> claimed = false;
  postgres_proxy proxy([&] {
    if (!claimed) claim(*other, shard);
    claimed = true;
    return true;
  });
  auto options = patient(proxy.url(database));
  options.idle_in_transaction = 100ms;
  const auto journal = opened(options);
  const auto owner = claim(*journal, shard);
  proxy.next_commit(commit_fault::held_up);
  CHECK((append(*journal, entry(owner, nth(1), 0)) == refused(append_status::stale_epoch)));
  CHECK(claimed);
  check_gapless(*journal, 0);
}

TEST_CASE(
    "a commit whose wait for a standby is cancelled is not acknowledged, whatever messages a role wants") {
  postgres_server server;
  const auto url = server.url("postgres");
  const auto set_standbys = [&](const std::string& names) {
    run_sql(url, "ALTER SYSTEM SET synchronous_standby_names = '" + names + "'");
    run_sql(url, "SELECT pg_reload_conf()");
  };
  const auto who_waits = [&] {
    return run_sql(url, "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  };
  run_sql(url, "ALTER ROLE holdfast SET client_min_messages = error");
  const auto journal = opened(patient(url));
  const auto owner = claim(*journal, shard);
  set_standbys("nobody");
  std::uint64_t n = 0;
  std::future<append_answer> answer;
  const auto answered = [&] { return answer.wait_for(0s) == std::future_status::ready; };
  std::string waits = "0";
  // The setting is in force a moment later.
  while (waits == "0") {
    auto promise = std::make_shared<std::promise<append_answer>>();
    answer = promise->get_future();
    journal->append({entry(owner, nth(++n), 0)}, [promise](auto given) { promise->set_value(given); });
    REQUIRE(eventually([&] { return answered() || (waits = who_waits()) != "0"; }, postgres_deadline));
  }
  run_sql(url, "SELECT pg_cancel_backend(" + waits + ")");
  // It is found, and waits for the standby anew, on another connection.
  const auto waits_anew = [&] {
    const auto now = who_waits();
    return now != "0" && now != waits;
  };
  CHECK(eventually([&] { return answered() || waits_anew(); }, postgres_deadline));
  CHECK_FALSE(answered());
  set_standbys("");
  const auto verdicts = answer.get();
  REQUIRE_MESSAGE(verdicts, verdicts.error().message);
  CHECK((verdicts->at(0) == appended_at(n)));
  check_gapless(*journal, n);
}

TEST_CASE("what the server warns of before a commit says nothing of the commit") {
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  database.sql(
      "CREATE TABLE seen (pid integer);"
      "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE WARNING 'the end is near'; INSERT INTO holdfast.seen VALUES (pg_backend_pid()); "
      "RETURN NULL; END $$;"
      "CREATE TRIGGER warn AFTER INSERT ON records EXECUTE FUNCTION warn()");
  const auto owner = claim(*journal, shard);
  for (std::uint64_t n = 1; n <= 3; ++n) CHECK((append(*journal, entry(owner, nth(n), 0)) == appended_at(n)));
  CHECK(database.sql("SELECT count(*) FROM seen") == "3");
  CHECK_MESSAGE(database.sql("SELECT count(DISTINCT pid) FROM seen") == "1", "no connection was given up");
}

TEST_CASE("a batch that the server's own time-out for transactions ends is made again") {
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  // As PostgreSQL 17 says it.
  database.sql(
      "CREATE SEQUENCE tries;"
      "CREATE FUNCTION time_out() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF nextval('holdfast.tries') = 1 THEN "
      "RAISE EXCEPTION 'terminating connection due to transaction timeout' USING ERRCODE = '25P04'; END IF; "
      "RETURN NULL; END $$;"
      "CREATE TRIGGER time_out AFTER INSERT ON records EXECUTE FUNCTION time_out()");
  CHECK((append(*journal, entry(claim(*journal, shard), nth(1), 0)) == appended_at(1)));
  CHECK(database.sql("SELECT last_value FROM tries") == "2");
  check_gapless(*journal, 1);
}

TEST_CASE("a claim whose answer was lost is made again, and its epoch is the one in force") {
  for (const auto fault : {commit_fault::lost_on_the_way, commit_fault::answer_lost}) {
    const postgres_database database;
    postgres_proxy proxy;
    const auto journal = opened(patient(proxy.url(database)));
    const auto former = claim(*journal, shard);
    proxy.next_commit(fault);
    const auto owner = claim(*journal, shard);
    CHECK(owner.owner_epoch > former.owner_epoch);
    CHECK((append(*journal, entry(former, nth(1), 0)) == refused(append_status::stale_epoch)));
    CHECK((append(*journal, entry(owner, nth(1), 0)) == appended_at(1)));
  }
}

// --- A server that goes and comes. ---

TEST_CASE("a server that crashes or is restarted under appends loses nothing and gets nothing twice") {
  constexpr std::uint64_t between = 50;
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  appender running(*journal);
  for (const int how : {SIGKILL, SIGINT, SIGQUIT, SIGKILL, SIGINT}) {
    running.wait_for(between);
    shared_postgres().end(how);
    shared_postgres().start();
  }
  running.wait_for(between);
  running.finish();
}

TEST_CASE("connections that are ended under appends lose nothing and append nothing twice") {
  constexpr int rounds = 60;
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  appender running(*journal);
  int ended = 0;
  for (int round = 0; round < rounds; ++round) {
    running.wait_for(3);
    ended += terminate_backends(database);
  }
  CHECK(ended >= rounds / 2);
  running.wait_for(50);
  running.finish();
}

TEST_CASE("reads go on on new connections") {
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  const auto owner = claim(*journal, shard);
  append(*journal, entry(owner, nth(1), 0));
  for (int round = 0; round < 5; ++round) {
    CHECK(read_entity(*journal, nth(1)).size() == 1);
    CHECK(list_unfinished(*journal, shard, 0, 10).size() == 1);
    terminate_backends(database);
  }
}

TEST_CASE("a connection that does not answer is given up, and what it was asked is asked on another one") {
  const postgres_database database;
  auto options = patient(database.url());
  opened(options);
  options.exchange_timeout = 1s;
  const auto journal = opened(options);
  const auto owner = claim(*journal, shard);
  append(*journal, entry(owner, nth(1), 0));
  const auto signal_all = [&, pids = backends(database)](int signal) {
    for (const auto pid : pids) ::kill(pid, signal);
  };
  signal_all(SIGSTOP);
  CHECK((append(*journal, entry(owner, nth(1), 1)) == appended_at(2)));
  signal_all(SIGCONT);
  CHECK((append(*journal, entry(owner, nth(1), 2)) == appended_at(3)));
  check_gapless(*journal, 3);
}

TEST_CASE("while the server is down writes wait until it is back, and who looks for an entity is told soon") {
  const postgres_database database;
  const auto journal = opened({.url = database.url(), .give_up_reading_after = 300ms});
  const auto owner = claim(*journal, shard);
  append(*journal, entry(owner, nth(1), 0));
  shared_postgres().end(SIGINT);
  std::promise<append_answer> appended;
  std::promise<journal_result<std::vector<journal_record>>> scanned;
  journal->append({entry(owner, nth(2), 0)}, [&](auto answer) { appended.set_value(std::move(answer)); });
  journal->read_shard(shard, 1, 10, [&](auto answer) { scanned.set_value(std::move(answer)); });
  const auto look = [&] {
    return answer_to<std::vector<journal_record>>([&](auto done) { journal->read_entity(nth(1), done); });
  };
  // Twice, so that more time has passed than a look may take.
  for (int i = 0; i < 2; ++i) {
    const auto looked = look();
    REQUIRE_FALSE(looked);
    CHECK(contains(looked.error().message, "postgres://"));
    CHECK(contains(looked.error().message, "300 ms"));
  }
  auto append_answer = appended.get_future();
  auto scan_answer = scanned.get_future();
  CHECK((append_answer.wait_for(0s) == std::future_status::timeout));
  CHECK((scan_answer.wait_for(0s) == std::future_status::timeout));
  shared_postgres().start();
  const auto verdicts = append_answer.get();
  REQUIRE_MESSAGE(verdicts, verdicts.error().message);
  CHECK((verdicts->at(0) == appended_at(2)));
  REQUIRE(scan_answer.get());
  CHECK(look());
  check_gapless(*journal, 2);
}

TEST_CASE("once closed a journal waits for no server, and fails for good") {
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  const auto owner = claim(*journal, shard);
  append(*journal, entry(owner, nth(1), 0));
  const auto ask = [&](std::uint64_t n, auto done) { journal->append({entry(owner, nth(n), 0)}, done); };
  shared_postgres().end(SIGINT);
  std::promise<append_answer> waiting;
  ask(2, [&](auto answer) { waiting.set_value(std::move(answer)); });
  journal->close();
  const auto first = waiting.get_future().get();
  REQUIRE_FALSE(first);
  CHECK(contains(first.error().message, "postgres://"));
  shared_postgres().start();
  const auto after = answer_to<std::vector<append_verdict>>([&](auto done) { ask(3, done); });
  REQUIRE_FALSE(after);
  CHECK(after.error().message == first.error().message);
  CHECK_FALSE(answer_to<std::vector<shard_claim>>([&](auto done) { journal->claim({shard}, done); }));
  CHECK_MESSAGE(read_entity(*journal, nth(1)).size() == 1, "a read fails by itself");
  const auto again = opened(patient(database.url()));
  CHECK(read_entity(*again, nth(3)).empty());
}

TEST_CASE("reads that wait for a server that is down fail together") {
  constexpr int reads = 1'000;
  const postgres_database database;
  const auto journal = opened({.url = database.url(), .give_up_reading_after = 500ms});
  shared_postgres().end(SIGINT);
  std::atomic<int> failed = 0;
  for (int i = 0; i < reads; ++i) {
    journal->read_entity(nth(1), [&](const auto& answer) { failed += answer ? 0 : 1; });
  }
  CHECK_MESSAGE(eventually([&] { return failed == reads; }, postgres_deadline),
                "one after the other they would take minutes");
  shared_postgres().start();
  CHECK(read_entity(*journal, nth(1)).empty());
}

TEST_CASE("what waits is bounded, and what finds no place fails") {
  const postgres_database database;
  auto options = patient(database.url());
  options.most_waiting_bytes = 1;
  const auto journal = opened(options);
  const auto owner = claim(*journal, shard);
  std::promise<void> gate;
  const auto open_gate = gate.get_future().share();
  std::promise<void> reached;
  journal->append({entry(owner, nth(1), 0)}, [&, open_gate](auto) {
    reached.set_value();
    open_gate.wait();
  });
  reached.get_future().wait();
  std::array<std::promise<append_answer>, 3> answers;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    journal->append({entry(owner, nth(i + 2), 0)},
                    [&, i](append_answer answer) { answers[i].set_value(std::move(answer)); });
  }
  gate.set_value();
  const auto placed = answers[0].get_future().get();
  REQUIRE_MESSAGE(placed, placed.error().message);
  CHECK(placed->at(0) == appended_at(2));
  for (const std::size_t i : {1, 2}) {
    const auto dropped = answers[i].get_future().get();
    REQUIRE_FALSE(dropped);
    CHECK(contains(dropped.error().message, "bytes wait"));
  }
  check_gapless(*journal, 2);
}

TEST_CASE("entities that wait to be read are bounded, scans are neither counted nor dropped") {
  const postgres_database database;
  auto options = patient(database.url());
  options.most_waiting_reads = 1;
  const auto journal = opened(options);
  append(*journal, entry(claim(*journal, shard), nth(1), 0));
  std::promise<void> gate;
  const auto open_gate = gate.get_future().share();
  std::counting_semaphore<> held{0};
  const auto hold = [&held, open_gate](const auto&) {
    held.release();
    open_gate.wait();
  };
  // All three threads that read.
  journal->list_unfinished(shard, 0, 10, hold);
  for (int i = 0; i < 2; ++i) journal->read_entity(nth(1), hold);
  for (int i = 0; i < 3; ++i) held.acquire();
  std::array<std::promise<journal_result<std::vector<entity_id>>>, 3> scans;
  for (auto& one : scans) {
    journal->list_unfinished(shard, 0, 10, [&](auto answer) { one.set_value(std::move(answer)); });
  }
  std::array<std::promise<journal_result<std::vector<journal_record>>>, 2> looks;
  for (auto& one : looks) {
    journal->read_entity(nth(1), [&](auto answer) { one.set_value(std::move(answer)); });
  }
  gate.set_value();
  for (auto& one : scans) CHECK(one.get_future().get());
  CHECK(looks[0].get_future().get());
  const auto dropped = looks[1].get_future().get();
  REQUIRE_FALSE(dropped);
  CHECK(contains(dropped.error().message, "reads wait"));
}

TEST_CASE("all that a node reads which starts alone with all shards has a place") {
  CHECK(postgres_options{}.most_waiting_reads >
        2 * shard_count * holdfast::actors::shard_bounds{}.resume_window);
}

TEST_CASE("a server that has another store than before is refused") {
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  const auto owner = claim(*journal, shard);
  database.sql("UPDATE journal SET store_id = 'restored from elsewhere'");
  terminate_backends(database);
  const auto answer = answer_to<std::vector<append_verdict>>(
      [&](auto done) { journal->append({entry(owner, nth(1), 0)}, done); });
  REQUIRE_FALSE(answer);
  CHECK(contains(answer.error().message, "another store"));
}

// --- Owners. ---

TEST_CASE("of owners that race for a shard each appends in its epoch only") {
  constexpr int owners = 3;
  constexpr int terms = 25;
  constexpr int appends = 8;
  const postgres_database database;
  std::mutex mutex;
  std::map<epoch, std::vector<position>> positions;
  std::map<epoch, position> starts;
  {
    std::vector<std::jthread> running;
    for (int who = 0; who < owners; ++who) {
      running.emplace_back([&, who] {
        const auto journal = opened(patient(database.url()));
        for (int term = 0; term < terms; ++term) {
          const auto owner = claim(*journal, shard);
          std::vector<position> mine;
          for (int i = 0; i < appends; ++i) {
            const auto id = nth(static_cast<std::uint64_t>((who * terms + term) * appends + i + 1));
            const auto verdict = append(*journal, entry(owner, id, 0));
            if (verdict.status != append_status::appended) {
              CHECK(verdict.status == append_status::stale_epoch);
              break;
            }
            mine.push_back(verdict.at);
          }
          const std::lock_guard lock(mutex);
          starts[owner.owner_epoch] = owner.last_position;
          positions[owner.owner_epoch] = mine;
        }
      });
    }
  }
  CHECK(starts.size() == owners * terms);
  position last = 0;
  for (const auto& [owner_epoch, mine] : positions) {
    REQUIRE(starts[owner_epoch] == last);
    for (const auto at : mine) REQUIRE(at == ++last);
  }
  check_gapless(*opened(patient(database.url())), last);
}

TEST_CASE("an owner is judged by what another one has written") {
  const postgres_database database;
  const auto here = opened(patient(database.url()));
  const auto there = opened(patient(database.url()));
  append(*here, with_counter(with_key(entry(claim(*here, shard), nth(1), 0), "key", 11), 1));
  const auto owner = claim(*there, shard);
  CHECK((append(*there, with_key(entry(owner, nth(2), 0), "key", 12)) == taken(nth(1), 11)));
  CHECK((append(*there, entry(owner, nth(1), 0)) == refused(append_status::stale_sequence)));
  CHECK((append(*there, with_counter(entry(owner, nth(2), 0), 1)) == refused(append_status::stale_counter)));
  CHECK((append(*there, finished(entry(owner, nth(1), 1))) == appended_at(2)));
  const auto back = claim(*here, shard);
  CHECK((append(*here, entry(back, nth(1), 1)) == refused(append_status::stale_sequence)));
  CHECK(list_unfinished(*here, shard, 0, 10).empty());
  CHECK((append(*here, entry(back, nth(1), 2)) == appended_at(3)));
}

TEST_CASE("PostgreSQL commits what waits in one transaction") {
  const postgres_database database;
  const auto journal = opened(patient(database.url()));
  const auto owner = claim(*journal, shard);
  std::promise<void> gate;
  const auto open_gate = gate.get_future().share();
  std::promise<void> reached;
  journal->append({entry(owner, nth(1), 0)}, [&, open_gate](auto) {
    reached.set_value();
    open_gate.wait();
  });
  reached.get_future().wait();
  for (std::uint64_t n = 2; n <= 100; ++n) journal->append({entry(owner, nth(n), 0)}, [](auto) {});
  CHECK_MESSAGE(read_entity(*journal, nth(1)).size() == 1, "reads don't wait for a write");
  gate.set_value();
  append(*journal, entry(owner, nth(101), 0));
  check_gapless(*journal, 101);
  CHECK(std::stoi(database.sql("SELECT count(DISTINCT batch) FROM records")) <= 3);
  CHECK(database.sql("SELECT count(DISTINCT batch) FROM records WHERE position BETWEEN 2 AND 100") == "1");
}

// --- The start. ---

TEST_CASE("many that start at once on an empty database all do, on one store") {
  constexpr int starters = 6;
  const postgres_database database;
  std::mutex mutex;
  std::set<std::string> ids;
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < starters; ++i) {
      running.emplace_back([&] {
        const auto journal = opened(patient(database.url()));
        claim(*journal, shard);
        const std::lock_guard lock(mutex);
        ids.insert(journal->store_id());
      });
    }
  }
  CHECK(ids.size() == 1);
  CHECK(claim(*opened(patient(database.url())), shard).owner_epoch == starters + 1);
}

TEST_CASE("two schemas of one database are two journals") {
  const postgres_database database;
  auto options = patient(database.url());
  const auto here = opened(options);
  options.schema = "the \"other\" one";
  const auto there = opened(options);
  CHECK(here->store_id() != there->store_id());
  append(*here, entry(claim(*here, shard), nth(1), 0));
  CHECK(read_entity(*there, nth(1)).empty());
}

TEST_CASE("a schema of a newer version is refused with both versions") {
  const postgres_database database;
  opened(patient(database.url()));
  database.sql("UPDATE journal SET version = 99");
  const auto message = error_at_open(patient(database.url()));
  CHECK(contains(message, "version 99"));
  CHECK(contains(message, "up to version 1"));
}

TEST_CASE("a journal that can't be opened says which setting is wrong and what to write") {
  const postgres_database database;
  const auto message = [](const std::string& url) {
    return error_at_open({.url = url, .setting = "--journal"});
  };
  for (const auto& url :
       {std::string("nonsense"), std::string("postgres://user:se%zzcret@[host/db"),
        std::string("postgres://user:not@secret@host/db"), std::string("postgres:///db?host=/nowhere"),
        "postgres:///nobody_made_it?user=holdfast&password=secret&host=" + shared_postgres().host()}) {
    CAPTURE(message(url));
    CHECK(contains(message(url), "--journal"));
    CHECK(contains(message(url), "postgres://USER@HOST:PORT/DATABASE"));
    CHECK_FALSE(contains(message(url), "secret"));
    CHECK_FALSE(contains(message(url), "cret@"));
  }
  CHECK(contains(message("postgres:///db?host=/nowhere"), "/nowhere"));
}

TEST_CASE("synchronous_commit is never off for the journal, and otherwise as the database has it") {
  for (const auto& [configured, expected] : {std::pair{"off", "on"}, {"local", "local"}, {"on", "on"}}) {
    const postgres_database database;
    opened(patient(database.url()));
    database.sql(
        "CREATE TABLE seen (setting text);"
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO holdfast.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END "
        "$$;"
        "CREATE TRIGGER look AFTER INSERT ON records EXECUTE FUNCTION look()");
    database.sql("ALTER DATABASE " + database.name() + " SET synchronous_commit = " + configured);
    const auto journal = opened(patient(database.url()));
    append(*journal, entry(claim(*journal, shard), nth(1), 0));
    CHECK(database.sql("SELECT setting FROM seen") == expected);
  }
}

TEST_CASE("a server that does not sync is refused") {
  const postgres_database database;
  const auto set = [&](const std::string& value) {
    run_sql(database.url(), "ALTER SYSTEM SET fsync = " + value);
    run_sql(database.url(), "SELECT pg_reload_conf()");
    REQUIRE(eventually([&] { return run_sql(database.url(), "SHOW fsync") == value; }, postgres_deadline));
  };
  set("off");
  CHECK(contains(error_at_open(patient(database.url())), "fsync = off"));
  set("on");
  opened(patient(database.url()));
}

// --- Several servers. ---

namespace {

/// What parse_postgres_places() says, in one line: "0-127=a 128-255=b", or "refused".
std::string places_in(const std::string& text) {
  const auto places = parse_postgres_places(text);
  if (!places) return "refused";
  std::string line;
  for (const auto& place : *places) {
    line += std::to_string(place.first) + "-" + std::to_string(place.last) + "=" + place.url + " ";
  }
  return line;
}

}  // namespace

TEST_CASE("places are one database for all shards, or shards and a database each") {
  CHECK(places_in("postgres://a/db?x=1") == "0-255=postgres://a/db?x=1 ");
  CHECK(places_in("postgresql:///db") == "0-255=postgresql:///db ");
  const std::string two = "0-127=postgres://a/db 128-255=postgres://b/db ";
  CHECK(places_in("0-127=postgres://a/db 128-255=postgres://b/db") == two);
  CHECK(places_in("128-255=postgres://b/db   0-127=postgres://a/db") == two);
  CHECK(places_in("0-0=postgres://a 1-255=postgres://b") == "0-0=postgres://a 1-255=postgres://b ");
  for (const auto* wrong :
       {"", " ", "a", "redis://a", "0-255=redis://a", "0-127=postgres://a", "1-255=postgres://a",
        "0-256=postgres://a", "0-=postgres://a", "-255=postgres://a", "255=postgres://a", "=postgres://a",
        "255-0=postgres://a", "0-127=postgres://a 127-255=postgres://b", "postgres://a postgres://b",
        "0-127=postgres://a 129-255=postgres://b", "0-255=postgres://a 0-127=postgres://b",
        "0-127=postgres://a 128-255=postgres://b 3-4=postgres://c", "0x0-255=postgres://a"}) {
    CAPTURE(wrong);
    CHECK(places_in(wrong) == "refused");
  }
  CHECK_FALSE(contains(parse_postgres_places("0-1=postgres://user:secret@a").error(), "secret"));
  CHECK_FALSE(contains(parse_postgres_places("0:1=postgres://user:secret@a").error(), "secret"));
}

TEST_CASE("a journal on two servers waits for the one that is gone, and answers in order") {
  constexpr shard_id there_shard = 200;
  const postgres_database here_database;
  postgres_server there_server;
  const auto there_url = there_server.url("postgres");
  const auto places = parse_postgres_places("0-127=" + here_database.url() + " 128-255=" + there_url);
  REQUIRE(places);
  auto opened_places = open_postgres_places(*places, patient(""));
  REQUIRE_MESSAGE(opened_places, opened_places.error().message);
  auto& journal = **opened_places;
  const auto here = claim(journal, shard);
  const auto there = claim(journal, there_shard);
  const auto both = [&](std::uint64_t n) {
    return std::vector{entry(there, id_of(there_shard, n), 0), entry(here, nth(n), 0)};
  };
  CHECK((append(journal, both(1)) == std::vector{appended_at(1), appended_at(1)}));

  there_server.end(SIGKILL);
  std::vector<int> answered;
  const auto expect = [&](int call, position at, std::vector<journal_entry> entries) {
    journal.append(std::move(entries), [&answered, call, at](const append_answer& answer) {
      answered.push_back(answer && answer->back() == appended_at(at) ? call : -call);
    });
  };
  expect(1, 2, both(2));
  expect(2, 3, {entry(here, nth(3), 0)});
  expect(3, 4, both(4));
  CHECK_MESSAGE(eventually([&] { return here_database.sql("SELECT max(position) FROM records") == "4"; },
                           postgres_deadline),
                "a server that is there does not wait");
  there_server.start();
  append(journal, std::vector<journal_entry>{});
  CHECK((answered == std::vector{1, 2, 3}));
  check_gapless(journal, 4);
  CHECK(read_shard(journal, there_shard, 1, 10).size() == 3);
  CHECK(run_sql(there_url, "SELECT count(DISTINCT shard) FROM holdfast.records") == "1");
}

TEST_CASE("a database is not opened for other shards than it was made for") {
  const postgres_database database;
  opened(patient(database.url()));
  auto options = patient(database.url());
  options.last_shard = 127;
  const auto message = error_at_open(options);
  CHECK(contains(message, "for the shards 0-255"));
  CHECK(contains(message, "gives it 0-127"));
}
