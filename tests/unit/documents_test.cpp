#include "http/documents.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "http/etag.hpp"
#include "http/rfc3339.hpp"
#include "storage/event_codec.hpp"

using namespace holdfast;
using http::document_kind;

namespace {

constexpr std::string_view base = "http://shop:8088";

/// 2026-11-22T15:30:00.123Z and so many seconds.
domain::timestamp at(int seconds) {
  return domain::timestamp{std::chrono::milliseconds{1795361400123 + seconds * 1000}};
}

domain::zoned_timestamp delivery() {
  return {at(0) + std::chrono::days{21}, std::chrono::hours{9}};
}

domain::reservation_placed placed() {
  return {at(0), domain::order{.user_id = 1,
                               .user_address = "서울 \"1\"",
                               .product_id = 2,
                               .product_name = "fold",
                               .price = {1300000, "KRW"},
                               .card_last_four = "1234"}};
}

using events = std::vector<domain::reservation_event>;

const events placed_only{placed()};
const events paid{placed(), domain::payment_captured{at(1), "tx-1"}};
const events issued{placed(), domain::payment_captured{at(1), "tx-1"},
                    domain::receipt_issued{at(2), "0-7", delivery()}};
const events cancelled{placed(),
                       domain::payment_captured{at(1), "tx-1"},
                       domain::receipt_issued{at(2), "0-7", delivery()},
                       domain::cancellation_requested{at(3), domain::cancel_reason::customer},
                       domain::receipt_voided{at(4), "0-7", delivery()},
                       domain::payment_refunded{at(5), "re-1"},
                       domain::reservation_cancelled{at(5), domain::cancel_reason::customer}};
const events declined{placed(), domain::payment_declined{at(1), "card_declined"},
                      domain::reservation_cancelled{at(1), domain::cancel_reason::payment_declined}};
const events bare{domain::reservation_placed{at(0), domain::order{.user_id = 1,
                                                                  .user_address = {},
                                                                  .product_id = {},
                                                                  .product_name = {},
                                                                  .price = {},
                                                                  .card_last_four = {}}}};

std::string document(document_kind kind, const events& events) {
  const auto story = http::read_story(kind, 257, storage::encode_events(events));
  REQUIRE(story.has_value());
  return http::json::text_of([&](http::json_writer& out) { http::write_document(out, kind, *story, base); });
}

const std::string goods = R"("productId":2,"productName":"fold","price":1300000,"currency":"KRW")";
const std::string fields =
    R"("userId":1,"userAddress":"서울 \"1\"",)" + goods + R"(,"cardNo":"****-****-****-1234")";

}  // namespace

