#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <random>
#include <set>
#include <string_view>

#include "tests/support/page_cache.hpp"
#include "tests/support/view_fixture.hpp"

using namespace holdfast::storage;
using holdfast::domain::timestamp;
using holdfast::testing::embedded_store;
using holdfast::testing::page_cache;
using holdfast::testing::redis_store;
using holdfast::testing::view_fixture;
using holdfast::testing::with_page_cache;
using std::chrono::milliseconds;

TYPE_TO_STRING_AS("embedded", embedded_store);
TYPE_TO_STRING_AS("redis", redis_store);

namespace {

/// Of it a quarter holds rows that are not in tables yet.
constexpr std::size_t smallest_cache_bytes = 1024 * 1024;

/// What the disk under an embedded view answers to every write; 0: it writes. See write() below.
std::atomic<int> error_of_disk = 0;
/// Of the view's tables the first sectors can't be read, but for small ones.
std::atomic<bool> sectors_are_bad = false;
constexpr off_t bad_sectors_bytes = 4096;
constexpr off_t small_table_bytes = 16 * 1024;

timestamp at(std::int64_t ms) {
  return timestamp(milliseconds(ms));
}

std::string records_of(entity_id id, std::uint64_t version) {
  return std::string("\0\xff\r\n", 4) + std::to_string(id) + '/' + std::to_string(version);
}

view_row row(entity_id id, std::uint64_t version, std::uint64_t user, std::int64_t created_ms,
             std::optional<std::int64_t> paid_ms = {}) {
  view_row result{id, version, records_of(id, version), user, at(created_ms), {}};
  if (paid_ms) {
    result.paid_at = at(*paid_ms);
  }
  return result;
}

std::vector<entity_id> ids_of(const view_page& page) {
  std::vector<entity_id> ids;
  for (const auto row : page.rows) {
    ids.push_back(row.id);
  }
  return ids;
}

view_query all_rows(bool descending = false, std::uint32_t limit = 20) {
  view_query query;
  query.descending = descending;
  query.limit = limit;
  return query;
}

view_query of_user(std::uint64_t user) {
  view_query query;
  query.collection = view_collection::of_user;
  query.user_id = user;
  return query;
}

view_query receipts() {
  view_query query;
  query.collection = view_collection::receipts;
  return query;
}

/// What a view has to answer, told in the plainest way.
class model {
 public:
  void write(const view_row& row) {
    const auto [found, added] = rows_.try_emplace(row.id, row);
    if (!added && found->second.version < row.version) {
      found->second = row;
    }
  }

  view_page list(const view_query& query) const {
    auto places = places_of(query);
    if (query.descending) {
      std::reverse(places.begin(), places.end());
    }
    view_page page;
    page.total = places.size();
    std::uint32_t skipped = 0;
    for (const auto& [time, id] : places) {
      const bool behind = !query.after || (query.descending ? std::pair(time, id) < place_of(*query.after)
                                                            : std::pair(time, id) > place_of(*query.after));
      if (!behind || skipped < query.offset) {
        skipped += behind;
      } else if (page.rows.size() == query.limit) {
        page.more = true;
        break;
      } else {
        const auto& row = rows_.at(id);
        page.rows.add({row.id, row.version, row.records});
        page.next = {time, id};
      }
    }
    return page;
  }

 private:
  using place = std::pair<timestamp, entity_id>;

  static place place_of(const view_cursor& cursor) { return {cursor.at, cursor.id}; }

  std::vector<place> places_of(const view_query& query) const {
    std::vector<place> places;
    for (const auto& [id, row] : rows_) {
      if (query.collection == view_collection::receipts) {
        if (row.paid_at) {
          places.emplace_back(*row.paid_at, id);
        }
      } else if (query.collection == view_collection::reservations || row.user_id == query.user_id) {
        places.emplace_back(row.created_at, id);
      }
    }
    std::sort(places.begin(), places.end());
    return places;
  }

  std::map<entity_id, view_row> rows_;
};

void check_same(const view_page& found, const view_page& expected) {
  CHECK(found.total == expected.total);
  CHECK(found.more == expected.more);
  REQUIRE(ids_of(found) == ids_of(expected));
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    CHECK(found.rows[i].version == expected.rows[i].version);
    CHECK(found.rows[i].records == expected.rows[i].records);
  }
  if (found.more) {
    CHECK(found.next == expected.next);
  }
}

bool is_unavailable(const auto& result) {
  return !result.has_value() && result.error() == view_error::unavailable;
}

/// Writes rows of growing ids until a write fails; gives the last that was written.
entity_id write_until_refused(view_fixture<embedded_store>& view, entity_id first) {
  constexpr entity_id more_than_memory_takes = 100'000;
  for (entity_id id = first; id < more_than_memory_takes; ++id) {
    auto next = row(id, 1, 1, 1000);
    next.records.append(300, 'x');
    if (is_unavailable(view.write({next}, {{0, id}}))) return id - 1;
  }
  return more_than_memory_takes;
}

