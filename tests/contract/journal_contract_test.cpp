// What the journal port promises, asked of every adapter; then what an adapter on a disk has to
// promise on top: to be the same after a close, a kill and a failing disk.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <rocksdb/db.h>

#include "storage/memory_journal.hpp"
#include "storage/postgres_journal.hpp"
#include "storage/rocksdb_journal.hpp"
#include "storage/spread_journal.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/killed_child.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast::storage;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

/// What the disk does to a journal's log, and to its tables: counted, or made to fail. See fdatasync() below.
std::atomic<int> log_syncs = 0;
std::atomic<bool> disk_fails = false;
std::atomic<bool> tables_fail = false;

struct journal_folder : holdfast::testing::temporary_folder {
  std::string journal() const { return path() / "data" / "journal"; }
};

// --- The adapters under test. A new one needs a struct of these three, and a place in the list. ---

struct memory_adapter {
  static constexpr bool persists = false;
  std::unique_ptr<journal> open() { return std::make_unique<memory_journal>(); }
};

struct rocksdb_adapter {
  static constexpr bool persists = true;
  std::unique_ptr<journal> open() {
    auto opened = rocksdb_journal::open({.path = folder.journal()});
    REQUIRE_MESSAGE(opened, opened.error().message);
    return std::move(*opened);
  }
  journal_folder folder;
};

struct postgres_adapter {
  static constexpr bool persists = true;
  std::unique_ptr<journal> open() {
    auto opened = postgres_journal::open({.url = database.url()});
    REQUIRE_MESSAGE(opened, opened.error().message);
    return std::move(*opened);
  }
  postgres_database database;
};

/// Shards 0 to 7 here, the others there: tests use 7 and 8 side by side.
struct spread_adapter {
  static constexpr bool persists = true;
  std::unique_ptr<journal> open() {
    std::vector<journal_part> parts(2);
    parts[0] = {0, 7, here.open()};
    parts[1] = {8, shard_count - 1, there.open()};
    return std::make_unique<spread_journal>(std::move(parts));
  }
  rocksdb_adapter here;
  postgres_adapter there;
};

#define EVERY_ADAPTER memory_adapter, rocksdb_adapter, postgres_adapter, spread_adapter
#define EVERY_PERSISTENT_ADAPTER rocksdb_adapter, postgres_adapter, spread_adapter

constexpr shard_id shard = 7;
/// The n-th entity of the shard that most tests use.
constexpr entity_id nth(std::uint64_t sequence) {
  return id_of(shard, sequence);
}

/// Every position of the shard from 1, each exactly once.
void check_gapless(journal& of, shard_id in, std::size_t count) {
  const auto records = read_shard(of, in, 1, 1'000'000);
  CHECK(records.size() == count);
  for (std::size_t i = 0; i < records.size(); ++i) {
    REQUIRE(records[i].at == i + 1);
  }
}

}  // namespace

