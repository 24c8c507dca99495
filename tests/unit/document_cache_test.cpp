#include "http/document_cache.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "http/documents.hpp"
#include "storage/event_codec.hpp"

using namespace holdfast;
using http::document_cache;
using http::document_kind;

namespace {

constexpr std::string_view base = "http://shop:8088";
constexpr document_kind kinds[] = {document_kind::pre_reservation, document_kind::payment,
                                   document_kind::receipt, document_kind::my_reservation};

domain::timestamp at(int seconds) {
  return domain::timestamp{std::chrono::seconds{1795361400 + seconds}};
}

using events = std::vector<domain::reservation_event>;

events placed(std::uint64_t user_id, std::string address = "seoul") {
  return {domain::reservation_placed{at(0), domain::order{.user_id = user_id,
                                                          .user_address = std::move(address),
                                                          .product_id = 2,
                                                          .product_name = "fold",
                                                          .price = {1300000, "KRW"},
                                                          .card_last_four = "1234"}}};
}

events paid(std::uint64_t user_id) {
  auto story = placed(user_id);
  story.emplace_back(domain::payment_captured{at(1), "tx-1"});
  story.emplace_back(domain::receipt_issued{at(2), "0-7", {at(0), std::chrono::hours{9}}});
  return story;
}

struct expected_document {
  std::uint64_t version;
  std::uint64_t user_id;
  std::string json;
};

/// What it has to be, without a cache.
expected_document expected(document_kind kind, domain::reservation_id id, const std::string& records,
                           std::string_view base) {
  const auto story = http::read_story(kind, id, records);
  REQUIRE(story.has_value());
  expected_document document{story->state.version, story->state.what.user_id, {}};
  if (http::has_document(kind, story->state)) {
    document.json =
        http::json::text_of([&](http::json_writer& out) { http::write_document(out, kind, *story, base); });
  }
  return document;
}

void check(document_cache& cache, document_kind kind, domain::reservation_id id, const events& story,
           std::string_view base = ::base) {
  const auto records = storage::encode_events(story);
  const auto found = cache.find_or_write(kind, id, records, base);
  REQUIRE(found.has_value());
  const auto right = expected(kind, id, records, base);
  CHECK((*found)->version == right.version);
  CHECK((*found)->user_id == right.user_id);
  CHECK((*found)->json == right.json);
}

}  // namespace

TEST_CASE("a kept document is that of the records, of the kind and of the base that are asked for") {
  document_cache cache;
  // Some several times in a row, and all again after the others.
  for (int turn = 0; turn < 4; ++turn) {
    for (const auto kind : kinds) {
      for (int again = 0; again < 3; ++again) check(cache, kind, 257, placed(1));
      check(cache, kind, 257, paid(1));
      check(cache, kind, 257, paid(2));
      check(cache, kind, 257, paid(2), "https://elsewhere");
      check(cache, kind, 258, paid(2), "https://elsewhere");
    }
  }
}

TEST_CASE("documents that share the places of a cache are told apart") {
  document_cache cache;
  constexpr domain::reservation_id more_than_it_keeps = document_cache::slots + document_cache::slots / 2;
  for (int turn = 0; turn < 2; ++turn) {
    for (domain::reservation_id id = 1; id <= more_than_it_keeps; ++id) {
      for (int again = 0; again < 3; ++again) check(cache, document_kind::my_reservation, id, paid(id % 7));
    }
  }
}

TEST_CASE("what is asked for again is kept, and not written anew, unless it is long") {
  document_cache cache;
  const auto find = [&cache](const std::string& address) {
    const auto records = storage::encode_events(placed(1, address));
    const auto found = cache.find_or_write(document_kind::my_reservation, 1, records, base);
    REQUIRE(found.has_value());
    return (*found)->json.data();
  };
  const auto bytes_with = [](const std::string& address) {
    const auto records = storage::encode_events(placed(1, address));
    return records.size() + base.size() +
           expected(document_kind::my_reservation, 1, records, base).json.size();
  };
  // Each byte of it stands in the records and in the document.
  const auto left = document_cache::largest_kept_bytes - bytes_with(std::string(200, 'x'));
  const std::string longest(200 + left / 2, 'x');
  REQUIRE(bytes_with(longest) <= document_cache::largest_kept_bytes);
  REQUIRE(bytes_with(longest + "xx") > document_cache::largest_kept_bytes);
  const auto* first = find(longest);
  const auto* kept = find(longest);
  CHECK(kept != first);
  CHECK(find(longest) == kept);
  find(longest + "xx");
  CHECK(find(longest) == kept);
}

TEST_CASE("documents that are too long to be kept are right all the same") {
  document_cache cache;
  const std::string street(document_cache::largest_kept_bytes, '"');
  check(cache, document_kind::my_reservation, 1, placed(1));
  check(cache, document_kind::my_reservation, 1, placed(1, street));
  check(cache, document_kind::my_reservation, 1, placed(1, street));
  check(cache, document_kind::my_reservation, 2, placed(2, street));
  check(cache, document_kind::my_reservation, 1, placed(1));
}

TEST_CASE("records that can't be read are told of, and nothing is kept of them") {
  document_cache cache;
  for (const auto* records : {"nonsense", ""}) {
    check(cache, document_kind::payment, 1, placed(1));
    for (int turn = 0; turn < 2; ++turn) {
      CHECK(!cache.find_or_write(document_kind::payment, 1, records, base));
      CHECK(!cache.find_or_write(document_kind::payment, 2, records, base));
    }
    check(cache, document_kind::payment, 1, placed(1));
  }
}
