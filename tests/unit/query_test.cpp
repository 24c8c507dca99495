#include "http/query.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "http/collections.hpp"
#include "http/cursor.hpp"
#include "http/links.hpp"
#include "http/router.hpp"

using namespace holdfast;
using http::document_kind;

namespace {

auto read(std::string_view text, document_kind kind = document_kind::pre_reservation) {
  return http::read_collection_query(kind, text);
}

http::collection_query accepted(std::string_view text, document_kind kind = document_kind::pre_reservation) {
  const auto query = read(text, kind);
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return *query;
}

const http::cursor descending_cursor{
    .descending = true,
    .place = {.at = domain::timestamp{std::chrono::milliseconds{1795361400123}}, .id = 513}};

std::string collection(const http::collection_query& query, const http::collection_page& page) {
  return http::json::text_of(
      [&](http::json_writer& out) { http::write_collection(out, query, page, "http://shop", [] {}); });
}

http::collection_page page_of(std::uint64_t total, bool more) {
  return {.total = total, .more = more, .next = descending_cursor.place};
}

}  // namespace

TEST_CASE("a query without parameters is the first twenty, oldest first") {
  const auto query = accepted("");
  CHECK(query.page == 0);
  CHECK(query.size == 20);
  CHECK(!query.descending);
  CHECK(!query.after);
  const auto rows = http::to_view_query(query);
  CHECK(rows.collection == storage::view_collection::reservations);
  CHECK(rows.offset == 0);
  CHECK(rows.limit == 20);
}