/// A script in the database that the view is in.
void in_its_database(view_fixture<redis_store>& view, const std::string& script) {
  view.store().server().command({"EVAL", "redis.call('SELECT', 3) " + script, "0"});
}

/// Lists by cursor until no more rows follow; `between` is called between the pages.
template <class View, class Between>
std::vector<entity_id> walk(View& view, view_query query, Between between) {
  constexpr std::size_t more_than_any_test_writes = 50'000;
  std::vector<entity_id> ids;
  while (true) {
    REQUIRE(ids.size() < more_than_any_test_writes);
    const auto page = view.list(query);
    REQUIRE(page.has_value());
    for (const auto id : ids_of(*page)) {
      ids.push_back(id);
    }
    if (!page->more) {
      return ids;
    }
    query.after = page->next;
    between();
  }
}

}  // namespace

namespace {

bool is_of_view(int descriptor) {
  char name[4096];
  const auto link = "/proc/self/fd/" + std::to_string(descriptor);
  const auto length = ::readlink(link.c_str(), name, sizeof(name));
  return length > 0 &&
         std::string_view(name, static_cast<std::size_t>(length)).find("/view/") != std::string::npos;
}

bool is_small(int descriptor) {
  struct stat about {};
  return ::fstat(descriptor, &about) != 0 || about.st_size < small_table_bytes;
}

}  // namespace

/// Stands in front of the C library's, also for RocksDB.
extern "C" ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (error_of_disk != 0 && is_of_view(descriptor)) {
    errno = error_of_disk;
    return -1;
  }
  return ::syscall(SYS_write, descriptor, bytes, size);
}

/// pread() where offsets have 64 bits.
extern "C" ssize_t pread64(int descriptor, void* bytes, size_t size, off_t offset) {
  if (sectors_are_bad && offset < bad_sectors_bytes && is_of_view(descriptor) && !is_small(descriptor)) {
    errno = EIO;
    return -1;
  }
  return ::syscall(SYS_pread64, descriptor, bytes, size, offset);
}

#define BOTH embedded_store, redis_store

TEST_CASE_TEMPLATE("a row that is there is told apart from one that is not", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  REQUIRE(view.write({row(7, 2, 1, 1000)}).has_value());
  const auto found = view.get(7);
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  CHECK((*found)->id == 7);
  CHECK((*found)->version == 2);
  CHECK((*found)->records == records_of(7, 2));
  const auto missing = view.get(8);
  REQUIRE(missing.has_value());
  CHECK(!missing->has_value());
}

TEST_CASE_TEMPLATE("any bytes and sizes of records come back as they were", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) {
    all_bytes.push_back(static_cast<char>(i));
  }
  auto large = row(2, 1, 1, 1000);
  large.records = std::string(largest_record_bytes, '\0') + all_bytes;
  auto empty = row(3, 1, 1, 1000);
  empty.records.clear();
  auto bytes = row(1, 1, 1, 1000);
  bytes.records = all_bytes;
  REQUIRE(view.write({bytes, large, empty}).has_value());
  CHECK((*view.get(1))->records == all_bytes);
  CHECK((*view.get(2))->records == large.records);
  CHECK((*view.get(3))->records.empty());
  const auto page = view.list(all_rows());
  REQUIRE(page->rows.size() == 3);
  CHECK(page->rows[0].records == all_bytes);
  CHECK(page->rows[1].records == large.records);
  CHECK(page->rows[2].records.empty());
}

TEST_CASE_TEMPLATE("the version of a row never falls", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  REQUIRE(view.write({row(1, 5, 1, 1000)}).has_value());
  auto same = row(1, 5, 1, 1000, 2000);
  same.records = "other";
  REQUIRE(view.write({row(1, 4, 2, 500, 600), same}).has_value());
  CHECK((*view.get(1))->version == 5);
  CHECK((*view.get(1))->records == records_of(1, 5));
  CHECK(view.total(receipts()) == 0);
  CHECK(view.total(of_user(2)) == 0);
  REQUIRE(view.write({row(1, 7, 1, 1000), row(1, 6, 1, 1000)}).has_value());
  CHECK((*view.get(1))->version == 7);
  CHECK(view.total(all_rows()) == 1);
}