/// Stands in front of the C library's, also for RocksDB: proves without looking into the adapter
/// that its log is synced, and what it does when it can't be.
extern "C" int fdatasync(int descriptor) {
  char name[4096];
  const auto link = "/proc/self/fd/" + std::to_string(descriptor);
  const auto size = ::readlink(link.c_str(), name, sizeof(name));
  const std::string_view file(name, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const bool log = file.ends_with(".log");
  log_syncs += log;
  if ((log && disk_fails) || (file.ends_with(".sst") && tables_fail)) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}

TEST_CASE_TEMPLATE("a fresh shard starts from nothing", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto claimed = claim(*journal, shard);
  CHECK(claimed.shard == shard);
  CHECK(claimed.owner_epoch == 1);
  CHECK(claimed.last_position == 0);
  CHECK(claimed.last_entity == 0);
  CHECK(claimed.counter == 0);
  CHECK(read_entity(*journal, nth(1)).empty());
  CHECK(read_shard(*journal, shard, 1, 10).empty());
  CHECK(list_unfinished(*journal, shard, 0, 10).empty());
}

TEST_CASE_TEMPLATE("positions are gapless in each shard by itself", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto here_owner = claim(*journal, 7);
  const auto there_owner = claim(*journal, 255);
  const auto verdicts =
      append(*journal, {entry(here_owner, id_of(7, 1), 0), entry(there_owner, id_of(255, 1), 0),
                        entry(here_owner, id_of(7, 2), 0), entry(here_owner, id_of(7, 1), 1)});
  CHECK((verdicts == std::vector{appended_at(1), appended_at(1), appended_at(2), appended_at(3)}));
  CHECK((append(*journal, entry(there_owner, id_of(255, 1), 1)) == appended_at(2)));
  check_gapless(*journal, 7, 3);
  check_gapless(*journal, 255, 2);
}

TEST_CASE_TEMPLATE("a record is read as it was appended", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  auto first = entry(owner, nth(1), 0);
  first.event_count = 3;
  first.record = std::string("with\0zero", 9) + std::string(largest_record_bytes - 9, '\xff');
  auto second = entry(owner, nth(1), 3);
  second.record = "";
  append(*journal, {first, entry(owner, nth(2), 0), second});
  const std::vector<journal_record> expected{{shard, 1, nth(1), 1, 3, first.record},
                                             {shard, 3, nth(1), 4, 1, second.record}};
  CHECK((read_entity(*journal, nth(1)) == expected));
  CHECK((read_shard(*journal, shard, 3, 10) == std::vector{expected.back()}));
}

TEST_CASE_TEMPLATE("a stale entry fails alone", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto verdicts =
      append(*journal, {entry(owner, nth(1), 0), entry(owner, nth(1), 0), entry(owner, nth(2), 5),
                        entry(owner, nth(1), 1), entry(owner, nth(3), 0)});
  const auto stale = refused(append_status::stale_sequence);
  CHECK((verdicts == std::vector{appended_at(1), stale, stale, appended_at(2), appended_at(3)}));
  check_gapless(*journal, shard, 3);
  CHECK(read_entity(*journal, nth(2)).empty());
}

TEST_CASE_TEMPLATE("a sequence counts events, not records", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  auto three = entry(owner, nth(1), 0);
  three.event_count = 3;
  append(*journal, three);
  CHECK((append(*journal, entry(owner, nth(1), 1)) == refused(append_status::stale_sequence)));
  CHECK((append(*journal, entry(owner, nth(1), 2)) == refused(append_status::stale_sequence)));
  CHECK((append(*journal, entry(owner, nth(1), 4)) == refused(append_status::stale_sequence)));
  CHECK((append(*journal, entry(owner, nth(1), 3)) == appended_at(2)));
}

TEST_CASE_TEMPLATE("a new claim fences off the owner before", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto former = claim(*journal, shard);
  append(*journal, entry(former, nth(1), 0));
  const auto current = claim(*journal, shard);
  CHECK(current.owner_epoch > former.owner_epoch);
  CHECK((append(*journal, entry(former, nth(1), 1)) == refused(append_status::stale_epoch)));
  CHECK((append(*journal, entry(current, nth(1), 1)) == appended_at(2)));
  auto of_the_future = current;
  ++of_the_future.owner_epoch;
  CHECK((append(*journal, entry(of_the_future, nth(1), 2)) == refused(append_status::stale_epoch)));
}

TEST_CASE_TEMPLATE("nobody appends to a shard that was never claimed", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  CHECK((append(*journal, entry({.shard = shard}, nth(1), 0)) == refused(append_status::stale_epoch)));
}

TEST_CASE_TEMPLATE("the counter moves by one or not at all", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto verdicts =
      append(*journal, {with_counter(entry(owner, nth(1), 0), 1), with_counter(entry(owner, nth(2), 0), 1),
                        with_counter(entry(owner, nth(2), 0), 3), with_counter(entry(owner, nth(2), 0), 2),
                        entry(owner, nth(3), 0)});
  const auto stale = refused(append_status::stale_counter);
  CHECK((verdicts == std::vector{appended_at(1), stale, stale, appended_at(2), appended_at(3)}));
  CHECK((append(*journal, with_counter(entry(owner, nth(4), 0), 2)) == stale));
  CHECK(claim(*journal, shard).counter == 2);
}

TEST_CASE_TEMPLATE("a claim tells the last position and the greatest entity", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto neighbour = claim(*journal, shard + 1);
  append(*journal, {entry(owner, nth(1), 0), entry(owner, nth(900), 0), entry(owner, nth(2), 0),
                    entry(neighbour, id_of(shard + 1, 5000), 0)});
  const auto claimed = claim(*journal, shard);
  CHECK(claimed.last_position == 3);
  CHECK(claimed.last_entity == nth(900));
}

TEST_CASE_TEMPLATE("several shards are claimed at once, in the order asked for", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  claim(*journal, 3);
  const auto claims = good_answer_to<std::vector<shard_claim>>([&](auto done) {
    journal->claim({5, 3, 0, 255}, done);
  });
  REQUIRE(claims.size() == 4);
  CHECK(claims[0].shard == 5);
  CHECK(claims[1].shard == 3);
  CHECK(claims[1].owner_epoch == 2);
  CHECK(claims[3].shard == 255);
}

TEST_CASE_TEMPLATE("an idempotency key has one owner", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  CHECK((append(*journal, with_key(entry(owner, nth(1), 0), "key", 11)) == appended_at(1)));
  CHECK((append(*journal, with_key(entry(owner, nth(2), 0), "key", 12)) == taken(nth(1), 11)));
  CHECK((append(*journal, with_key(entry(owner, nth(2), 0), "other key", 12)) == appended_at(2)));
  CHECK((append(*journal, with_key(entry(owner, nth(1), 1), "key", 13)) == appended_at(3)));
  CHECK((append(*journal, with_key(entry(owner, nth(3), 0), "key", 12)) == taken(nth(1), 11)));
}

TEST_CASE_TEMPLATE("an idempotency key is taken within the batch too", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto verdicts =
      append(*journal, {with_key(entry(owner, nth(1), 0), "key", 11),
                        with_key(entry(owner, nth(2), 0), "key", 12), entry(owner, nth(2), 0)});
  CHECK((verdicts == std::vector{appended_at(1), taken(nth(1), 11), appended_at(2)}));
}

TEST_CASE_TEMPLATE("a refused entry claims no key and moves no counter", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto verdicts = append(*journal, {with_counter(with_key(entry(owner, nth(1), 9), "key", 11), 1),
                                          with_counter(with_key(entry(owner, nth(2), 0), "key", 12), 1)});
  CHECK((verdicts == std::vector{refused(append_status::stale_sequence), appended_at(1)}));
}

TEST_CASE_TEMPLATE("keys with odd bytes and of other shards are told apart", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto neighbour = claim(*journal, shard + 1);
  const std::string zero("k\0", 2);
  CHECK((append(*journal, with_key(entry(owner, nth(1), 0), "k", 1)) == appended_at(1)));
  CHECK((append(*journal, with_key(entry(owner, nth(2), 0), zero, 2)) == appended_at(2)));
  CHECK((append(*journal, with_key(entry(owner, nth(3), 0), "", 3)) == appended_at(3)));
  CHECK((append(*journal, with_key(entry(neighbour, id_of(shard + 1, 1), 0), "k", 4)) == appended_at(1)));
  CHECK((append(*journal, with_key(entry(owner, nth(4), 0), zero, 5)) == taken(nth(2), 2)));
}

TEST_CASE_TEMPLATE("refusals have an order of precedence", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto former = claim(*journal, shard);
  const auto owner = claim(*journal, shard);
  append(*journal, with_key(entry(owner, nth(1), 0), "key", 11));
  CHECK((append(*journal, with_counter(with_key(entry(former, nth(2), 9), "key", 12), 9)) ==
         refused(append_status::stale_epoch)));
  CHECK(
      (append(*journal, with_counter(with_key(entry(owner, nth(2), 9), "key", 12), 9)) == taken(nth(1), 11)));
  CHECK(
      (append(*journal, with_counter(entry(owner, nth(2), 9), 9)) == refused(append_status::stale_sequence)));
  CHECK(
      (append(*journal, with_counter(entry(owner, nth(2), 0), 9)) == refused(append_status::stale_counter)));
}

TEST_CASE_TEMPLATE("the unfinished index follows each entity's last entry", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  append(*journal, {entry(owner, nth(1), 0), finished(entry(owner, nth(2), 0)), entry(owner, nth(3), 0)});
  CHECK((list_unfinished(*journal, shard, 0, 10) == std::vector{nth(1), nth(3)}));
  append(*journal,
         {entry(owner, nth(1), 1), finished(entry(owner, nth(1), 2)), finished(entry(owner, nth(1), 3))});
  CHECK((list_unfinished(*journal, shard, 0, 10) == std::vector{nth(3)}));
  append(*journal, {entry(owner, nth(1), 4), entry(owner, nth(2), 1)});
  CHECK((list_unfinished(*journal, shard, 0, 10) == std::vector{nth(1), nth(2), nth(3)}));
  append(*journal, {finished(entry(owner, nth(1), 5)), finished(entry(owner, nth(2), 2)),
                    finished(entry(owner, nth(3), 1))});
  CHECK(list_unfinished(*journal, shard, 0, 10).empty());
  append(*journal, finished(entry(owner, nth(1), 99)));
  append(*journal, entry(owner, nth(3), 99));
  CHECK(list_unfinished(*journal, shard, 0, 10).empty());
}

TEST_CASE_TEMPLATE("unfinished entities are listed page by page, of their shard only", adapter,
                   EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto neighbour = claim(*journal, shard + 1);
  append(*journal, entry(neighbour, id_of(shard + 1, 1), 0));
  for (const std::uint64_t n : {5, 1, 4, 2, 3}) {
    append(*journal, entry(owner, nth(n), 0));
  }
  CHECK((list_unfinished(*journal, shard, 0, 2) == std::vector{nth(1), nth(2)}));
  CHECK((list_unfinished(*journal, shard, nth(2), 2) == std::vector{nth(3), nth(4)}));
  CHECK((list_unfinished(*journal, shard, nth(4), 2) == std::vector{nth(5)}));
  CHECK(list_unfinished(*journal, shard, nth(5), 2).empty());
  CHECK(list_unfinished(*journal, shard, 0, 0).empty());
}

TEST_CASE_TEMPLATE("keys are listed page by page, of their shard only", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto neighbour = claim(*journal, shard + 1);
  const auto claim_key = [&](const shard_claim& of, std::uint64_t n, const std::string& key) {
    auto one = entry(of, id_of(of.shard, n), 0);
    one.key = idempotency_claim{key, n * 11};
    REQUIRE(append(*journal, one).status == append_status::appended);
  };
  claim_key(neighbour, 1, "b");
  claim_key(owner, 1, "c\xff");
  claim_key(owner, 2, std::string("a\0z", 3));
  claim_key(owner, 3, "b");
  append(*journal, entry(owner, nth(4), 0));
  const auto text = [&](const std::string& after, std::uint32_t limit) {
    std::string listed;
    for (const auto& one : list_keys(*journal, shard, after, limit)) {
      listed += one.claim.key + "=" + std::to_string(sequence_of(one.entity)) + "/" +
                std::to_string(one.claim.fingerprint) + " ";
    }
    return listed;
  };
  CHECK(text("", 10) == std::string("a\0z=2/22 ", 9) + "b=3/33 c\xff=1/11 ");
  CHECK(text("", 1) == std::string("a\0z=2/22 ", 9));
  CHECK(text("a", 2) == std::string("a\0z=2/22 ", 9) + "b=3/33 ");
  CHECK(text("b", 10) == "c\xff=1/11 ");
  CHECK(text("c\xff", 10) == "");
  CHECK(text("", 0) == "");
}

TEST_CASE_TEMPLATE("a shard is read page by page, of its own only", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  const auto neighbour = claim(*journal, shard + 1);
  for (std::uint64_t n = 1; n <= 5; ++n) {
    append(*journal, {entry(owner, nth(n), 0), entry(neighbour, id_of(shard + 1, n), 0)});
  }
  const auto page = read_shard(*journal, shard, 2, 3);
  REQUIRE(page.size() == 3);
  CHECK(page.front().at == 2);
  CHECK(page.back().at == 4);
  CHECK(page.back().entity == nth(4));
  CHECK(read_shard(*journal, shard, 5, 3).size() == 1);
  CHECK(read_shard(*journal, shard, 6, 3).empty());
  CHECK(read_shard(*journal, shard, 0, 100).size() == 5);
}

TEST_CASE_TEMPLATE("the ends of all shards are told", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  CHECK(read_ends(*journal) == std::vector<position>(shard_count, 0));
  const auto seven = claim(*journal, 7);
  const auto eight = claim(*journal, 8);
  append(*journal, {entry(seven, id_of(7, 1), 0), entry(eight, id_of(8, 1), 0), entry(seven, id_of(7, 1), 1),
                    entry(seven, id_of(7, 2), 5)});
  std::vector<position> ends(shard_count, 0);
  ends[7] = 2;
  ends[8] = 1;
  CHECK(read_ends(*journal) == ends);
}

TEST_CASE_TEMPLATE("appends are answered in the order of the calls, and nothing is left open", adapter,
                   EVERY_ADAPTER) {
  constexpr std::uint64_t calls = 500;
  adapter here;
  std::vector<std::uint64_t> answered;
  {
    const auto journal = here.open();
    const auto owner = claim(*journal, shard);
    for (std::uint64_t n = 1; n <= calls; ++n) {
      journal->append({entry(owner, nth(n), 0)},
                      [&answered, n](journal_result<std::vector<append_verdict>> result) {
                        answered.push_back(result && result->at(0) == appended_at(n) ? n : 0);
                      });
    }
  }
  std::vector<std::uint64_t> expected(calls);
  std::iota(expected.begin(), expected.end(), 1);
  CHECK((answered == expected));
}

TEST_CASE_TEMPLATE("a callback may call again, even while the journal is being destroyed", adapter,
                   EVERY_ADAPTER) {
  adapter here;
  std::size_t read = 0;
  {
    const auto journal = here.open();
    const auto owner = claim(*journal, shard);
    auto& port = *journal;
    port.append({entry(owner, nth(1), 0)}, [&](auto) {
      port.append({entry(owner, nth(1), 1)}, [&](auto) {
        port.read_entity(
            nth(1), [&](journal_result<std::vector<journal_record>> records) { read = records->size(); });
      });
    });
  }
  CHECK(read == 2);
}

TEST_CASE_TEMPLATE("what was acknowledged is read at once", adapter, EVERY_ADAPTER) {
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  for (std::uint64_t n = 1; n <= 50; ++n) {
    append(*journal, entry(owner, nth(n), 0));
    REQUIRE(read_entity(*journal, nth(n)).size() == 1);
    REQUIRE(read_shard(*journal, shard, n, 10).size() == 1);
  }
}

TEST_CASE_TEMPLATE("many threads append at once without a gap or a loss", adapter, EVERY_ADAPTER) {
  constexpr std::uint64_t threads = 8;
  constexpr std::uint64_t appends = 100;
  adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  std::atomic<std::uint64_t> taken_entries = 0;
  {
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < appends; ++i) {
          // Two threads fight for each entity: exactly one of them gets it.
          const auto contended = nth(t / 2 * appends + i + 1);
          journal->append(
              {entry(owner, contended, 0)}, [&](journal_result<std::vector<append_verdict>> result) {
                taken_entries += result && result->at(0).status == append_status::appended ? 1 : 0;
              });
        }
      });
    }
  }
  append(*journal, std::vector<journal_entry>{});
  CHECK(taken_entries == threads / 2 * appends);
  check_gapless(*journal, shard, threads / 2 * appends);
}

