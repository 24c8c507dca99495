#include "http/answers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "http/actuator.hpp"
#include "http/media_type.hpp"
#include "http/views.hpp"
#include "storage/event_codec.hpp"

using namespace holdfast;
using actors::placement_status;

namespace {

const http::client client{
    .base = "http://shop:8088", .media_type = http::json_media_type, .path = "/preReservations"};

domain::timestamp at(int seconds) {
  return domain::timestamp{std::chrono::milliseconds{1795361400123 + seconds * 1000}};
}

using events = std::vector<domain::reservation_event>;

const domain::reservation_placed placed{at(0), domain::order{.user_id = 1,
                                                             .user_address = {},
                                                             .product_id = {},
                                                             .product_name = {},
                                                             .price = {},
                                                             .card_last_four = {}}};
const events nothing;
const events pending{placed};
const events paid{placed, domain::payment_captured{at(1), "tx-1"}};
const events declined{placed, domain::payment_declined{at(1), "card_declined"},
                      domain::reservation_cancelled{at(1), domain::cancel_reason::payment_declined}};
const events unavailable{placed, domain::payment_failed{at(1)},
                         domain::reservation_cancelled{at(1), domain::cancel_reason::payment_unavailable}};
const events interrupted{placed, domain::payment_failed{at(1)},
                         domain::reservation_cancelled{at(1), domain::cancel_reason::payment_interrupted}};
const events cancelling{placed, domain::cancellation_requested{at(1), domain::cancel_reason::customer}};

http::response answer(placement_status status, const events& events = pending, bool replayed = false) {
  return http::answer_placement(client, {.status = status,
                                         .id = 5,
                                         .records = storage::encode_events(events),
                                         .replayed = replayed,
                                         .refused = domain::rejection::price_negative});
}

std::string header(const http::response& response, std::string_view name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

bool says(const http::response& response, std::string_view text) {
  return response.body.find(text) != std::string::npos;
}

storage::view_page page_of(const std::vector<std::pair<storage::entity_id, events>>& stories) {
  storage::view_page page;
  for (const auto& [id, events] : stories) {
    page.rows.add({.id = id, .version = events.size(), .records = storage::encode_events(events)});
  }
  page.total = stories.size();
  return page;
}

http::response item(http::document_kind kind, const events& events, std::string_view if_none_match = "") {
  return http::answer_item(client, kind, 5, if_none_match,
                           {http::read_status::found, storage::encode_events(events)});
}

}  // namespace

TEST_CASE("every outcome of a placement has its status, code and headers") {
  struct row {
    placement_status status;
    const events& records;
    unsigned http;
    const char* code;
    bool retry;
    bool link;
  };
  const std::vector<row> table{
      {placement_status::decided, declined, 402, "payment-declined", false, true},
      {placement_status::decided, unavailable, 503, "payment-unavailable", true, true},
      {placement_status::decided, interrupted, 503, "payment-unavailable", true, true},
      {placement_status::decided, cancelling, 409, "cancelled", false, true},
      {placement_status::key_in_use, pending, 409, "key-in-use", true, false},
      {placement_status::key_reused, pending, 422, "key-reused", false, false},
      {placement_status::overloaded, pending, 503, "overloaded", true, false},
      {placement_status::unavailable, pending, 503, "unavailable", true, false},
      {placement_status::rejected, pending, 400, "invalid-field", false, false},
      {placement_status::decided, nothing, 500, "internal", false, false},
  };
  for (const auto& expected : table) {
    CAPTURE(expected.code);
    const auto response = answer(expected.status, expected.records);
    CHECK(response.status == expected.http);
    CHECK(response.content_type == "application/problem+json");
    CHECK(says(response, "\"code\":\"" + std::string(expected.code) + "\""));
    CHECK(says(response, "\"instance\":\"/preReservations\""));
    CHECK(header(response, "Retry-After").empty() != expected.retry);
    CHECK(says(response, "http://shop:8088/preReservations/5") == expected.link);
    CHECK(header(response, "Idempotent-Replayed").empty());
  }
}

TEST_CASE("a paid placement is created, one still unknown accepted") {
  for (const auto& [status, events, http, name] :
       {std::tuple{placement_status::decided, paid, 201u, "reservated"},
        std::tuple{placement_status::decided, pending, 202u, "order"},
        std::tuple{placement_status::in_progress, pending, 202u, "order"}}) {
    const auto response = answer(status, events);
    CHECK(response.status == http);
    CHECK(response.content_type == "application/json");
    CHECK(header(response, "Location") == "http://shop:8088/preReservations/5");
    CHECK(says(response, "\"status\":\"" + std::string(name) + "\""));
  }
}

TEST_CASE("a replayed answer says so and is final") {
  const auto created = answer(placement_status::decided, paid, true);
  CHECK(created.status == 201);
  CHECK(created.body == answer(placement_status::decided, paid).body);
  CHECK(header(created, "Location") == "http://shop:8088/preReservations/5");
  CHECK(header(created, "Idempotent-Replayed") == "true");

  const auto failed = answer(placement_status::decided, unavailable, true);
  CHECK(failed.status == 503);
  CHECK(header(failed, "Retry-After").empty());
  CHECK(header(failed, "Idempotent-Replayed") == "true");
  CHECK(says(failed, "new Idempotency-Key"));
  CHECK(failed.body == answer(placement_status::decided, unavailable).body);
}

TEST_CASE("every outcome of a cancellation has its status") {
  const auto told = [](actors::cancellation_status status) {
    return http::answer_cancellation(client, 5, {status});
  };
  CHECK(told(actors::cancellation_status::done).status == 204);
  CHECK(told(actors::cancellation_status::done).body.empty());
  CHECK(told(actors::cancellation_status::in_progress).status == 202);
  CHECK(header(told(actors::cancellation_status::in_progress), "Location") ==
        "http://shop:8088/preReservations/5");
  CHECK(told(actors::cancellation_status::unknown_reservation).status == 404);
  CHECK(told(actors::cancellation_status::overloaded).status == 503);
  CHECK(told(actors::cancellation_status::unavailable).status == 503);
}

TEST_CASE("an item is shown with its tag, and not again to who has it") {
  const auto first = item(http::document_kind::pre_reservation, paid);
  CHECK(first.status == 200);
  CHECK(first.content_type == "application/json");
  const auto tag = header(first, "ETag");
  CHECK(tag.starts_with("\"2-"));

  const auto again = item(http::document_kind::pre_reservation, paid, tag);
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(header(again, "ETag") == tag);
  CHECK(item(http::document_kind::pre_reservation, pending, tag).status == 200);
}

TEST_CASE("what there is not is 404, what can't be told 503") {
  using http::document_kind;
  CHECK(item(document_kind::receipt, declined).status == 404);
  CHECK(item(document_kind::receipt, pending).status == 404);
  CHECK(item(document_kind::receipt, paid).status == 200);
  CHECK(item(document_kind::payment, declined).status == 200);
  CHECK(item(document_kind::payment, {}).status == 500);
  const auto read = [](http::read_status status) {
    return http::answer_item(client, document_kind::payment, 5, "*", {status, {}});
  };
  CHECK(read(http::read_status::missing).status == 404);
  CHECK(read(http::read_status::view_unavailable).status == 503);
  CHECK(says(read(http::read_status::view_unavailable), "view-unavailable"));
  CHECK(!header(read(http::read_status::view_unavailable), "Retry-After").empty());
  CHECK(read(http::read_status::journal_unavailable).status == 503);
}

TEST_CASE("a collection tells the next page in its header and in its body") {
  const auto query = *http::read_collection_query(http::document_kind::my_reservation, "size=2");
  auto page = page_of({{1, paid}, {2, declined}});
  page.total = 3;
  page.more = true;
  page.next = {at(0), 2};
  const auto response = http::answer_collection(client, query, page);
  CHECK(response.status == 200);
  const auto link = header(response, "Link");
  CHECK(link.starts_with("<http://shop:8088/myReservations?"));
  CHECK(link.ends_with(">; rel=\"next\""));
  CHECK(says(response, "\"next\":{\"href\":\"" + link.substr(1, link.find('>') - 1) + "\"}"));
  CHECK(says(response, "\"history\":[{\"event\":\"ReservationCreated\""));

  page.more = false;
  CHECK(header(http::answer_collection(client, query, page), "Link").empty());
  page.rows.add({.id = 3, .version = 1, .records = "nonsense"});
  CHECK(http::answer_collection(client, query, page).status == 500);
  CHECK(http::answer_collection(client, query, tl::unexpected(storage::view_error::unavailable)).status ==
        503);
}

TEST_CASE("HAL is answered to who names it") {
  CHECK(http::negotiate("application/hal+json") == http::hal_media_type);
  CHECK(http::negotiate("text/html, Application/HAL+JSON;q=0.5, */*") == http::hal_media_type);
  for (const char* accept : {"", "*/*", "application/*", "application/json", "application/hal+json;q=0",
                             "application/hal+json; q=0.000", "application/hal+jsonx"}) {
    CAPTURE(accept);
    CHECK(http::negotiate(accept) == http::json_media_type);
  }
  auto hal = client;
  hal.media_type = http::hal_media_type;
  CHECK(http::answer_index(hal).content_type == "application/hal+json");
  CHECK(http::answer_index(hal).body == http::answer_index(client).body);
}

TEST_CASE("the index leads to every collection") {
  CHECK(
      http::answer_index(client).body ==
      R"({"_links":{"self":{"href":"http://shop:8088/"},)"
      R"("preReservations":{"href":"http://shop:8088/preReservations{?page,size,sort}","templated":true},)"
      R"("payments":{"href":"http://shop:8088/payments{?page,size,sort}","templated":true},)"
      R"("receipts":{"href":"http://shop:8088/receipts{?page,size,sort}","templated":true},)"
      R"("myReservations":{"href":"http://shop:8088/myReservations{?userId,page,size,sort}","templated":true},)"
      R"("actuator":{"href":"http://shop:8088/actuator"},)"
      R"("service-desc":{"href":"http://shop:8088/openapi.json"}}})");
}

TEST_CASE("health has Spring's shape and fails with what is down") {
  http::health_figures figures{
      .ready = true, .view_reachable = true, .journal_goes_on = true, .breaker = {}, .cluster = {}};
  const auto up = http::health_response(figures);
  CHECK(up.status == 200);
  CHECK(
      up.body ==
      R"({"status":"UP","components":{"circuitBreakers":{"status":"UP","details":{"payment":{"status":"UP"}}},)"
      R"("journal":{"status":"UP"},"livenessState":{"status":"UP"},"readinessState":{"status":"UP"},"view":{"status":"UP"}},)"
      R"("groups":["liveness","readiness"]})");

  figures.breaker.now = actors::breaker_figures::state::open;
  CHECK(http::health_response(figures).status == 200);
  CHECK(says(http::health_response(figures), "CIRCUIT_OPEN"));
  figures.ready = false;
  CHECK(http::health_response(figures).status == 503);
  CHECK(says(http::health_response(figures), R"({"status":"OUT_OF_SERVICE")"));
  figures.ready = true;
  figures.journal_goes_on = false;
  CHECK(http::health_response(figures).status == 503);
  CHECK(says(http::health_response(figures), R"("journal":{"status":"DOWN"})"));
  figures.journal_goes_on = true;
  figures.cluster = {.clustered = true, .in_touch = true, .members = 3, .shards_owned = 86};
  CHECK(http::health_response(figures).status == 200);
  CHECK(says(
      http::health_response(figures),
      R"("cluster":{"status":"UP","details":{"members":3,"shardsOwned":86,"shardsWithoutOwner":0}},"journal")"));
  figures.cluster.in_touch = false;
  CHECK(http::health_response(figures).status == 503);
  CHECK(says(http::health_response(figures), R"("cluster":{"status":"DOWN")"));
  figures = {.ready = false, .view_reachable = false, .journal_goes_on = true, .breaker = {}, .cluster = {}};
  CHECK(says(http::health_response(figures), R"({"status":"DOWN")"));

  CHECK(http::liveness_response().body == R"({"status":"UP"})");
  CHECK(http::readiness_response(true).status == 200);
  CHECK(http::readiness_response(false).status == 503);
  CHECK(http::readiness_response(false).body == R"({"status":"OUT_OF_SERVICE"})");
}

TEST_CASE("the breaker shows its figures as resilience4j does") {
  const actors::breaker_figures figures{.now = actors::breaker_figures::state::half_open,
                                        .window_calls = 16,
                                        .window_failed = 2,
                                        .window_slow = 16,
                                        .calls_under_way = 3,
                                        .not_permitted = 7};
  CHECK(http::circuit_breakers_response(figures).body ==
        R"({"circuitBreakers":{"payment":{"failureRate":"12.5%","slowCallRate":"100.0%","bufferedCalls":16,)"
        R"("failedCalls":2,"slowCalls":16,"notPermittedCalls":7,"callsUnderWay":3,"state":"HALF_OPEN"}}})");
  CHECK(says(http::circuit_breakers_response({}), R"("failureRate":"-1.0%","slowCallRate":"-1.0%")"));
}
