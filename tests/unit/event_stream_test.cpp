// The parts of /events, each by itself: the text of a place, the query, the JSON of an event, and the feed
// over a journal that somebody else appends to.
#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "domain/reservation.hpp"
#include "http/event_document.hpp"
#include "http/event_feed.hpp"
#include "http/event_frames.hpp"
#include "http/event_query.hpp"
#include "storage/base64url.hpp"
#include "storage/event_codec.hpp"
#include "storage/journal_place.hpp"
#include "storage/memory_journal.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/journal_calls.hpp"

using namespace holdfast;
using namespace holdfast::testing;

namespace {

constexpr const char* store = "store";
const domain::timestamp noon{std::chrono::milliseconds{1'795'348'800'123}};

storage::journal_place place_of(std::vector<storage::position> first) {
  first.resize(storage::shard_count, 0);
  return first;
}

domain::reservation_placed placed_by(std::uint64_t user) {
  domain::order what;
  what.user_id = user;
  what.card_last_four = "4242";
  return {noon, what};
}

}  // namespace

// --- The text of a place ---

TEST_CASE("bytes have one spelling in base64url") {
  std::mt19937_64 random(1);
  std::string bytes;
  for (int length = 0; length < 40; ++length, bytes += static_cast<char>(random())) {
    const auto text = storage::to_base64url(bytes);
    CHECK(text.find_first_of("+/= ") == std::string::npos);
    CHECK(storage::from_base64url(text) == bytes);
  }
  for (const char* wrong : {"A", "AAAAA", "AB", "AAB", "A=", "AA==", "A+", "A/", "A ", "\xc3\xa4"}) {
    CAPTURE(wrong);
    CHECK_FALSE(storage::from_base64url(wrong));
  }
}

TEST_CASE("a place is read as it was written") {
  const auto largest = std::numeric_limits<storage::position>::max();
  std::mt19937_64 random(2);
  std::vector<storage::journal_place> places{place_of({}), place_of({1}), place_of({0, largest}),
                                             storage::journal_place(storage::shard_count, largest)};
  for (int width = 0; width < 64; ++width) {
    auto& place = places.emplace_back();
    while (place.size() < storage::shard_count) place.push_back(1000 + (random() >> (63 - width)) / 2);
  }
  for (const auto& place : places) {
    const auto text = storage::to_text(place, store);
    CHECK(text.size() <= storage::largest_place_text_bytes);
    CHECK(storage::journal_place_of(text, store) == place);
  }
}

TEST_CASE("a place is short where the shards are filled evenly") {
  storage::journal_place place(storage::shard_count, 117'000);
  CHECK(storage::to_text(place, store).size() <= 20);
  for (std::size_t shard = 0; shard < place.size(); ++shard) place[shard] += shard % 200 * 10;
  CHECK(storage::to_text(place, store).size() < 500);
}

TEST_CASE("a text that was changed, cut or made for another store is no place") {
  const auto text = storage::to_text(place_of({3, 1, 4, 1, 5}), store);
  CHECK(storage::journal_place_of(text, store));
  CHECK_FALSE(storage::journal_place_of(text, "another store"));
  CHECK_FALSE(storage::journal_place_of("", store));
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(storage::journal_place_of(changed, store));
    CHECK_FALSE(storage::journal_place_of(text.substr(0, i), store));
  }
}

// --- The query ---

TEST_CASE("what a client of /events wants is read from its query and its Last-Event-ID") {
  const auto plain = http::read_event_query("", "", store);
  REQUIRE(plain);
  CHECK(plain->filter.takes(0, 1));
  CHECK_FALSE(plain->from);

  const auto some = http::read_event_query("userId=7&type=PaymentCreated%2CReceiptCreated&x=y", "", store);
  REQUIRE(some);
  CHECK(some->filter.takes(*http::event_type_named("PaymentCreated"), 7));
  CHECK(some->filter.takes(*http::event_type_named("ReceiptCreated"), 7));
  CHECK_FALSE(some->filter.takes(*http::event_type_named("PaymentDeclined"), 7));
  CHECK_FALSE(some->filter.takes(*http::event_type_named("PaymentCreated"), 8));

  CHECK(http::read_event_query("from=beginning", "", store)->from == place_of({}));
  CHECK_FALSE(http::read_event_query("from=now", "", store)->from);
  const auto text = storage::to_text(place_of({5}), store);
  CHECK(http::read_event_query("from=beginning", text, store)->from == place_of({5}));
}