TEST_CASE_TEMPLATE("every store has an id of its own", adapter, EVERY_ADAPTER) {
  adapter here;
  adapter there;
  CHECK_FALSE(here.open()->store_id().empty());
  CHECK(here.open()->store_id() != there.open()->store_id());
}

// --- Adapters that persist. ---

TEST_CASE_TEMPLATE("everything is there again after a close", adapter, EVERY_PERSISTENT_ADAPTER) {
  adapter here;
  std::string id;
  shard_claim owner;
  std::vector<journal_record> records;
  {
    const auto journal = here.open();
    id = journal->store_id();
    owner = claim(*journal, shard);
    append(*journal, {with_counter(with_key(entry(owner, nth(1), 0), "key", 11), 1), entry(owner, nth(2), 0),
                      finished(entry(owner, nth(1), 1)), with_counter(entry(owner, nth(9), 0), 2)});
    records = read_shard(*journal, shard, 1, 10);
  }
  for (int round = 0; round < 3; ++round) {
    const auto journal = here.open();
    CHECK(journal->store_id() == id);
    CHECK((read_shard(*journal, shard, 1, 10) == records));
    CHECK(read_entity(*journal, nth(1)).size() == 2);
    CHECK((list_unfinished(*journal, shard, 0, 10) == std::vector{nth(2), nth(9)}));
    const auto again = claim(*journal, shard);
    CHECK(again.owner_epoch == owner.owner_epoch + 1);
    CHECK(again.last_position == 4);
    CHECK(again.last_entity == nth(9));
    CHECK(again.counter == 2);
    CHECK((append(*journal, entry(owner, nth(2), 1)) == refused(append_status::stale_epoch)));
    CHECK((append(*journal, with_key(entry(again, nth(3), 0), "key", 12)) == taken(nth(1), 11)));
    CHECK((append(*journal, entry(again, nth(1), 1)) == refused(append_status::stale_sequence)));
    CHECK((append(*journal, with_counter(entry(again, nth(3), 0), 2)) ==
           refused(append_status::stale_counter)));
    owner = again;
  }
  const auto journal = here.open();
  owner = claim(*journal, shard);
  CHECK((append(*journal, finished(entry(owner, nth(2), 1))) == appended_at(5)));
  CHECK((list_unfinished(*journal, shard, 0, 10) == std::vector{nth(9)}));
  CHECK(read_ends(*journal)[shard] == read_shard(*journal, shard, 1, 1'000'000).back().at);
}

