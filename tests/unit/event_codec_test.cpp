// The bytes of events against golden files, which stand for every journal ever written.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>
#include <vector>

#include "storage/event_codec.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using storage::decode_receipt_events;
using storage::decode_reservation_events;
using storage::encode_events;

namespace {

constexpr domain::timestamp launch{1'700'000'000'000ms};
const domain::zoned_timestamp delivery{launch + 21 * 24h, 9h};

/// Every reservation event once, and those that have optional fields twice.
std::vector<domain::reservation_event> all_reservation_events() {
  return {
      domain::reservation_placed{launch, {1, "seoul", 1, "fold", {1'300'000, "KRW"}, "1234"}},
      domain::payment_unresolved{launch + 620ms},
      domain::payment_captured{launch + 900ms, "ch_1"},
      domain::payment_declined{launch + 900ms, "insufficient_funds"},
      domain::payment_failed{launch + 901ms},
      domain::receipt_issued{launch + 1s, "7-42", delivery},
      domain::cancellation_requested{launch + 2s, domain::cancel_reason::customer},
      domain::receipt_voided{launch + 3s, "7-42", delivery},
      domain::payment_refunded{launch + 4s, "re_1"},
      domain::reservation_cancelled{launch + 4s, domain::cancel_reason::by_operator},
      domain::reservation_parked{launch + 5s, "refund keeps failing"},
      domain::reservation_resumed{launch + 1min},
      domain::reservation_placed{domain::timestamp{-1ms}, {9'007'199'254'740'991, {}, {}, {}, {-1, ""}, {}}},
      domain::receipt_voided{launch, "", {}},
  };
}

/// What operators do has been there since: older records have none of it.
std::vector<domain::reservation_event> all_operator_events() {
  using enum domain::operator_action;
  return {domain::operator_intervened{launch + 2h, retry, "mina", "the bank is back"},
          domain::operator_intervened{launch + 3h, cancel, "mina", "sold out"},
          domain::operator_intervened{launch + 3h, none, "", ""}};
}

std::vector<domain::receipts::event> all_receipt_events() {
  return {domain::receipts::issued{launch + 1s, 42, delivery}, domain::receipts::voided{launch + 3s}};
}

/// The bytes of a golden file: pairs of hex digits, with comments from # to the end of a line.
std::string golden(const std::string& name) {
  std::ifstream file(HOLDFAST_SOURCE_DIR "/tests/golden/" + name);
  REQUIRE_MESSAGE(file.is_open(), name);
  std::string bytes;
  for (std::string line; std::getline(file, line);) {
    std::string digits;
    for (const char c : line.substr(0, line.find('#'))) {
      if (std::isxdigit(static_cast<unsigned char>(c)) != 0) {
        digits.push_back(c);
      }
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
  }
  return bytes;
}

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += {digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

/// A record of format version 1 with these bytes behind the version.
std::string record(const std::string& body) {
  return std::string{static_cast<char>(body.size() + 1), '\1'} + body;
}

std::string error_of(const std::string& bytes) {
  const auto decoded = decode_reservation_events(bytes);
  return decoded ? "" : decoded.error().message;
}

}  // namespace

TEST_CASE("reservation events are encoded as in the golden file") {
  CHECK(hex(encode_events(all_reservation_events())) == hex(golden("reservation_events_v1.hex")));
}

TEST_CASE("the golden file of reservation events is decoded") {
  const auto decoded = decode_reservation_events(golden("reservation_events_v1.hex"));
  REQUIRE(decoded);
  CHECK((*decoded == all_reservation_events()));
}

TEST_CASE("operators' events are encoded as in their golden file, and read from it") {
  const auto bytes = golden("operator_events_v1.hex");
  CHECK(hex(encode_events(all_operator_events())) == hex(bytes));
  const auto decoded = decode_reservation_events(bytes);
  REQUIRE(decoded);
  CHECK((*decoded == all_operator_events()));
}

TEST_CASE("a record with a trace is written as in its golden file, and read from it") {
  const tracing::trace_context trace{0x0af7651916cd43ddu, 0x8448eb211c80319cu, 0xb7ad6b7169203331u, 1};
  const std::vector<domain::reservation_event> events{domain::payment_captured{launch + 900ms, "ch_1"},
                                                      domain::payment_failed{launch + 901ms}};
  const auto bytes = golden("traced_events_v2.hex");
  CHECK(hex(encode_events(events, trace)) == hex(bytes));
  const auto decoded = decode_reservation_events(bytes);
  REQUIRE(decoded);
  CHECK((*decoded == events));
  CHECK((storage::trace_of(bytes) == trace));
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_reservation_events(std::string_view{bytes}.substr(0, size)));
    CHECK_FALSE(
        storage::trace_of(std::string_view{bytes}.substr(0, std::min<std::size_t>(size, 26))).present());
  }
}

TEST_CASE("of records one behind the other the first one's trace is told, and of those without one none") {
  const std::vector<domain::reservation_event> events{domain::payment_failed{launch}};
  const tracing::trace_context trace{1, 2, 3, 0};
  CHECK((storage::trace_of(encode_events(events, trace) + encode_events(events)) == trace));
  CHECK_FALSE(storage::trace_of(encode_events(events) + encode_events(events, trace)).present());
  CHECK_FALSE(storage::trace_of("").present());
  // What can't be read.
  CHECK_FALSE(storage::trace_of("\x7f\3").present());
}

TEST_CASE("a trace without an id is refused") {
  std::string body(27, '\0');
  body[0] = '\2';
  CHECK(error_of(std::string{static_cast<char>(body.size())} + body) == "offset 27: a trace without an id");
}

TEST_CASE("receipt events are encoded as in the golden file") {
  CHECK(hex(encode_events(all_receipt_events())) == hex(golden("receipt_events_v1.hex")));
}

TEST_CASE("the golden file of receipt events is decoded") {
  const auto decoded = decode_receipt_events(golden("receipt_events_v1.hex"));
  REQUIRE(decoded);
  CHECK((*decoded == all_receipt_events()));
}

TEST_CASE("records one behind the other fold to the state that their events give") {
  const std::vector<domain::reservation_event> first{
      domain::reservation_placed{launch, {1, "seoul", 1, "fold", {1'300'000, "KRW"}, "1234"}}};
  const std::vector<domain::reservation_event> second{domain::payment_captured{launch + 1s, "ch_1"}};
  const auto folded = storage::fold_reservation(encode_events(first) + encode_events(second));
  REQUIRE(folded);
  CHECK((*folded == evolve(evolve({}, first.front()), second.front())));
  CHECK(folded->version == 2);

  const auto receipt = storage::fold_receipt(encode_events(all_receipt_events()));
  REQUIRE(receipt);
  CHECK(receipt->version == 2);
  CHECK((receipt->status == domain::receipts::status::voided));
  CHECK(receipt->number == 42);
}

TEST_CASE("no bytes are no events") {
  CHECK(decode_reservation_events("")->empty());
  CHECK(decode_reservation_events(encode_events(std::vector<domain::reservation_event>{}))->empty());
}

TEST_CASE("every truncation of a record is an error") {
  const auto bytes = encode_events(all_reservation_events());
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_reservation_events(std::string_view{bytes}.substr(0, size)));
    CHECK_FALSE(storage::fold_reservation(std::string_view{bytes}.substr(0, size)));
  }
}