TEST_CASE("a query that makes no sense is refused") {
  for (const char* wrong :
       {"type=", "type=,PaymentCreated", "type=PaymentCreated,", "type=PaymentCreated%2C",
        "type=PaymentCreated,,PaymentDeclined", "type=,", "type=paymentCreated", "type=PaymentUnresolved",
        "type=PaymentCreated&type=ReceiptCreated", "userId=", "userId=-1", "from=", "from=end", "type=%"}) {
    CAPTURE(wrong);
    const auto query = http::read_event_query(wrong, "", store);
    REQUIRE_FALSE(query);
    CHECK(query.error().fault == http::fault::invalid_parameter);
    const std::string name = std::string(wrong).substr(0, std::string(wrong).find('='));
    CHECK(query.error().detail.find("parameter " + name) != std::string::npos);
  }
  const auto query = http::read_event_query("", "nonsense", store);
  REQUIRE_FALSE(query);
  CHECK(query.error().fault == http::fault::invalid_header);
}

// --- The JSON ---

TEST_CASE("seven types are published, and only they") {
  std::set<std::string_view> published;
  const std::vector<domain::reservation_event> all{
      domain::reservation_placed{},     domain::payment_unresolved{}, domain::payment_captured{},
      domain::payment_declined{},       domain::payment_failed{},     domain::receipt_issued{},
      domain::cancellation_requested{}, domain::receipt_voided{},     domain::payment_refunded{},
      domain::reservation_cancelled{},  domain::reservation_parked{}, domain::reservation_resumed{},
      domain::operator_intervened{}};
  REQUIRE(all.size() == std::variant_size_v<domain::reservation_event>);
  for (const auto& event : all) {
    if (const auto type = http::published_type(event)) published.insert(http::published_types[*type]);
  }
  CHECK(published == std::set<std::string_view>(http::published_types.begin(), http::published_types.end()));
}

TEST_CASE("an event is its entity's document with a type, a time in UTC and an id in front") {
  const domain::reservation_event event = placed_by(7);
  const auto after = domain::evolve({}, event);
  CHECK(http::event_json(0, 257, event, after) ==
        R"({"eventType":"ReservationCreated","timestamp":"20261122120000","eventId":"257-1","id":257,)"
        R"("version":1,"userId":7,"userAddress":null,"productId":null,"productName":null,"price":0,)"
        R"("currency":"KRW","cardNo":"****-****-****-4242","status":"order","cancelReason":null,)"
        R"("createdAt":"2026-11-22T12:00:00.123Z","modifiedAt":"2026-11-22T12:00:00.123Z"})");
}

TEST_CASE("frames are written as EventSource reads them") {
  CHECK(http::event_frame("a", "T", "{}") == "id: a\nevent: T\ndata: {}\n\n");
  CHECK(http::opening_frame("a") == "retry: 1000\nid: a\n\n");
  CHECK(http::heartbeat_frame("") == ": heartbeat\n\n");
  CHECK(http::heartbeat_frame("a") == ": heartbeat\nid: a\n\n");
  CHECK(
      http::closing_frame("why", "what") ==
      "event: StreamEnded\ndata: {\"eventType\":\"StreamEnded\",\"reason\":\"why\",\"detail\":\"what\"}\n\n");
}

// --- The feed ---

namespace {

/// A journal that another node may be appending to, and a feed that nobody tells of it.
struct followed_journal {
  storage::memory_journal journal;
  std::vector<storage::shard_claim> owners;
  // It outlives the feed, whose thread wakes it for readers that were not abandoned.
  boost::asio::io_context loop;
  http::event_feed feed{journal};

  followed_journal() {
    std::vector<storage::shard_id> all(storage::shard_count);
    std::iota(all.begin(), all.end(), storage::shard_id{0});
    owners = good_answer_to<std::vector<storage::shard_claim>>([&](auto done) { journal.claim(all, done); });
  }

  void append_events(storage::entity_id id, std::uint64_t before,
                     const std::vector<domain::reservation_event>& events) {
    auto next = entry(owners[storage::shard_of(id)], id, before);
    next.event_count = static_cast<std::uint32_t>(events.size());
    next.record = storage::encode_events(events);
    REQUIRE(append(journal, next).status == storage::append_status::appended);
  }

  std::shared_ptr<http::event_reader> open(http::event_query wants = {}) {
    auto reader = feed.open(loop, std::move(wants));
    REQUIRE(reader);
    return std::move(*reader);
  }
};

/// What a reader is given, until this is in it.
std::string read_until(http::event_reader& reader, const std::string& part) {
  std::string text;
  REQUIRE(eventually([&] {
    reader.take(text, 1'000'000);
    return text.find(part) != std::string::npos;
  }));
  return text;
}

/// The place that a text tells last.
std::string last_id_in(const std::string& text) {
  const auto at = text.rfind("id: ", text.rfind("id: ")) + 4;
  return text.substr(at, text.find('\n', at) - at);
}

}  // namespace