TEST_CASE_TEMPLATE("an epoch stays fenced off after a close", adapter, EVERY_PERSISTENT_ADAPTER) {
  adapter here;
  const auto former = claim(*here.open(), shard);
  const auto owner = claim(*here.open(), shard);
  const auto journal = here.open();
  CHECK((append(*journal, entry(former, nth(1), 0)) == refused(append_status::stale_epoch)));
  CHECK((append(*journal, entry(owner, nth(1), 0)) == appended_at(1)));
}

namespace {

constexpr auto appends_until_killed = "appends until it is killed";
/// Shards that the process to be killed appends to.
constexpr shard_id killed_shards = 4;

}  // namespace

TEST_CASE(appends_until_killed* doctest::skip()) {
  auto journal = rocksdb_journal::open({.path = killed_child::folder()});
  REQUIRE_MESSAGE(journal, journal.error().message);
  std::vector<shard_claim> owners;
  for (shard_id s = 0; s < killed_shards; ++s) {
    owners.push_back(claim(**journal, s));
  }
  const auto start = std::max_element(owners.begin(), owners.end(), [](const auto& a, const auto& b) {
                       return a.last_entity < b.last_entity;
                     })->last_entity;
  std::counting_semaphore<> free(16);
  for (auto sequence = start == 0 ? 1 : sequence_of(start) + 1;; ++sequence) {
    for (const auto& owner : owners) {
      free.acquire();
      const auto id = id_of(owner.shard, sequence);
      (*journal)->append({entry(owner, id, 0), finished(entry(owner, id, 1))},
                         [&free, id](journal_result<std::vector<append_verdict>> result) {
                           const bool good = result && result->at(1).status == append_status::appended;
                           if (!good || !killed_child::tell(id)) ::_exit(EXIT_FAILURE);
                           free.release();
                         });
    }
  }
}