TEST_CASE("damage is named with its offset") {
  CHECK(error_of("\5\1") == "offset 1: truncated record");
  CHECK(error_of(std::string{"\0", 1}) == "offset 1: truncated");
  CHECK(error_of("\1\3") == "offset 2: unknown format version");
  CHECK(error_of(record("\1\x0e\2")) == "offset 4: unknown event tag");
  CHECK(error_of(record("\1\x20\2")) == "offset 4: unknown event tag");
  CHECK(error_of(record("\2\2\2")) == "offset 3: more events than bytes");
  CHECK(error_of(record("\1\2\2\2")) == "offset 5: bytes behind the last event");
  CHECK(error_of(record("\1\7\2\6")) == "offset 6: unknown cancel reason");
  CHECK(error_of(record("\1\x0d\2\3")) == "offset 6: unknown operator action");
  CHECK(error_of(record("\1\3\2\2x")) == "offset 6: truncated text");
  CHECK(error_of(record({"\1\1\2\1\2", 5})) == "offset 7: presence is neither 0 nor 1");
  CHECK(error_of(record({"\1\2\x80\0", 4})) == "offset 6: number longer than needed");
  CHECK(error_of(record("\1\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\2")) == "offset 14: number beyond 64 bits");
}

TEST_CASE("a second record's damage is named with its offset from the start of all bytes") {
  const auto first = record("\1\2\2");
  CHECK(error_of(first + "\1\3") ==
        "offset " + std::to_string(first.size() + 2) + ": unknown format version");
}