TEST_CASE_FIXTURE(followed_journal, "what another node appends is found in the journal") {
  append_events(1, 0, {placed_by(1)});
  const auto reader = open();
  const auto opening = read_until(*reader, "\n\n");
  CHECK(storage::journal_place_of(last_id_in(opening), journal.store_id()) == place_of({1}));
  append_events(2, 0, {placed_by(2)});
  append_events(1, 1, {domain::payment_captured{noon, "t"}});
  const auto text = read_until(*reader, "\"eventId\":\"1-2\"") + read_until(*reader, "");
  CHECK(text.find("\"eventId\":\"1-1\"") == std::string::npos);
  CHECK(read_until(*reader, "").empty());
}

TEST_CASE_FIXTURE(followed_journal, "an event shows what happened to the reservation long before") {
  append_events(1, 0, {placed_by(7)});
  const auto reader = open();
  read_until(*reader, "\n\n");
  append_events(1, 1, {domain::payment_captured{noon, "t"}});
  const auto text = read_until(*reader, "\"eventId\":\"1-2\"");
  CHECK(text.find("\"userId\":7") != std::string::npos);
  CHECK(text.find("ReservationCreated") == std::string::npos);
}

TEST_CASE_FIXTURE(followed_journal, "who resumes within a record is told all of its events again") {
  append_events(1, 0, {placed_by(1), domain::payment_captured{noon, "t"}});
  const auto reader = open({.filter = {}, .from = place_of({})});
  const auto text = read_until(*reader, "\"eventId\":\"1-2\"");
  const auto first = text.find("id: ", text.find("\n\n"));
  const auto first_id = text.substr(first + 4, text.find('\n', first) - first - 4);
  CHECK(storage::journal_place_of(first_id, journal.store_id()) == place_of({}));
  CHECK(storage::journal_place_of(last_id_in(text), journal.store_id()) == place_of({1}));
}

TEST_CASE_FIXTURE(followed_journal, "a place beyond the end is the end") {
  append_events(1, 0, {placed_by(1)});
  const auto reader = open({.filter = {}, .from = place_of({9, 9})});
  CHECK(storage::journal_place_of(last_id_in(read_until(*reader, "\n\n")), journal.store_id()) ==
        place_of({1}));
  append_events(1, 1, {domain::payment_captured{noon, "t"}});
  read_until(*reader, "\"eventId\":\"1-2\"");
}

TEST_CASE_FIXTURE(followed_journal, "a record that can't be read is left out, and the others go on") {
  const auto reader = open();
  read_until(*reader, "\n\n");
  auto broken = entry(owners[0], 1, 0);
  broken.record = "no events";
  append(journal, broken);
  append_events(2, 0, {placed_by(2)});
  append_events(257, 0, {placed_by(3)});
  auto text = read_until(*reader, "\"eventId\":\"2-1\"");
  CHECK(text.find("\"eventId\":\"257-1\"") != std::string::npos);
}