TEST_CASE("a killed process loses nothing that it acknowledged") {
  constexpr int rounds = 20;
  const journal_folder folder;
  std::mt19937 random(std::random_device{}());
  std::vector<entity_id> all;
  for (int round = 0; round < rounds; ++round) {
    killed_child appender(appends_until_killed, folder.journal());
    const auto before = appender.told(std::uniform_int_distribution<std::size_t>(1, 150)(random));
    const auto rest = appender.kill();
    REQUIRE_FALSE(before.empty());
    all.insert(all.end(), before.begin(), before.end());
    all.insert(all.end(), rest.begin(), rest.end());
  }
  auto journal = rocksdb_journal::open({.path = folder.journal()});
  REQUIRE_MESSAGE(journal, journal.error().message);
  for (const auto id : all) {
    REQUIRE(read_entity(**journal, id).size() == 2);
  }
  for (shard_id s = 0; s < killed_shards; ++s) {
    const auto claimed = claim(**journal, s);
    CHECK(claimed.owner_epoch == rounds + 1);
    CHECK(list_unfinished(**journal, s, 0, 10).empty());
    check_gapless(**journal, s, claimed.last_position);
  }
}

// --- RocksDB alone. ---

namespace {

std::string error_at_open(const std::string& path) {
  const auto opened = rocksdb_journal::open({.path = path});
  return opened ? "" : opened.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::filesystem::path> files_of(const std::string& folder, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == extension && file.file_size() > 0) {
      files.push_back(file.path());
    }
  }
  return files;
}