TEST_CASE("good parameters are taken") {
  CHECK(accepted("size=1").size == 1);
  CHECK(accepted("size=1000").size == 1000);
  CHECK(accepted("size=1001").size == 1000);
  CHECK(accepted("size=99999999999999999999999").size == 1000);
  CHECK(accepted("page=3&size=7").page == 3);
  CHECK(http::to_view_query(accepted("page=3&size=7")).offset == 21);
  CHECK(http::to_view_query(accepted("page=10&size=1000")).offset == 10'000);
  CHECK(http::to_view_query(accepted("page=500")).offset == 10'000);
  CHECK(accepted("sort=createdAt,desc").descending);
  CHECK(accepted("sort=createdAt%2Cdesc").descending);
  CHECK(accepted("sort=createdAt,DESC").descending);
  CHECK(!accepted("sort=createdAt,asc").descending);
  CHECK(!accepted("sort=createdAt").descending);
  CHECK(accepted("unknown=1&unknown=2&&=&x").size == 20);
  CHECK(accepted("%73ize=0").size == 20);
}

TEST_CASE("bad parameters are refused by name") {
  struct row {
    const char* query;
    const char* named;
  };
  const std::vector<row> table{
      {"size=0", "size"},
      {"size=-1", "size"},
      {"size=x", "size"},
      {"size=", "size"},
      {"size", "size"},
      {"size=1.5", "size"},
      {"size=%zz", "size"},
      {"size=1%", "size"},
      {"size=1&size=2", "size"},
      {"page=-1", "page"},
      {"page=one", "page"},
      {"page=", "page"},
      {"sort=price,desc", "sort"},
      {"sort=createdAt,up", "sort"},
      {"sort=", "sort"},
      {"after=", "after"},
      {"after=abc", "after"},
      {"after=AAAAAAAAAAAAAAAAAAAAAAAA", "after"},
      {"after=!!!!!!!!!!!!!!!!!!!!!!!!", "after"},
  };
  for (const auto& [text, named] : table) {
    CAPTURE(text);
    const auto query = read(text);
    REQUIRE(!query.has_value());
    CHECK(query.error().fault == http::fault::invalid_parameter);
    CHECK(query.error().detail.find(named) != std::string::npos);
  }
}

TEST_CASE("an offset beyond ten thousand rows asks for a cursor") {
  for (const char* text : {"page=501", "page=11&size=1000", "page=10001&size=1", "page=9007199254740993",
                           "page=99999999999999999999999"}) {
    CAPTURE(text);
    const auto query = read(text);
    REQUIRE(!query.has_value());
    CHECK(query.error().fault == http::fault::use_cursor);
  }
}

TEST_CASE("a user's own reservations come newest first") {
  const auto query = accepted("userId=7", document_kind::my_reservation);
  CHECK(query.user_id == 7);
  CHECK(query.descending);
  const auto rows = http::to_view_query(query);
  CHECK(rows.collection == storage::view_collection::of_user);
  CHECK(rows.user_id == 7);
  CHECK(!accepted("userId=7&sort=createdAt,asc", document_kind::my_reservation).descending);
  CHECK(!read("userId=x", document_kind::my_reservation).has_value());
  CHECK(!read("userId=", document_kind::my_reservation).has_value());
  CHECK(!accepted("userId=x", document_kind::payment).user_id);
  CHECK(http::to_view_query(accepted("", document_kind::receipt)).collection ==
        storage::view_collection::receipts);
}

TEST_CASE(
    "a customer's own list is newest first without his number, and the other collections are oldest first") {
  const auto own = [](std::string_view text, document_kind kind) {
    const auto query = http::read_collection_query(kind, text, 7);
    REQUIRE(query.has_value());
    CHECK(query->user_id == 7);
    return query->descending;
  };
  CHECK(own("", document_kind::my_reservation));
  CHECK(own("userId=7", document_kind::my_reservation));
  CHECK(!own("sort=createdAt,asc", document_kind::my_reservation));
  for (const auto kind : {document_kind::pre_reservation, document_kind::payment, document_kind::receipt}) {
    CHECK(!own("", kind));
    CHECK(own("sort=createdAt,desc", kind));
  }
  CHECK(!http::read_collection_query(document_kind::my_reservation, "userId=8", 7).has_value());
}

TEST_CASE("a cursor comes back as it went out, and nothing else is one") {
  for (const auto& cursor :
       {descending_cursor, http::cursor{.descending = false, .place = {.at = {}, .id = 1}},
        http::cursor{.descending = true,
        .place = {.at = domain::timestamp{std::chrono::milliseconds{253'402'300'799'999}},
                 .id = (std::uint64_t{1} << 53) - 1}}}) {
    const auto text = http::encode_cursor(cursor);
    CHECK(http::decode_cursor(text) == cursor);
    CHECK(text.find_first_of("+/=") == std::string::npos);
    CHECK(!http::decode_cursor(text + "A"));
    CHECK(!http::decode_cursor(text.substr(1)));
  }
  const http::cursor late{
      .descending = false,
      .place = {.at = domain::timestamp{std::chrono::milliseconds{253'402'300'800'000}}, .id = 1}};
  CHECK(!http::decode_cursor(http::encode_cursor(late)));
  const http::cursor nobody{.descending = false, .place = {.at = {}, .id = 0}};
  CHECK(!http::decode_cursor(http::encode_cursor(nobody)));
}

TEST_CASE("a cursor brings its direction along, and no other may be asked for") {
  const auto text = "after=" + http::encode_cursor(descending_cursor);
  const auto query = accepted(text + "&page=12345&size=1000");
  CHECK(query.descending);
  CHECK(query.after == descending_cursor.place);
  CHECK(query.page == 12345);
  CHECK(http::to_view_query(query).offset == 0);
  CHECK(accepted(text + "&sort=createdAt,desc").descending);
  CHECK(read(text + "&sort=createdAt,asc").error().fault == http::fault::invalid_parameter);
}

TEST_CASE("an empty collection is a page of nothing") {
  CHECK(collection(accepted(""), page_of(0, false)) ==
        R"({"_embedded":{"preReservations":[]},"_links":{)"
        R"("self":{"href":"http://shop/preReservations{?page,size,sort}","templated":true},)"
        R"("first":{"href":"http://shop/preReservations?page=0&size=20&sort=createdAt,asc"}},)"
        R"("page":{"size":20,"totalElements":0,"totalPages":0,"number":0}})");
}

TEST_CASE("links of a page keep the user, the size and the order") {
  const auto query = accepted("userId=7&page=1&size=5", document_kind::my_reservation);
  const auto cursor = http::encode_cursor(descending_cursor);
  CHECK(collection(query, page_of(16, true)) ==
        R"({"_embedded":{"myReservations":[]},"_links":{)"
        R"("self":{"href":"http://shop/myReservations?userId=7{&page,size,sort}","templated":true},)"
        R"("first":{"href":"http://shop/myReservations?userId=7&page=0&size=5&sort=createdAt,desc"},)"
        R"("prev":{"href":"http://shop/myReservations?userId=7&page=0&size=5&sort=createdAt,desc"},)"
        R"("next":{"href":"http://shop/myReservations?userId=7&page=2&size=5&sort=createdAt,desc&after=)" +
            cursor +
            R"("},"last":{"href":"http://shop/myReservations?userId=7&page=3&size=5&sort=createdAt,desc"}},)"
            R"("page":{"size":5,"totalElements":16,"totalPages":4,"number":1}})");
}

TEST_CASE("a next link leads on behind the last row, however far") {
  auto query = accepted("size=1000&sort=createdAt,desc");
  for (int page = 0; page < 50; ++page) {
    const auto href = http::next_href(query, page_of(1'000'000, true), "http://shop");
    const auto next = accepted(href.substr(href.find('?') + 1));
    CHECK(next.page == query.page + 1);
    CHECK(next.after == descending_cursor.place);
    query = next;
  }
  CHECK(http::next_href(query, page_of(1'000'000, false), "http://shop").empty());
}