TEST_CASE_FIXTURE(followed_journal,
                  "a reader of older events is given more as he reads, and is never too slow") {
  constexpr std::size_t count = 3000;
  for (std::uint64_t n = 1; n <= count; ++n) {
    auto placed = placed_by(n);
    placed.what.user_address = std::string(1000, 'a');
    append_events(storage::id_of(n % 4, n / 4 + 1), 0, {placed});
  }
  const auto reader = open({.filter = {}, .from = place_of({})});
  std::size_t events = 0;
  std::string text;
  REQUIRE(eventually([&] {
    reader->take(text, 100'000);
    CHECK(text.size() < http::largest_waiting_event_bytes);
    for (auto at = text.find("\nevent: "); at != std::string::npos; at = text.find("\nevent: ", at + 1))
      ++events;
    text.clear();
    return events == count;
  }));
  CHECK_FALSE(reader->gone());
}

TEST_CASE_FIXTURE(followed_journal, "a live reader who does not read is ended, with a last event") {
  const auto slow = open();
  const auto quick = open();
  read_until(*quick, "\n\n");
  read_until(*slow, "\n\n");
  std::uint64_t next = 0;
  std::string read;
  REQUIRE(eventually([&] {
    auto placed = placed_by(++next);
    placed.what.user_address = std::string(1000, 'a');
    append_events(storage::id_of(0, next), 0, {placed});
    quick->take(read, 1'000'000);
    return slow->gone();
  }));
  CHECK_FALSE(quick->gone());
  std::string text;
  while (!slow->over()) slow->take(text, 1'000'000);
  CHECK(text.size() < http::largest_waiting_event_bytes + 4096);
  CHECK(text.ends_with(http::closing_frame(
      "too-slow",
      "More waits to be read than is kept for a reader. Come back with the last id as Last-Event-ID, "
      "nothing is lost.")));
  // From its last id on there is the rest, and nothing else.
  const auto resumed =
      open({.filter = {}, .from = storage::journal_place_of(last_id_in(text), journal.store_id())});
  const auto rest = read_until(*resumed, "\"eventId\":\"" + std::to_string(storage::id_of(0, next)) + "-1\"");
  const auto told = [](const std::string& in) {
    std::size_t events = 0;
    for (auto at = in.find("\nevent: R"); at != std::string::npos; at = in.find("\nevent: R", at + 1))
      ++events;
    return events;
  };
  CHECK(told(text) + told(rest) == next);
  const auto figures = feed.figures();
  CHECK(figures.open == 2);
  CHECK(figures.ended == std::array<std::uint64_t, http::stream_end_count>{0, 0, 1, 0});
}

TEST_CASE_FIXTURE(followed_journal, "a heartbeat moves the place where nothing was of interest") {
  http::event_query wants;
  wants.filter.user_id = 9;
  const auto reader = open(wants);
  read_until(*reader, "\n\n");
  append_events(1, 0, {placed_by(1)});
  std::string beat;
  REQUIRE(eventually([&] {
    beat.clear();
    reader->keep_alive(beat);
    return beat != ": heartbeat\n\n";
  }));
  CHECK(storage::journal_place_of(last_id_in(beat), journal.store_id()) == place_of({1}));
  beat.clear();
  reader->keep_alive(beat);
  CHECK(beat == ": heartbeat\n\n");
  // Never over what still waits.
  append_events(2, 0, {placed_by(9)});
  REQUIRE(eventually([&] {
    beat.clear();
    reader->keep_alive(beat);
    CHECK(beat == ": heartbeat\n\n");
    std::string text;
    reader->take(text, 1'000'000);
    return !text.empty();
  }));
}

TEST_CASE_FIXTURE(followed_journal, "readers are bounded, and a place is free when one has left") {
  std::vector<std::shared_ptr<http::event_reader>> readers;
  while (readers.size() < http::largest_event_readers) readers.push_back(open());
  CHECK_FALSE(feed.open(loop, {}));
  CHECK(feed.figures().refused == std::array<std::uint64_t, 2>{1, 0});
  readers.back()->abandon();
  CHECK(feed.figures().open == http::largest_event_readers - 1);
  readers.pop_back();
  // One that never came to a session.
  readers.pop_back();
  CHECK(feed.figures().open == http::largest_event_readers - 2);
  CHECK(feed.figures().ended[0] == 2);
  CHECK(feed.open(loop, {}));
  feed.stop();
  CHECK_FALSE(feed.open(loop, {}));
}

TEST_CASE_FIXTURE(followed_journal,
                  "one principal takes so many places and no more, and only while he has them") {
  std::vector<std::shared_ptr<http::event_reader>> readers;
  for (std::size_t i = 0; i < http::usual_readers_of_one; ++i) {
    readers.push_back(feed.open(loop, {}, {.name = "ann", .still_known = {}}).value());
  }
  const auto refused = feed.open(loop, {}, {.name = "ann", .still_known = {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == http::stream_bound::principal);
  CHECK(feed.open(loop, {}, {.name = "bob", .still_known = {}}));
  readers.back()->abandon();
  CHECK(feed.open(loop, {}, {.name = "ann", .still_known = {}}));
  CHECK(feed.figures().refused == std::array<std::uint64_t, 2>{0, 1});
}

TEST_CASE_FIXTURE(followed_journal, "a stream ends with its owner's credential") {
  std::atomic<bool> known = true;
  const auto his = feed.open(loop, {}, {.name = "ann", .still_known = [&] { return known.load(); }}).value();
  const auto other = open();
  read_until(*his, "\n\n");
  append_events(1, 0, {placed_by(9)});
  read_until(*his, "ReservationCreated");
  CHECK_FALSE(his->gone());
  known = false;
  CHECK(read_until(*his, "StreamEnded").find("\"reason\":\"credential-over\"") != std::string::npos);
  CHECK(his->over());
  CHECK_FALSE(other->gone());
  CHECK(feed.figures().ended[static_cast<std::size_t>(http::stream_end::credential_over)] == 1);
}