/// The biggest log: of a copy of an open journal the one that has its records.
std::filesystem::path log_of(const std::string& folder) {
  const auto logs = files_of(folder + "/log", ".log");
  REQUIRE_FALSE(logs.empty());
  return *std::max_element(logs.begin(), logs.end(), [](const auto& a, const auto& b) {
    return std::filesystem::file_size(a) < std::filesystem::file_size(b);
  });
}

void flip_byte(const std::filesystem::path& path, std::uintmax_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char flipped = static_cast<char>(file.get() ^ 0x55);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(flipped);
}

/// What a crash leaves: a copy of the files of a journal that is open, `appends` records in.
std::string crashed_copy(const journal_folder& folder, std::uint64_t appends) {
  auto journal = rocksdb_journal::open({.path = folder.journal()});
  REQUIRE_MESSAGE(journal, journal.error().message);
  const auto owner = claim(**journal, shard);
  for (std::uint64_t n = 1; n <= appends; ++n) {
    append(**journal, entry(owner, nth(n), 0));
  }
  const auto copy = folder.path().string() + "/copy";
  std::filesystem::copy(folder.journal(), copy, std::filesystem::copy_options::recursive);
  return copy;
}

}  // namespace

TEST_CASE("RocksDB's log is synced before each acknowledgement, and once for all that wait") {
  rocksdb_adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  for (std::uint64_t n = 1; n <= 5; ++n) {
    const int before = log_syncs;
    append(*journal, entry(owner, nth(n), 0));
    CHECK(log_syncs == before + 1);
  }
  const int before = log_syncs;
  append(*journal, entry(owner, nth(1), 0));
  CHECK_MESSAGE(log_syncs == before, "a refused entry has nothing to sync");
  claim(*journal, shard);
  CHECK_MESSAGE(log_syncs == before + 1, "a claim is a promise too");
}

TEST_CASE("RocksDB commits what waits in one batch with one sync") {
  rocksdb_adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  // The first answer holds the writer up until a hundred more calls wait.
  journal->append({entry(owner, nth(1), 0)}, [opened](auto) { opened.wait(); });
  int at_first = 0;
  int at_last = 0;
  const int before = log_syncs;
  for (std::uint64_t n = 2; n <= 100; ++n) {
    journal->append({entry(owner, nth(n), 0)}, [&, n](auto) {
      at_first = n == 2 ? log_syncs.load() : at_first;
      at_last = log_syncs;
    });
  }
  gate.set_value();
  append(*journal, entry(owner, nth(101), 0));
  CHECK(at_last - before <= 3);
  CHECK(at_last - at_first <= 1);
  check_gapless(*journal, shard, 101);
}

TEST_CASE("RocksDB answers reads while a write waits") {
  rocksdb_adapter here;
  const auto journal = here.open();
  const auto owner = claim(*journal, shard);
  append(*journal, entry(owner, nth(1), 0));
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  journal->append({entry(owner, nth(2), 0)}, [opened](auto) { opened.wait(); });
  CHECK(read_entity(*journal, nth(1)).size() == 1);
  gate.set_value();
}

TEST_CASE("after a failed sync RocksDB takes nothing more, and has what it acknowledged") {
  rocksdb_adapter here;
  {
    const auto journal = here.open();
    const auto owner = claim(*journal, shard);
    append(*journal, entry(owner, nth(1), 0));
    disk_fails = true;
    const auto ask = [&](std::uint64_t n) {
      return answer_to<std::vector<append_verdict>>(
          [&](auto done) { journal->append({entry(owner, nth(n), 0)}, done); });
    };
    const auto failed = ask(2);
    disk_fails = false;
    REQUIRE_FALSE(failed);
    CHECK(contains(failed.error().message, here.folder.journal()));
    CHECK(contains(failed.error().message, "Input/output error"));
    const auto after = ask(3);
    REQUIRE_FALSE(after);
    CHECK(after.error().message == failed.error().message);
    CHECK_FALSE(answer_to<std::vector<shard_claim>>([&](auto done) { journal->claim({shard}, done); }));
    CHECK(read_entity(*journal, nth(1)).size() == 1);
  }
  const auto journal = here.open();
  CHECK(read_entity(*journal, nth(1)).size() == 1);
  CHECK(read_entity(*journal, nth(3)).empty());
  const auto owner = claim(*journal, shard);
  CHECK((append(*journal, entry(owner, nth(4), 0)) == appended_at(owner.last_position + 1)));
}

TEST_CASE("after a table that can't be written RocksDB takes nothing more, and has what it acknowledged") {
  journal_folder folder;
  constexpr std::size_t small_tail_bytes = 4 * 1024;
  std::uint64_t acknowledged = 0;
  {
    const auto journal =
        rocksdb_journal::open({.path = folder.journal(), .largest_tail_bytes = small_tail_bytes}).value();
    const auto owner = claim(*journal, shard);
    tables_fail = true;
    for (;; ++acknowledged) {
      const auto answer = answer_to<std::vector<append_verdict>>(
          [&](auto done) { journal->append({entry(owner, nth(acknowledged + 1), 0)}, done); });
      if (answer) continue;
      CHECK(contains(answer.error().message, folder.journal()));
      break;
    }
    REQUIRE(read_shard(*journal, shard, 1, 1000).size() >= acknowledged);
  }
  tables_fail = false;
  const auto journal = rocksdb_journal::open({.path = folder.journal()}).value();
  CHECK(acknowledged > 20);
  CHECK(read_shard(*journal, shard, 1, 1000).size() >= acknowledged);
  CHECK(list_unfinished(*journal, shard, 0, 1000).size() >= acknowledged);
}