TEST_CASE("no link by number leads beyond what a number may reach") {
  const auto text = collection(accepted("size=1000"), page_of(1'000'000, true));
  CHECK(text.find("\"last\"") == std::string::npos);
  CHECK(text.find("\"totalPages\":1000") != std::string::npos);
  const auto far = accepted("size=1000&page=500&after=" + http::encode_cursor(descending_cursor));
  CHECK(collection(far, page_of(1'000'000, true)).find("\"prev\"") == std::string::npos);
}

TEST_CASE("a path names one thing, with or without a slash at its end") {
  using http::resource;
  struct row {
    const char* path;
    http::route route;
  };
  const std::vector<row> table{
      {"/", {resource::index, {}, 0}},
      {"/preReservations", {resource::collection, document_kind::pre_reservation, 0}},
      {"/payments/", {resource::collection, document_kind::payment, 0}},
      {"/receipts/7", {resource::item, document_kind::receipt, 7}},
      {"/myReservations/9007199254740991/",
       {resource::item, document_kind::my_reservation, 9007199254740991}},
      {"/actuator", {resource::actuator, {}, 0}},
      {"/actuator/health", {resource::health, {}, 0}},
      {"/actuator/health/liveness", {resource::liveness, {}, 0}},
      {"/actuator/health/readiness/", {resource::readiness, {}, 0}},
      {"/actuator/info", {resource::info, {}, 0}},
      {"/actuator/circuitbreakers", {resource::circuit_breakers, {}, 0}},
      {"/actuator/parked", {resource::parked, {}, 0}},
      {"/actuator/prometheus", {resource::metrics, {}, 0}},
      {"/metrics", {resource::metrics, {}, 0}},
      {"/openapi.json", {resource::openapi, {}, 0}},
      {"/events", {resource::events, {}, 0}},
      {"/admin/sagas", {resource::sagas, {}, 0}},
      {"/admin/sagas/retry", {resource::sagas_retry, {}, 0}},
      {"/admin/sagas/cancel/", {resource::sagas_cancel, {}, 0}},
      {"/admin/sagas/7", {resource::saga, {}, 7}},
      {"/admin/sagas/7/retry", {resource::saga_retry, {}, 7}},
      {"/admin/sagas/7/cancel", {resource::saga_cancel, {}, 7}},
      {"/admin/breaker", {resource::admin_breaker, {}, 0}},
      {"/admin/view/rebuild", {resource::admin_view_rebuild, {}, 0}},
      {"/admin/log-level", {resource::admin_log_level, {}, 0}},
  };
  for (const auto& [path, route] : table) {
    CAPTURE(path);
    CHECK(http::find_route(path) == route);
  }
  for (const char* path : {"//",
                           "preReservations",
                           "/prereservations",
                           "/preReservations//",
                           "/payments/0",
                           "/payments/01",
                           "/payments/-1",
                           "/payments/x",
                           "/payments/1x",
                           "/payments/1/2",
                           "/payments/9007199254740992",
                           "/payments/99999999999999999999999",
                           "/payments/%31",
                           "/actuator/nothing",
                           "/metrics/1",
                           "*",
                           "/admin",
                           "/admin/sagas/0",
                           "/admin/sagas/7/undo",
                           "/admin/sagas/7/retry/1",
                           "/admin/view"}) {
    CAPTURE(path);
    CHECK(!http::find_route(path).has_value());
  }
}

TEST_CASE("methods are allowed where the contract has them") {
  const auto methods = [](const char* path) { return http::allowed_methods(*http::find_route(path)); };
  CHECK(methods("/preReservations") == "GET, HEAD, OPTIONS, POST");
  CHECK(methods("/preReservations/1") == "DELETE, GET, HEAD, OPTIONS");
  CHECK(methods("/payments") == "GET, HEAD, OPTIONS");
  CHECK(methods("/payments/1") == "GET, HEAD, OPTIONS");
  CHECK(methods("/") == "GET, HEAD, OPTIONS");
  CHECK(methods("/metrics") == "GET, HEAD, OPTIONS");
  CHECK(methods("/admin/sagas/1") == "GET, HEAD, OPTIONS");
  CHECK(methods("/admin/sagas/1/cancel") == "OPTIONS, POST");
  CHECK(methods("/admin/log-level") == "OPTIONS, PUT");
  CHECK(!http::allows(*http::find_route("/payments"), http::method::post));
  CHECK(!http::allows(*http::find_route("/preReservations"), http::method::del));
  CHECK(!http::allows(*http::find_route("/preReservations/1"), http::method::put));
  CHECK(!http::allows(*http::find_route("/"), http::method::other));
}

TEST_CASE("links carry the host that was asked for, unless no URL can") {
  CHECK(http::base_of("localhost:8088") == "http://localhost:8088");
  CHECK(http::base_of("[::1]:8088") == "http://[::1]:8088");
  CHECK(http::base_of("a\"b") == "");
  CHECK(http::base_of("a>b") == "");
  CHECK(http::base_of("a/b") == "");
  CHECK(http::base_of("") == "");
}