TEST_CASE_TEMPLATE("rows of the same millisecond stand in the order of their ids", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  REQUIRE(view.write({row(300, 1, 1, 1000), row(2, 1, 1, 1000), row(40, 1, 1, 1000), row(1, 1, 1, 2000),
                      row(500, 1, 1, 999)})
              .has_value());
  const std::vector<entity_id> ascending{500, 2, 40, 300, 1};
  const std::vector<entity_id> descending{1, 300, 40, 2, 500};
  CHECK(ids_of(*view.list(all_rows())) == ascending);
  CHECK(ids_of(*view.list(all_rows(true))) == descending);
  CHECK(walk(view, all_rows(false, 1), [] {}) == ascending);
  CHECK(walk(view, all_rows(true, 1), [] {}) == descending);
}

TEST_CASE_TEMPLATE("a page beyond the end is empty and still tells the total", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1), row(2, 1, 1, 2)}).has_value());
  auto beyond = all_rows();
  beyond.offset = 2;
  CHECK(view.list(beyond)->rows.empty());
  CHECK(view.list(beyond)->total == 2);
  CHECK(!view.list(beyond)->more);
  beyond.offset = 10'000;
  CHECK(view.list(beyond)->rows.empty());
  auto behind = all_rows();
  behind.after = view_cursor{at(2), 2};
  CHECK(view.list(behind)->rows.empty());
  behind.descending = true;
  CHECK(ids_of(*view.list(behind)) == std::vector<entity_id>{1});
  CHECK(view.total(of_user(77)) == 0);
}

TEST_CASE_TEMPLATE("a row that is paid in a later version joins the receipts then", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 5, 1000), row(2, 1, 5, 1001), row(3, 1, 6, 1002)}).has_value());
  CHECK(view.total(receipts()) == 0);
  REQUIRE(view.write({row(2, 2, 5, 1001, 3000)}).has_value());
  REQUIRE(view.write({row(1, 2, 5, 1000, 3001), row(1, 3, 5, 1000, 3001)}).has_value());
  CHECK(ids_of(*view.list(receipts())) == std::vector<entity_id>{2, 1});
  CHECK(view.total(receipts()) == 2);
  REQUIRE(view.write({row(2, 3, 5, 1001, 3000)}).has_value());
  CHECK(view.total(receipts()) == 2);
  CHECK(view.total(all_rows()) == 3);
  CHECK(view.total(of_user(5)) == 2);
  CHECK(view.total(of_user(6)) == 1);
  CHECK(ids_of(*view.list(of_user(5))) == std::vector<entity_id>{1, 2});
}

TEST_CASE_TEMPLATE("walking by cursor meets every row once while others are inserted", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  std::vector<view_row> rows;
  std::set<entity_id> first_rows;
  for (entity_id id = 2; id <= 1000; id += 2) {
    rows.push_back(row(id, 1, id % 3, static_cast<std::int64_t>(id / 10)));
    first_rows.insert(id);
  }
  REQUIRE(view.write(rows).has_value());
  entity_id next = 1;
  for (const bool descending : {false, true}) {
    const auto ids = walk(view, all_rows(descending, 7), [&] {
      REQUIRE(view.write({row(next, 1, 1, static_cast<std::int64_t>(next / 10))}).has_value());
      next += 2;
    });
    const std::set<entity_id> met(ids.begin(), ids.end());
    CHECK(met.size() == ids.size());
    CHECK(std::includes(met.begin(), met.end(), first_rows.begin(), first_rows.end()));
  }
}

TEST_CASE_TEMPLATE("any sequence of writes lists as a plain model does", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  model expected;
  std::mt19937 random(20'261'122);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  for (int batch = 0; batch < 40; ++batch) {
    std::vector<view_row> rows;
    for (std::uint32_t i = below(200); i > 0; --i) {
      const entity_id id = 1 + below(400);
      std::optional<std::int64_t> paid;
      if (below(3) == 0) {
        paid = below(50);
      }
      // Before 1970 and with users at the limits too: order must not depend on signs.
      const std::uint64_t user = id % 5 == 0 ? ~std::uint64_t{0} : id % 5;
      rows.push_back(row(id, 1 + below(30), user, static_cast<std::int64_t>(id % 37) - 10, paid));
      expected.write(rows.back());
    }
    REQUIRE(view.write(rows).has_value());
  }
  for (int query_count = 0; query_count < 300; ++query_count) {
    view_query query;
    query.collection = static_cast<view_collection>(below(3));
    query.user_id = below(6) == 5 ? ~std::uint64_t{0} : below(6);
    query.descending = below(2) == 0;
    query.limit = 1 + below(below(2) == 0 ? 10 : 1000);
    if (below(2) == 0) {
      query.offset = below(450);
    } else {
      query.after = view_cursor{at(static_cast<std::int64_t>(below(60)) - 15), 1 + below(400)};
    }
    const auto found = view.list(query);
    REQUIRE(found.has_value());
    check_same(*found, expected.list(query));
  }
}