TEST_CASE("RocksDB accepts a torn end of its log, which nobody was told of") {
  const journal_folder folder;
  const auto copy = crashed_copy(folder, 20);
  const auto log = log_of(copy);
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 5);
  const auto journal = rocksdb_journal::open({.path = copy});
  REQUIRE_MESSAGE(journal, journal.error().message);
  check_gapless(**journal, shard, 19);
}

TEST_CASE("RocksDB stands on nothing of a killed owner's log that the power could still take") {
  const journal_folder folder;
  const auto copy = crashed_copy(folder, 20);
  const auto unsynced = files_of(copy + "/log", ".log");
  const auto journal = rocksdb_journal::open({.path = copy}).value();
  append(*journal, entry(claim(*journal, shard), nth(21), 0));
  for (const auto& log : unsynced) {
    if (std::filesystem::exists(log)) std::filesystem::resize_file(log, 0);
  }
  const auto without_power = copy + "-without-power";
  std::filesystem::copy(copy, without_power, std::filesystem::copy_options::recursive);
  check_gapless(*rocksdb_journal::open({.path = without_power}).value(), shard, 21);
}

TEST_CASE("RocksDB refuses a log that is damaged before its end") {
  const journal_folder folder;
  const auto copy = crashed_copy(folder, 20);
  const auto log = log_of(copy);
  flip_byte(log, std::filesystem::file_size(log) / 2);
  CHECK(contains(error_at_open(copy), copy));
  CHECK(contains(error_at_open(copy), "damaged at byte"));
}

TEST_CASE("RocksDB refuses a folder that lacks a part of its store") {
  const journal_folder folder;
  SUBCASE("the pointer to its manifest") {
    const auto copy = crashed_copy(folder, 5);
    std::filesystem::remove(copy + "/CURRENT");
    CHECK(contains(error_at_open(copy), copy));
  }
  SUBCASE("its log") {
    const auto copy = crashed_copy(folder, 5);
    std::filesystem::remove_all(copy + "/log");
    CHECK(contains(error_at_open(copy), "its log is lost"));
  }
  SUBCASE("a table") {
    claim(*rocksdb_journal::open({.path = folder.journal()}).value(), shard);
    std::filesystem::remove(files_of(folder.journal(), ".sst").at(0));
    CHECK(contains(error_at_open(folder.journal()), folder.journal()));
  }
}

TEST_CASE("RocksDB refuses a folder that holds something else") {
  const journal_folder folder;
  std::filesystem::create_directories(folder.journal());
  std::ofstream(folder.journal() + "/holiday.jpg") << "sea";
  CHECK(contains(error_at_open(folder.journal()), folder.journal()));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.journal()), {}) == 1);
}

TEST_CASE("RocksDB refuses a database of another program") {
  const journal_folder folder;
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* database = nullptr;
    REQUIRE(rocksdb::DB::Open(options, folder.path().string() + "/other", &database).ok());
    delete database;
  }
  CHECK(contains(error_at_open(folder.path().string() + "/other"), folder.path().string() + "/other"));
}

TEST_CASE("RocksDB refuses a store of another format version") {
  rocksdb_adapter here;
  here.open();
  raw_store(here.folder.journal()).put("format", "4");
  CHECK(contains(error_at_open(here.folder.journal()), "format version 4"));
}

TEST_CASE("RocksDB refuses a path that is a file") {
  const journal_folder folder;
  std::ofstream(folder.path().string() + "/file") << "";
  CHECK(contains(error_at_open(folder.path().string() + "/file"), folder.path().string() + "/file"));
}

TEST_CASE("RocksDB refuses a folder that another journal has open") {
  rocksdb_adapter here;
  const auto journal = here.open();
  CHECK(contains(error_at_open(here.folder.journal()), "lock"));
}

TEST_CASE("an unfinished making of a RocksDB store is made anew") {
  const journal_folder folder;
  std::filesystem::create_directories(folder.journal() + ".new");
  std::ofstream(folder.journal() + ".new/CURRENT") << "half";
  CHECK(error_at_open(folder.journal()).empty());
  CHECK_FALSE(std::filesystem::exists(folder.journal() + ".new"));
}

TEST_CASE("an existing empty folder becomes a RocksDB store, also with a slash behind it") {
  const journal_folder folder;
  std::filesystem::create_directories(folder.journal());
  CHECK(error_at_open(folder.journal() + "/").empty());
  CHECK(error_at_open(folder.journal()).empty());
}

// --- RocksDB for reading only. ---