TEST_CASE("a placed reservation is an order without a receipt") {
  CHECK(document(document_kind::pre_reservation, placed_only) ==
        R"({"id":257,"version":1,)" + fields +
            R"(,"status":"order","cancelReason":null,"createdAt":"2026-11-22T15:30:00.123Z",)"
            R"("modifiedAt":"2026-11-22T15:30:00.123Z","_links":{)"
            R"("self":{"href":"http://shop:8088/preReservations/257"},)"
            R"("payment":{"href":"http://shop:8088/payments/257"},)"
            R"("myReservation":{"href":"http://shop:8088/myReservations/257"}}})");
}

TEST_CASE("a paid reservation is reservated and has a receipt to come") {
  CHECK(document(document_kind::pre_reservation, paid) ==
        R"({"id":257,"version":2,)" + fields +
            R"(,"status":"reservated","cancelReason":null,"createdAt":"2026-11-22T15:30:00.123Z",)"
            R"("modifiedAt":"2026-11-22T15:30:01.123Z","_links":{)"
            R"("self":{"href":"http://shop:8088/preReservations/257"},)"
            R"("payment":{"href":"http://shop:8088/payments/257"},)"
            R"("receipt":{"href":"http://shop:8088/receipts/257"},)"
            R"("myReservation":{"href":"http://shop:8088/myReservations/257"}}})");
  CHECK(document(document_kind::payment, paid) ==
        R"({"id":257,"version":2,"preReservationId":257,"userId":1,)" + goods +
            R"(,"cardNo":"****-****-****-1234","status":"paid","transactionId":"tx-1","refundId":null,)"
            R"("createdAt":"2026-11-22T15:30:00.123Z","modifiedAt":"2026-11-22T15:30:01.123Z","_links":{)"
            R"("self":{"href":"http://shop:8088/payments/257"},)"
            R"("preReservation":{"href":"http://shop:8088/preReservations/257"},)"
            R"("receipt":{"href":"http://shop:8088/receipts/257"},)"
            R"("myReservation":{"href":"http://shop:8088/myReservations/257"}}})");
  CHECK(document(document_kind::receipt, paid)
            .find(R"("receiptNo":null,"preReservationId":257,"paidId":257,"userId":1,)") !=
        std::string::npos);
}

TEST_CASE("an issued receipt has its number and the day of delivery, with the zone's offset") {
  CHECK(document(document_kind::receipt, issued) ==
        R"({"id":257,"version":3,"receiptNo":"0-7","preReservationId":257,"paidId":257,"userId":1,)" + goods +
            R"(,"status":"receipt_issued","expectedDeliveryAt":"2026-12-14T00:30:00.123+09:00",)"
            R"("createdAt":"2026-11-22T15:30:01.123Z","modifiedAt":"2026-11-22T15:30:02.123Z","_links":{)"
            R"("self":{"href":"http://shop:8088/receipts/257"},)"
            R"("preReservation":{"href":"http://shop:8088/preReservations/257"},)"
            R"("payment":{"href":"http://shop:8088/payments/257"},)"
            R"("myReservation":{"href":"http://shop:8088/myReservations/257"}}})");
}

TEST_CASE("a cancelled reservation keeps its details and its history") {
  CHECK(document(document_kind::my_reservation, cancelled) ==
        R"({"id":257,"version":7,)" + fields +
            R"(,"status":"reservation_cancelled","cancelReason":"customer",)"
            R"("createdAt":"2026-11-22T15:30:00.123Z","modifiedAt":"2026-11-22T15:30:05.123Z",)"
            R"("paymentStatus":"payment_cancelled","receiptStatus":"receipt_cancelled","receiptNo":"0-7",)"
            R"("expectedDeliveryAt":"2026-12-14T00:30:00.123+09:00","history":[)"
            R"({"event":"ReservationCreated","at":"2026-11-22T15:30:00.123Z"},)"
            R"({"event":"PaymentCreated","at":"2026-11-22T15:30:01.123Z"},)"
            R"({"event":"ReceiptCreated","at":"2026-11-22T15:30:02.123Z"},)"
            R"({"event":"CancellationRequested","at":"2026-11-22T15:30:03.123Z"},)"
            R"({"event":"ReceiptCancelled","at":"2026-11-22T15:30:04.123Z"},)"
            R"({"event":"PaymentCancelled","at":"2026-11-22T15:30:05.123Z"},)"
            R"({"event":"ReservationCancelled","at":"2026-11-22T15:30:05.123Z"}],"_links":{)"
            R"("self":{"href":"http://shop:8088/myReservations/257"},)"
            R"("preReservation":{"href":"http://shop:8088/preReservations/257"},)"
            R"("payment":{"href":"http://shop:8088/payments/257"},)"
            R"("receipt":{"href":"http://shop:8088/receipts/257"}}})");
  CHECK(document(document_kind::payment, cancelled)
            .find(R"("status":"payment_cancelled","transactionId":"tx-1","refundId":"re-1")") !=
        std::string::npos);
}

TEST_CASE("a declined reservation was never paid and has no receipt") {
  const auto mine = document(document_kind::my_reservation, declined);
  CHECK(mine.find(R"("status":"reservation_cancelled","cancelReason":"payment_declined")") !=
        std::string::npos);
  CHECK(mine.find(R"("paymentStatus":"payment_declined","receiptStatus":null,"receiptNo":null,)"
                  R"("expectedDeliveryAt":null)") != std::string::npos);
  CHECK(mine.find("/receipts/") == std::string::npos);
  const auto story = http::read_story(document_kind::receipt, 257, storage::encode_events(declined));
  CHECK(!http::has_document(document_kind::receipt, story->state));
}

TEST_CASE("what was not given is null") {
  CHECK(
      document(document_kind::pre_reservation, bare)
          .find(
              R"("userId":1,"userAddress":null,"productId":null,"productName":null,"price":0,"currency":"KRW",)"
              R"("cardNo":null,)") != std::string::npos);
}

TEST_CASE("records that can't be read are an error and no document") {
  CHECK(!http::read_story(document_kind::pre_reservation, 1, ""));
  CHECK(!http::read_story(document_kind::my_reservation, 1, ""));
  CHECK(!http::read_story(document_kind::pre_reservation, 1, "nonsense"));
  CHECK(!http::read_story(document_kind::my_reservation, 1, "nonsense"));
}

TEST_CASE("dates are written over the ends of days, months and years") {
  using namespace std::chrono;
  const domain::timestamp new_year{sys_days{2027y / 1 / 1}};
  CHECK(http::rfc3339_text(new_year).view() == "2027-01-01T00:00:00.000Z");
  CHECK(http::rfc3339_text(new_year - 1ms).view() == "2026-12-31T23:59:59.999Z");
  CHECK(http::rfc3339_text(domain::timestamp{sys_days{2028y / 2 / 29}} + 5ms).view() ==
        "2028-02-29T00:00:00.005Z");
  CHECK(http::rfc3339_text(domain::zoned_timestamp{new_year, -(3h + 30min)}).view() ==
        "2026-12-31T20:30:00.000-03:30");
  CHECK(http::rfc3339_text(domain::zoned_timestamp{new_year, 0min}).view() ==
        "2027-01-01T00:00:00.000+00:00");
  CHECK(http::rfc3339_text(domain::timestamp{}).view() == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("an entity tag changes with whatever changes the bytes") {
  const auto tag = http::etag_of(3, document_kind::payment, "http://a", "application/json");
  CHECK(tag.size() == std::string_view(R"("3-01234567")").size());
  CHECK(tag == http::etag_of(3, document_kind::payment, "http://a", "application/json"));
  CHECK(tag != http::etag_of(4, document_kind::payment, "http://a", "application/json"));
  CHECK(tag != http::etag_of(3, document_kind::receipt, "http://a", "application/json"));
  CHECK(tag != http::etag_of(3, document_kind::payment, "http://b", "application/json"));
  CHECK(tag != http::etag_of(3, document_kind::payment, "http://a", "application/hal+json"));
}

TEST_CASE("If-None-Match names a tag in a list, weakly or by a star") {
  const std::string tag = R"("3-01234567")";
  CHECK(http::matches(tag, tag));
  CHECK(http::matches("W/" + tag, tag));
  CHECK(http::matches(R"("x" , W/"y",)" + tag, tag));
  CHECK(http::matches(" * ", tag));
  CHECK(!http::matches("", tag));
  CHECK(!http::matches("3-01234567", tag));
  CHECK(!http::matches(R"("2-01234567")", tag));
}