TEST_CASE_TEMPLATE("thousands of rows are paged right up to the largest offset", Store, BOTH) {
  constexpr entity_id row_count = 12'000;
  view_fixture<Store> view;
  view.serve();
  std::vector<view_row> rows;
  for (entity_id id = 1; id <= row_count; ++id) {
    rows.push_back(row(id, 1, id % 10, static_cast<std::int64_t>(id)));
  }
  REQUIRE(view.write(std::move(rows)).has_value());
  auto far = all_rows(false, 1000);
  far.offset = 10'000;
  const auto page = view.list(far);
  REQUIRE(page.has_value());
  CHECK(page->total == row_count);
  CHECK(page->rows.size() == 1000);
  CHECK(page->rows[0].id == 10'001);
  CHECK(page->more);
  CHECK(page->next == view_cursor{at(11'000), 11'000});
  CHECK(view.total(of_user(3)) == row_count / 10);
  CHECK(walk(view, all_rows(true, 1000), [] {}).size() == row_count);
}

TEST_CASE_TEMPLATE("rows, totals and checkpoints are there again after a restart", Store, BOTH) {
  view_fixture<Store> view;
  CHECK(view.serve() == checkpoints(shard_count, 0));
  REQUIRE(view.write({row(1, 1, 1, 1000, 1001)}, {{0, 4}, {255, 9}}).has_value());
  REQUIRE(view.write({}, {{0, 5}}).has_value());
  view.reopen();
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  checkpoints expected(shard_count, 0);
  expected[0] = 5;
  expected[255] = 9;
  CHECK(*reached == expected);
  REQUIRE(view.publish().has_value());
  view.wait_until_served();
  CHECK((*view.get(1))->version == 1);
  CHECK(view.total(all_rows()) == 1);
  CHECK(view.total(receipts()) == 1);
  REQUIRE(view.write({row(2, 1, 1, 1000)}).has_value());
  CHECK(view.total(of_user(1)) == 2);
}

TEST_CASE_TEMPLATE("nothing is answered before the view was opened for this journal", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}).has_value());
  view.reopen();
  CHECK(is_unavailable(view.get(1)));
  CHECK(is_unavailable(view.list(all_rows())));
  CHECK(is_unavailable(view.write({row(1, 2, 1, 1000)})));
  CHECK(is_unavailable(view.publish()));
}

TEST_CASE_TEMPLATE("another journal's view is cleared and hidden until it is published", Store, BOTH) {
  view_fixture<Store> view;
  view.serve("a");
  REQUIRE(view.write({row(1, 9, 1, 1000, 1001), row(2, 9, 1, 1000)}, {{0, 4}}).has_value());
  view.reopen();
  const auto reached = view.open("b");
  REQUIRE(reached.has_value());
  CHECK(*reached == checkpoints(shard_count, 0));
  CHECK(is_unavailable(view.get(1)));
  REQUIRE(view.write({row(1, 1, 1, 500)}, {{0, 1}}).has_value());
  CHECK(is_unavailable(view.get(1)));
  CHECK(is_unavailable(view.list(all_rows())));
  REQUIRE(view.publish().has_value());
  view.wait_until_served();
  CHECK((*view.get(1))->version == 1);
  CHECK(!view.get(2)->has_value());
  CHECK(view.total(all_rows()) == 1);
  CHECK(view.total(receipts()) == 0);
}

TEST_CASE_TEMPLATE("a view that was not published stays hidden over a restart and goes on", Store, BOTH) {
  view_fixture<Store> view;
  REQUIRE(view.open().has_value());
  REQUIRE(view.write({row(1, 1, 1, 1000)}, {{0, 4}}).has_value());
  view.reopen();
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  CHECK(reached->at(0) == 4);
  CHECK(is_unavailable(view.get(1)));
  REQUIRE(view.publish().has_value());
  view.wait_until_served();
  CHECK(view.get(1)->has_value());
}

TEST_CASE_TEMPLATE("every callback of a reader is called once, also when it is destroyed", Store, BOTH) {
  constexpr int reads = 100;
  view_fixture<Store> view;
  view.serve();
  int answers = 0;
  for (int i = 0; i < reads; ++i) {
    view.reader().get(1, [&](const auto&) { ++answers; });
    view.reader().list(all_rows(), [&](const auto&) { ++answers; });
  }
  view.close_reader();
  CHECK(answers == 2 * reads);
  view.loop().restart();
  view.loop().run();
  CHECK(answers == 2 * reads);
}

TEST_CASE_TEMPLATE("a reader may be destroyed by a callback of its own", Store, BOTH) {
  view_fixture<Store> view;
  view.serve();
  int answers = 0;
  view.reader().list(all_rows(), [&](const auto&) { ++answers; });
  view.reader().get(1, [&](const auto&) {
    ++answers;
    view.close_reader();
  });
  CHECK(view.eventually([&] { return answers == 2; }));
  view.loop().restart();
  view.loop().run();
  CHECK(answers == 2);
}

