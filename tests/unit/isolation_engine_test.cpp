// What fails alone stays alone, on virtual time: while the receipt desk is away for days,
// reserving and paying go on and the receipts follow with the right date; while the view does not
// answer, the projector keeps a bounded number of rows.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/projector.hpp"
#include "actors/shard.hpp"
#include "delivery_calendar.hpp"
#include "http/rfc3339.hpp"
#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using actors::placement_status;
using domain::placement_outcome;
using domain::receipt_status;
using domain::reservation_status;
using testing::a_placement;
using testing::shard_keys;
using testing::virtual_engine;

namespace {

/// How the desk is away: its clerk goes down with every receipt, or its journal gives no answer.
enum class absence { clerk_goes_down, journal_is_silent };

void send_desk_away(virtual_engine& engine, absence how) {
  if (how == absence::journal_is_silent) return engine.silence_receipts();
  engine.before_delivery_date = [] { throw std::runtime_error("the desk is away"); };
}

void bring_desk_back(virtual_engine& engine) {
  engine.let_receipts_answer();
  engine.before_delivery_date = [] {};
}

/// In leaps: nothing that happens within one is looked at.
void pass_days(virtual_engine& engine, int days) {
  for (auto hours = 0; hours < 24 * days; ++hours) {
    engine.advance_clock_only(1h);
    engine.run();
  }
}

void go_to(virtual_engine& engine, domain::timestamp moment) {
  engine.advance_clock_only(moment - engine.now());
  engine.run();
}

/// How a placement ended, as its customer was told.
struct told_placement {
  placement_status status = placement_status::unavailable;
  placement_outcome outcome = placement_outcome::pending;
  receipt_status receipt = receipt_status::none;
  bool operator==(const told_placement&) const = default;
};
const told_placement paid_without_receipt{placement_status::decided, placement_outcome::paid,
                                          receipt_status::receipt_pending};

told_placement place(virtual_engine& engine) {
  const auto answer = engine.place(a_placement());
  engine.run();
  REQUIRE(answer->has_value());
  const auto state = storage::fold_reservation((*answer)->records).value();
  return {(*answer)->status, domain::outcome_of(state), state.receipt};
}

/// From 1 on, each once and none left out.
void check_books(virtual_engine& engine, domain::reservation_id reservations) {
  std::map<std::string, std::set<std::uint64_t>> books;
  for (domain::reservation_id id = 1; id <= reservations; ++id) {
    CAPTURE(id);
    const auto no = engine.stored(id).receipt_no;
    if (no.empty()) continue;
    const auto dash = no.find('-');
    REQUIRE(no.substr(0, dash) == std::to_string(storage::shard_of(id)));
    REQUIRE(books[no.substr(0, dash)].insert(std::stoull(no.substr(dash + 1))).second);
  }
  for (const auto& [book, numbers] : books) {
    CAPTURE(book);
    CHECK(*numbers.begin() == 1);
    CHECK(*numbers.rbegin() == numbers.size());
  }
}

domain::timestamp at(std::chrono::sys_days day, std::chrono::minutes of_day) {
  return domain::timestamp(day.time_since_epoch() + of_day);
}

}  // namespace

TEST_CASE("receipts that follow days later have the date of their payment, over a month's and a year's end") {
  using namespace std::chrono;
  struct row {
    /// In UTC: half past eleven in the evening, or half past midnight, in Seoul.
    domain::timestamp paid_at;
    std::string expected;
  };
  const row rows[] = {
      {at(2027y / January / 31, 14h + 30min), "2027-02-21T23:30:00.000+09:00"},
      {at(2027y / January / 31, 15h + 30min), "2027-02-22T00:30:00.000+09:00"},
      {at(2026y / December / 31, 14h + 30min), "2027-01-21T23:30:00.000+09:00"},
      {at(2028y / February / 28, 14h + 30min), "2028-03-20T23:30:00.000+09:00"},
  };
  const auto calendar = delivery_calendar::open("Asia/Seoul", days(21)).value();
  for (const auto how : {absence::clerk_goes_down, absence::journal_is_silent}) {
    for (const auto& row : rows) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(row.expected);
      virtual_engine engine;
      engine.delivery_date = [&](domain::timestamp paid_at) { return calendar.delivery_date(paid_at); };
      go_to(engine, row.paid_at);
      send_desk_away(engine, how);
      REQUIRE(place(engine) == paid_without_receipt);
      pass_days(engine, 3);
      REQUIRE(engine.stored(1).receipt == receipt_status::receipt_pending);
      bring_desk_back(engine);
      engine.advance(40s);
      const auto state = engine.stored(1);
      REQUIRE(state.receipt == receipt_status::receipt_issued);
      CHECK(state.receipt_modified_at >= row.paid_at + days(3));
      CHECK(state.paid_at == row.paid_at);
      CHECK(http::rfc3339_text(*state.expected_delivery_at).view() == row.expected);
    }
  }
}

TEST_CASE("a desk that goes down again and again comes back ever more rarely") {
  constexpr int customers = 40;
  virtual_engine engine;
  engine.advance(1min);
  int downs = 0;
  engine.before_delivery_date = [&] {
    ++downs;
    throw std::runtime_error("the desk is away");
  };
  for (int i = 0; i < customers; ++i) REQUIRE(place(engine) == paid_without_receipt);
  engine.advance(5min);
  // Eight within the first quarter of a minute, then one in 11 to 19 s.
  CHECK(downs > 15);
  CHECK(downs < 45);
  bring_desk_back(engine);
  engine.advance(40s);
  for (domain::reservation_id id = 1; id <= customers; ++id) {
    REQUIRE(engine.stored(id).receipt == receipt_status::receipt_issued);
  }
}