/// Each file of the folder with its size and the time of its last change.
std::vector<std::string> state_of_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
    if (each.is_directory()) continue;
    files.push_back(each.path().string() + " " + std::to_string(each.file_size()) + " " +
                    std::to_string(each.last_write_time().time_since_epoch().count()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::unique_ptr<journal> open_read_only(const std::string& path) {
  auto opened = rocksdb_journal::open_read_only({.path = path});
  REQUIRE_MESSAGE(opened, opened.error().message);
  return std::move(*opened);
}

TEST_CASE("RocksDB read only shows one moment of a journal that its owner goes on writing") {
  rocksdb_adapter here;
  const auto owned = here.open();
  const auto owner = claim(*owned, shard);
  append(*owned, entry(owner, nth(1), 0));
  const auto reader = open_read_only(here.folder.journal());
  CHECK(reader->store_id() == owned->store_id());
  append(*owned, entry(owner, nth(1), 1));
  CHECK(read_entity(*reader, nth(1)).size() == 1);
  CHECK((read_shard(*reader, shard, 1, 10) == read_shard(*owned, shard, 1, 1)));
  CHECK((list_unfinished(*reader, shard, 0, 10) == std::vector{nth(1)}));
  CHECK(read_entity(*open_read_only(here.folder.journal()), nth(1)).size() == 2);
}

TEST_CASE("RocksDB read only takes no claim and no append, and writes nothing") {
  rocksdb_adapter here;
  auto owner = claim(*here.open(), shard);
  const auto before = state_of_files(here.folder.journal());
  {
    const auto reader = open_read_only(here.folder.journal());
    CHECK_FALSE(answer_to<std::vector<shard_claim>>([&](auto done) { reader->claim({shard}, done); }));
    CHECK_FALSE(answer_to<std::vector<append_verdict>>(
        [&](auto done) { reader->append({entry(owner, nth(1), 0)}, done); }));
    CHECK(read_entity(*reader, nth(1)).empty());
  }
  CHECK((state_of_files(here.folder.journal()) == before));
}

TEST_CASE("RocksDB read only makes no journal where there is none") {
  const journal_folder folder;
  CHECK_FALSE(rocksdb_journal::open_read_only({.path = folder.journal()}));
  CHECK_FALSE(std::filesystem::exists(folder.journal()));
}

TEST_CASE("RocksDB read only refuses a damaged journal") {
  const journal_folder folder;
  const auto copy = crashed_copy(folder, 20);
  const auto log = log_of(copy);
  flip_byte(log, std::filesystem::file_size(log) / 2);
  const auto opened = rocksdb_journal::open_read_only({.path = copy});
  REQUIRE_FALSE(opened);
  CHECK(contains(opened.error().message, "damaged at byte"));
}

TEST_CASE("RocksDB read only misses nothing that was acknowledged, while logs and tables come and go") {
  rocksdb_adapter here;
  const auto owned = here.open();
  const auto owner = claim(*owned, shard);
  // A log is full after a few hundred appends, so that there is a new one every few openings.
  constexpr std::size_t record_bytes = 32 * 1024;
  constexpr int rounds = 20;
  int opened_at_all = 0;
  std::atomic<position> acknowledged = 0;
  const std::jthread writing([&](const std::stop_token& stop) {
    for (std::uint64_t next = 1; !stop.stop_requested();) {
      auto large = finished(entry(owner, nth(next), 0));
      large.record.assign(record_bytes, 'x');
      std::promise<void> done;
      owned->append({std::move(large)}, [&](auto) { done.set_value(); });
      done.get_future().wait();
      acknowledged = next++;
    }
  });
  for (int round = 0; round < rounds; ++round) {
    const position at_least = acknowledged;
    const auto opened = rocksdb_journal::open_read_only({.path = here.folder.journal()});
    // Unlucky at every try is allowed, a journal with a hole is not, nor one that is said to be damaged.
    if (!opened) {
      REQUIRE_FALSE(contains(opened.error().message, "damaged"));
      continue;
    }
    ++opened_at_all;
    position last = 0;
    for (position from = 1;; from = last + 1) {
      const auto records = read_shard(**opened, shard, from, 100);
      if (records.empty()) break;
      for (const auto& record : records) REQUIRE(record.at == ++last);
    }
    REQUIRE(last >= at_least);
  }
  CHECK(opened_at_all > 0);
}

// --- The memory journal alone. ---

TEST_CASE("the memory journal does its work when its executor says so") {
  std::vector<memory_journal::job> jobs;
  memory_journal journal([&](memory_journal::job job) { jobs.push_back(std::move(job)); });
  bool claimed = false;
  journal.claim({shard}, [&](auto) { claimed = true; });
  CHECK_FALSE(claimed);
  REQUIRE(jobs.size() == 1);
  jobs.front()();
  CHECK(claimed);
}

TEST_CASE("the memory journal fails on demand") {
  memory_journal journal([](memory_journal::job job) { job(); });
  const auto owner = claim(journal, shard);
  const auto ask = [&](std::uint64_t n) {
    return answer_to<std::vector<append_verdict>>(
        [&](auto done) { journal.append({entry(owner, nth(n), 0)}, done); });
  };
  journal.fail_next_appends(2, "disk full");
  CHECK(ask(1).error().message == "disk full");
  CHECK_FALSE(ask(1));
  CHECK(ask(1));
  journal.lose_next_acknowledgements(1, "crashed");
  CHECK(ask(2).error().message == "crashed");
  CHECK(read_entity(journal, nth(2)).size() == 1);
  CHECK((ask(2)->at(0) == refused(append_status::stale_sequence)));
}