TEST_CASE_TEMPLATE("a writer that is destroyed finishes what was begun, in order", Store, BOTH) {
  constexpr int writes = 10;
  view_fixture<Store> view;
  view.serve();
  std::vector<int> answered;
  for (int i = 0; i < writes; ++i) {
    const auto id = static_cast<entity_id>(i + 1);
    view.writer().write({row(id, 1, 1, i)}, {},
                        [&answered, i](const auto& result) { answered.push_back(result ? i : -1); });
  }
  view.close_writer();
  CHECK(answered == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(view.total(all_rows()) == writes);
}

TEST_CASE_TEMPLATE("a writer that is flooded answers all in order and refuses what is too much", Store,
                   BOTH) {
  constexpr int writes = 200;
  view_fixture<Store> view;
  view.serve();
  std::vector<int> answered;
  std::uint64_t written = 0;
  for (int i = 0; i < writes; ++i) {
    const auto id = static_cast<entity_id>(i + 1);
    view.writer().write({row(id, 1, 1, i)}, {}, [&, i](const auto& result) {
      answered.push_back(i);
      written += result.has_value();
    });
  }
  view.close_writer();
  CHECK(answered.size() == writes);
  CHECK(std::is_sorted(answered.begin(), answered.end()));
  CHECK(view.total(all_rows()) == written);
}

// --- What only an embedded view can show. ---

/// Rows by chance, and lists.
void read_by_chance(view_fixture<embedded_store>& view, entity_id rows) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const entity_id id = 1 + random() % rows;
    const auto found = view.get(id);
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    CHECK((*found)->records.starts_with(records_of(id, 1)));
  }
  CHECK(!view.get(rows + 1)->has_value());
  for (std::uint64_t user = 0; user < 100; user += 7) {
    const auto page = view.list(of_user(user));
    REQUIRE(page.has_value());
    CHECK(page->total == rows / 100);
    CHECK(page->rows.size() == 20);
  }
}

TEST_CASE("embedded: memory stays within the cache, and what is in no memory is read from disk") {
  constexpr std::size_t cache_bytes = 4 * 1024 * 1024;
  constexpr entity_id row_count = 100'000;
  constexpr entity_id batch_rows = 2'000;
  view_fixture<embedded_store> view(cache_bytes);
  view.serve();
  for (entity_id first = 1; first <= row_count; first += batch_rows) {
    std::vector<view_row> rows;
    for (entity_id id = first; id < first + batch_rows; ++id) {
      rows.push_back(row(id, 1, id % 100, static_cast<std::int64_t>(id)));
      rows.back().records.append(300, static_cast<char>(id));
    }
    REQUIRE(view.write(std::move(rows)).has_value());
    CHECK(view.store().view().memory_bytes() < 2 * cache_bytes);
  }
  view.reopen();
  view.serve();
  read_by_chance(view, row_count);
  CHECK(view.store().view().reads_from_disk() == 0);
  for (const auto how : {page_cache::cold, page_cache::half}) {
    const with_page_cache less(how);
    const auto before = view.store().view().reads_from_disk();
    read_by_chance(view, row_count);
    CHECK(view.store().view().reads_from_disk() > before);
  }
  CHECK(view.store().view().memory_bytes() < 2 * cache_bytes);
  MESSAGE("reads from disk " << view.store().view().reads_from_disk() << ", memory "
                             << view.store().view().memory_bytes());
}

TEST_CASE("embedded: reads that wait for the disk are answered when the reader is destroyed") {
  view_fixture<embedded_store> view(smallest_cache_bytes);
  view.serve();
  std::vector<view_row> rows;
  for (entity_id id = 1; id <= 20'000; ++id) {
    rows.push_back(row(id, 1, 1, static_cast<std::int64_t>(id)));
    rows.back().records.append(300, 'x');
  }
  REQUIRE(view.write(std::move(rows)).has_value());
  const with_page_cache cold(page_cache::cold);
  view.reopen();
  REQUIRE(view.open().has_value());
  REQUIRE(view.publish().has_value());
  int answers = 0;
  for (entity_id id = 1; id <= 20'000; id += 100) {
    view.reader().get(id, [&](const auto&) { ++answers; });
  }
  CHECK(view.store().view().reads_from_disk() > 0);
  view.close_reader();
  CHECK(answers == 200);
}