TEST_CASE("while the receipt desk is away all are paid, and all receipts follow without a gap") {
  constexpr domain::reservation_id before = 300;
  constexpr domain::reservation_id reservations = 900;
  constexpr domain::reservation_id cancelled = 555;
  for (const auto how : {absence::clerk_goes_down, absence::journal_is_silent}) {
    for (const bool restarted : {false, true}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(restarted);
      virtual_engine engine;
      for (domain::reservation_id id = 1; id <= before; ++id) place(engine);
      REQUIRE(engine.stored(before).receipt == receipt_status::receipt_issued);

      send_desk_away(engine, how);
      for (auto id = before + 1; id <= reservations; ++id) {
        CAPTURE(id);
        REQUIRE(place(engine) == paid_without_receipt);
      }
      CHECK(engine.provider.charges.size() == reservations);
      engine.advance(5s);
      for (auto id = before + 1; id <= reservations; ++id) {
        CAPTURE(id);
        REQUIRE(engine.stored(id).status == reservation_status::reservated);
        REQUIRE(engine.stored(id).receipt == receipt_status::receipt_pending);
      }
      const auto answer = engine.cancel(cancelled);
      engine.advance(3s);
      REQUIRE(answer->has_value());
      if (restarted) engine.restart();
      pass_days(engine, 1);
      REQUIRE(engine.provider.charges.size() == reservations);

      bring_desk_back(engine);
      engine.advance(40s);
      for (domain::reservation_id id = 1; id <= reservations; ++id) {
        CAPTURE(id);
        const auto state = engine.stored(id);
        REQUIRE(domain::finished(state));
        REQUIRE(state.receipt ==
                (id == cancelled ? receipt_status::receipt_cancelled : receipt_status::receipt_issued));
      }
      CHECK(engine.provider.captured[cancelled] == 0);
      CHECK(engine.provider.refunds.size() == 1);
      check_books(engine, reservations);
      CHECK(engine.fatal.empty());
    }
  }
}

TEST_CASE("a shard takes any number of placements while the desk is away, and keeps few in memory") {
  constexpr actors::shard_bounds bounds;
  constexpr std::size_t reservations = bounds.residents + 200;
  virtual_engine engine;
  engine.silence_receipts();
  std::uint64_t most = 0;
  // As many on one shard as its reservations of all shards: the ids count on by 256.
  std::vector<domain::reservation_id> ids;
  shard_keys keys(0);
  while (ids.size() < reservations) {
    const auto answer = engine.place(a_placement({{keys.next(), 1}}));
    engine.run();
    REQUIRE(answer->has_value());
    REQUIRE((*answer)->status == actors::placement_status::decided);
    ids.push_back((*answer)->id);
    // Slowly enough for the first ones to have been tried a few times when there are many.
    if (ids.size() % 100 == 0) engine.advance(300ms);
    most = std::max(most, engine.figures().sagas.residents);
    // The first ones are resumed, and sleep as well.
    if (ids.size() == 200) engine.restart();
  }
  CHECK(most < bounds.residents / 2);
  engine.advance(5s);
  CHECK(engine.figures().sagas.residents < bounds.residents / 4);
  for (const auto id : ids) REQUIRE(engine.stored(id).status == reservation_status::reservated);

  engine.let_receipts_answer();
  engine.advance(10min);
  std::set<std::string> numbers;
  for (const auto id : ids) {
    CAPTURE(id);
    REQUIRE(engine.stored(id).receipt == receipt_status::receipt_issued);
    numbers.insert(engine.stored(id).receipt_no);
  }
  CHECK(numbers.size() == reservations);
  CHECK(numbers.contains("0-1"));
  CHECK(numbers.contains("0-" + std::to_string(reservations)));
  // All have left memory again.
  CHECK(engine.running_actors() < storage::shard_count + 100);
}

TEST_CASE("while the view does not answer the projector keeps no more rows than its bound") {
  constexpr domain::reservation_id reservations = actors::largest_waiting_rows + 500;
  virtual_engine engine;
  place(engine);
  engine.advance(1s);
  REQUIRE(engine.view.rows.size() == 1);
  engine.view.pause();
  for (domain::reservation_id id = 2; id <= reservations; ++id) place(engine);
  CHECK(engine.view.rows.size() == 1);

  engine.view.resume();
  std::size_t most_at_once = 0;
  auto rows = engine.view.rows.size();
  const auto write_on = [&] {
    while (engine.step()) {
      most_at_once = std::max(most_at_once, engine.view.rows.size() - rows);
      rows = engine.view.rows.size();
    }
  };
  write_on();
  for (int looks = 0; looks < 20; ++looks) {
    engine.advance_clock_only(50ms);
    write_on();
  }
  // Beyond the bound it has let go of them all and read the journal, a chunk after the other.
  CHECK(most_at_once <= actors::catch_up_records);
  REQUIRE(engine.view.rows.size() == reservations);
  for (domain::reservation_id id = 1; id <= reservations; ++id) {
    CAPTURE(id);
    REQUIRE(storage::fold_reservation(engine.view.rows[id].records).value() == engine.stored(id));
  }
}