TEST_CASE("embedded: a disk that fails takes the view away, and it is back with the disk") {
  for (const int error : {EIO, ENOSPC}) {
    CAPTURE(error);
    // Rows are in memory until that is full.
    view_fixture<embedded_store> view(smallest_cache_bytes);
    view.serve();
    REQUIRE(view.write({row(1, 1, 1, 1000)}, {{0, 1}}).has_value());
    error_of_disk = error;
    const auto last = write_until_refused(view, 2);
    REQUIRE(last < 100'000);
    CHECK(is_unavailable(view.get(1)));
    CHECK(is_unavailable(view.list(all_rows())));
    CHECK(is_unavailable(view.publish()));
    CHECK(is_unavailable(view.open()));
    CHECK(is_unavailable(view.open()));
    CHECK(is_unavailable(view.write({row(2, 1, 1, 1000)}, {{0, 5}})));
    error_of_disk = 0;
    const auto reached = view.open();
    REQUIRE(reached.has_value());
    const auto found = (*reached)[0];
    CHECK(found < last);
    // It has lost what was written last, so it is not read before it has caught up.
    CHECK(is_unavailable(view.get(1)));
    REQUIRE(
        view.write({row(found + 1, 1, 1, 1000), row(found + 2, 1, 1, 1000)}, {{0, found + 2}}).has_value());
    REQUIRE(view.publish().has_value());
    CHECK(view.total(all_rows()) == found + 2);
    view.reopen();
    CHECK(view.serve()[0] == found + 2);
    CHECK(view.total(all_rows()) == found + 2);
  }
}

TEST_CASE(
    "embedded: one whose tables are damaged opens, is given up by the first read of them, and rebuilt") {
  view_fixture<embedded_store> view;
  view.serve();
  std::vector<view_row> rows;
  for (entity_id id = 1; id <= 1000; ++id) rows.push_back(row(id, 1, 1, 1000));
  REQUIRE(view.write(rows, {{0, 1000}}).has_value());
  // What is in memory goes into tables when it is closed.
  view.reopen();
  view.store().damage_tables();
  view.reopen();
  REQUIRE(view.open().has_value());
  REQUIRE(view.publish().has_value());
  SUBCASE("rows") {
    entity_id read = 1;
    while (read <= 1000 && view.get(read)) ++read;
    CHECK(read <= 1000);
  }
  SUBCASE("a page") {
    CHECK(is_unavailable(view.list(all_rows(false, 1000))));
  }
  SUBCASE("a page of a user") {
    auto page = of_user(rows.front().user_id);
    page.limit = 1000;
    CHECK(is_unavailable(view.list(page)));
  }
  SUBCASE("rows that are written again") {
    for (auto& each : rows) each.version = 2;
    CHECK(is_unavailable(view.write(rows, {{0, 2000}})));
  }
  CHECK(is_unavailable(view.write({}, {})));
  CHECK(is_unavailable(view.get(1)));
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  CHECK((*reached)[0] == 0);
  REQUIRE(view.write(rows, {{0, 1000}}).has_value());
  REQUIRE(view.publish().has_value());
  CHECK((*view.get(1))->version == rows[0].version);
  CHECK(view.list(all_rows(false, 1000))->rows.size() == 1000);
}

TEST_CASE("embedded: what the writer can't read is read once more, and then made anew") {
  view_fixture<embedded_store> view;
  view.serve();
  std::vector<view_row> rows;
  for (entity_id id = 1; id <= 1000; ++id) rows.push_back(row(id, 1, 1, 1000));
  REQUIRE(view.write(rows, {{0, 1000}}).has_value());
  view.reopen();
  view.serve();
  for (auto& each : rows) each.version = 2;
  sectors_are_bad = true;
  CHECK(is_unavailable(view.write(rows, {{0, 2000}})));
  CHECK((*view.open())[0] == 1000);
  SUBCASE("a disk that is well again") {
    sectors_are_bad = false;
  }
  SUBCASE("a disk that stays so") {
    CHECK(is_unavailable(view.write(rows, {{0, 2000}})));
    CHECK((*view.open())[0] == 0);
  }
  CHECK(view.write(rows, {{0, 2000}}).has_value());
  sectors_are_bad = false;
  REQUIRE(view.publish().has_value());
  CHECK(view.total(all_rows()) == 1000);
  CHECK((*view.get(1))->version == 2);
}

TEST_CASE("embedded: one that ended the process twice when it was opened, or lacks a file, is rebuilt") {
  view_fixture<embedded_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}, {{0, 4}}).has_value());
  position found = 0;
  SUBCASE("once") {
    view.store().close();
    view.store().leave_unended_openings(1);
    found = 4;
  }
  SUBCASE("twice") {
    view.store().close();
    view.store().leave_unended_openings(2);
  }
  SUBCASE("without its manifest") {
    view.store().close();
    view.store().remove_manifest();
  }
  view.store().open();
  view.reopen();
  CHECK((*view.open())[0] == found);
}

TEST_CASE("embedded: what can't be opened is told with its folder") {
  const auto opened = embedded_view::open({"/proc/holdfast-view", default_view_cache_bytes});
  REQUIRE(!opened.has_value());
  CHECK(opened.error().find("/proc/holdfast-view") != std::string::npos);
}

// --- What only a Redis server can do to its view. ---

TEST_CASE("redis: an emptied server is unavailable, never empty, until opened and published again") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}, {{0, 4}}).has_value());
  view.store().server().flush();
  CHECK(is_unavailable(view.get(1)));
  CHECK(is_unavailable(view.list(all_rows())));
  CHECK(is_unavailable(view.write({row(2, 1, 1, 1000)}, {{0, 5}})));
  CHECK(is_unavailable(view.publish()));
  CHECK(is_unavailable(view.get(2)));
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  CHECK(*reached == checkpoints(shard_count, 0));
  REQUIRE(view.write({row(1, 1, 1, 1000), row(2, 1, 1, 1000)}, {{0, 5}}).has_value());
  CHECK(is_unavailable(view.get(1)));
  REQUIRE(view.publish().has_value());
  view.wait_until_served();
  CHECK(view.get(1)->has_value());
  CHECK(view.total(all_rows()) == 2);
}

TEST_CASE("redis: a write without rows notices that the server was emptied") {
  view_fixture<redis_store> view;
  view.serve();
  CHECK(view.write({}).has_value());
  view.store().server().flush();
  CHECK(is_unavailable(view.write({})));
}

TEST_CASE("redis: a checkpoint never falls, where a node writes what another one is ahead of") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({}, {{0, 5}, {7, 100}}).has_value());
  REQUIRE(view.write({}, {{0, 4}, {7, 20}, {9, 1}}).has_value());
  view.reopen();
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  checkpoints expected(shard_count, 0);
  expected[0] = 5;
  expected[7] = 100;
  expected[9] = 1;
  CHECK(*reached == expected);
}

TEST_CASE("redis: what an error broke off half way is written whole when it is written again") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000, 1001)}, {{0, 1}}).has_value());
  // No command of a sorted set takes it.
  in_its_database(view,
                  "redis.call('RENAME', 'holdfast:receipts', 'kept') "
                  "redis.call('SET', 'holdfast:receipts', 'broken')");
  const std::vector<view_row> rows{row(1, 2, 1, 1000, 1001), row(2, 1, 1, 1000, 1001), row(3, 1, 2, 1002)};
  CHECK(is_unavailable(view.write(rows, {{0, 2}})));
  in_its_database(view, "redis.call('RENAME', 'kept', 'holdfast:receipts')");
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  CHECK((*reached)[0] == 1);
  REQUIRE(view.write(rows, {{0, 2}}).has_value());
  view.wait_until_served();
  CHECK(ids_of(*view.list(all_rows())) == std::vector<entity_id>{1, 2, 3});
  CHECK(ids_of(*view.list(receipts())) == std::vector<entity_id>{1, 2});
  CHECK(ids_of(*view.list(of_user(1))) == std::vector<entity_id>{1, 2});
  CHECK(ids_of(*view.list(of_user(2))) == std::vector<entity_id>{3});
  CHECK((*view.get(1))->version == 2);
}

TEST_CASE("redis: a killed server is unavailable at once and found again by itself") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}).has_value());
  view.store().server().kill();
  const auto start = std::chrono::steady_clock::now();
  CHECK(is_unavailable(view.get(1)));
  CHECK(is_unavailable(view.list(all_rows())));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
  CHECK(is_unavailable(view.write({row(2, 1, 1, 1000)})));
  CHECK(is_unavailable(view.open()));
  REQUIRE(view.store().server().start());
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}).has_value());
  CHECK(view.get(1)->has_value());
}

TEST_CASE("redis: a server that comes back with older data is not read before it caught up") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}, {{0, 1}}).has_value());
  view.store().server().save();
  REQUIRE(view.write({row(1, 2, 1, 1000)}, {{0, 2}}).has_value());
  CHECK((*view.get(1))->version == 2);
  view.store().server().kill();
  REQUIRE(view.store().server().start());
  const auto some_time = std::chrono::steady_clock::now() + milliseconds(400);
  while (std::chrono::steady_clock::now() < some_time) {
    REQUIRE(is_unavailable(view.get(1)));
    view.loop().restart();
    view.loop().run_one_for(milliseconds(10));
  }
  CHECK(is_unavailable(view.write({})));
  const auto reached = view.open();
  REQUIRE(reached.has_value());
  CHECK(reached->at(0) == 1);
  CHECK(is_unavailable(view.get(1)));
  REQUIRE(view.write({row(1, 2, 1, 1000)}, {{0, 2}}).has_value());
  REQUIRE(view.publish().has_value());
  view.wait_until_served();
  CHECK((*view.get(1))->version == 2);
}

TEST_CASE("redis: a paused server is unavailable within the deadline and heals when it goes on") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}).has_value());
  view.store().server().pause();
  const auto start = std::chrono::steady_clock::now();
  CHECK(is_unavailable(view.get(1)));
  CHECK(is_unavailable(view.list(all_rows())));
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(1500));
  CHECK(is_unavailable(view.write({row(2, 1, 1, 1000)})));
  view.store().server().resume();
  CHECK(view.eventually([&] { return view.get(1).has_value(); }));
  REQUIRE(view.open().has_value());
  CHECK(view.write({row(2, 1, 1, 1000)}).has_value());
}

TEST_CASE("redis: reads beyond the bound are refused at once, the others within the deadline") {
  constexpr int reads = 3'000;
  view_fixture<redis_store> view;
  view.serve();
  view.store().server().pause();
  int answers = 0;
  for (int i = 0; i < reads; ++i) {
    view.reader().get(1, [&](const auto& result) { answers += is_unavailable(result); });
  }
  const int refused = answers;
  CHECK(refused > 0);
  CHECK(refused < reads);
  CHECK(view.eventually([&] { return answers == reads; }));
}

TEST_CASE("redis: killed connections and forgotten scripts are made good") {
  view_fixture<redis_store> view;
  view.serve();
  REQUIRE(view.write({row(1, 1, 1, 1000)}).has_value());
  view.store().server().command({"SCRIPT", "FLUSH"});
  CHECK(view.total(all_rows()) == 1);
  CHECK(is_unavailable(view.write({row(2, 1, 1, 1000)})));
  REQUIRE(view.open().has_value());
  REQUIRE(view.write({row(2, 1, 1, 1000)}).has_value());
  view.store().server().command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  CHECK(view.eventually([&] { return view.get(1).has_value(); }));
  CHECK(is_unavailable(view.write({row(3, 1, 1, 1000)})));
  REQUIRE(view.open().has_value());
  REQUIRE(view.write({row(3, 1, 1, 1000)}).has_value());
  CHECK(view.total(all_rows()) == 3);
}

TEST_CASE("redis: clearing a view touches no key of others") {
  view_fixture<redis_store> view;
  view.serve("a");
  std::vector<view_row> rows;
  for (entity_id id = 1; id <= 3'000; ++id) {
    rows.push_back(row(id, 1, id, 1000));
  }
  REQUIRE(view.write(std::move(rows)).has_value());
  view.store().server().command({"SET", "holdfast:row:x", "other database"});
  view.store().server().command({"SET", "holdfas", "other key"});
  REQUIRE(view.open("b").has_value());
  CHECK(view.store().server().integer({"EXISTS", "holdfast:row:x"}) == 1);
  CHECK(view.store().server().integer({"EXISTS", "holdfas"}) == 1);
  REQUIRE(view.publish().has_value());
  view.wait_until_served();
  CHECK(view.total(all_rows()) == 0);
}

TEST_CASE("redis: nodes that find an emptied view at once clear it once, and lose no row of each other's") {
  view_fixture<redis_store> view;
  view.serve("a");
  std::vector<view_row> rows;
  for (entity_id id = 1; id <= 5'000; ++id) {
    rows.push_back(row(id, 1, id, 1000));
  }
  REQUIRE(view.write(std::move(rows)).has_value());
  constexpr entity_id nodes = 4;
  std::vector<std::unique_ptr<view_writer>> writers;
  std::vector<std::promise<bool>> opened(nodes);
  for (entity_id node = 0; node < nodes; ++node) {
    writers.push_back(view.store().view().make_writer());
  }
  // As the projectors do: open until it succeeds, then write.
  std::function<void(entity_id)> open = [&](entity_id node) {
    writers[node]->open("b", [&, node](const auto& reached) {
      if (!reached) {
        return open(node);
      }
      writers[node]->write({row(node + 1, 1, 7, 1000)}, {{0, node + 1}},
                           [&, node](const auto& result) { opened[node].set_value(result.has_value()); });
    });
  };
  for (entity_id node = 0; node < nodes; ++node) {
    open(node);
  }
  for (auto& one : opened) {
    auto written = one.get_future();
    REQUIRE(written.wait_for(holdfast::testing::answer_within) == std::future_status::ready);
    CHECK(written.get());
  }
  view.reopen();
  view.serve("b");
  CHECK(view.total(all_rows()) == nodes);
}

TEST_CASE("redis: who stopped in the middle of clearing keeps others from it for a bounded time only") {
  view_fixture<redis_store> view;
  view.serve("a");
  in_its_database(view, "redis.call('SET', 'holdfast:clearing', 'somebody', 'PX', 300)");
  CHECK(is_unavailable(view.open("b")));
  CHECK(view.eventually([&] { return view.open("b").has_value(); }));
}
