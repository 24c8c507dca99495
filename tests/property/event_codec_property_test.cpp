// Whatever events there are, they come back from their bytes; whatever bytes there are, the
// decoder answers.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "storage/event_codec.hpp"

using namespace holdfast;

namespace {

template <class T>
auto any() {
  return *rc::gen::arbitrary<T>();
}

domain::timestamp any_time() {
  return domain::timestamp{std::chrono::milliseconds{any<std::int64_t>()}};
}
domain::zoned_timestamp any_zoned_time() {
  return {any_time(), std::chrono::minutes{any<std::int64_t>()}};
}
template <class T, class Generate>
std::optional<T> perhaps(Generate generate) {
  return any<bool>() ? std::optional<T>{generate()} : std::nullopt;
}
domain::cancel_reason any_reason() {
  return static_cast<domain::cancel_reason>(*rc::gen::inRange(0, 6));
}
domain::order any_order() {
  return {any<std::uint64_t>(),
          perhaps<std::string>(any<std::string>),
          perhaps<std::uint64_t>(any<std::uint64_t>),
          perhaps<std::string>(any<std::string>),
          {any<std::int64_t>(), any<std::string>()},
          perhaps<std::string>(any<std::string>)};
}

domain::reservation_event any_reservation_event() {
  switch (*rc::gen::inRange(0, 13)) {
    case 0:
      return domain::reservation_placed{any_time(), any_order()};
    case 1:
      return domain::payment_unresolved{any_time()};
    case 2:
      return domain::payment_captured{any_time(), any<std::string>()};
    case 3:
      return domain::payment_declined{any_time(), any<std::string>()};
    case 4:
      return domain::payment_failed{any_time()};
    case 5:
      return domain::receipt_issued{any_time(), any<std::string>(), any_zoned_time()};
    case 6:
      return domain::cancellation_requested{any_time(), any_reason()};
    case 7:
      return domain::receipt_voided{any_time(), any<std::string>(),
                                    perhaps<domain::zoned_timestamp>(any_zoned_time)};
    case 8:
      return domain::payment_refunded{any_time(), any<std::string>()};
    case 9:
      return domain::reservation_cancelled{any_time(), any_reason()};
    case 10:
      return domain::reservation_parked{any_time(), any<std::string>()};
    case 11:
      return domain::reservation_resumed{any_time()};
    default:
      return domain::operator_intervened{any_time(),
                                         static_cast<domain::operator_action>(*rc::gen::inRange(0, 3)),
                                         any<std::string>(), any<std::string>()};
  }
}

domain::receipts::event any_receipt_event() {
  if (any<bool>()) {
    return domain::receipts::voided{any_time()};
  }
  return domain::receipts::issued{any_time(), any<std::uint64_t>(), any_zoned_time()};
}

template <class Event, class Generate>
std::vector<Event> some(Generate generate) {
  std::vector<Event> events(*rc::gen::inRange<std::size_t>(0, 12));
  for (auto& event : events) {
    event = generate();
  }
  return events;
}
auto some_reservation_events() {
  return some<domain::reservation_event>(any_reservation_event);
}
auto some_receipt_events() {
  return some<domain::receipts::event>(any_receipt_event);
}

/// Decodes bytes that nobody vouches for in every way there is.
void decode_all_ways(std::string_view bytes) {
  const auto events = storage::decode_reservation_events(bytes);
  RC_ASSERT(storage::fold_reservation(bytes).has_value() == events.has_value());
  RC_ASSERT((events.has_value() || !events.error().message.empty()));
  const auto receipt_events = storage::decode_receipt_events(bytes);
  RC_ASSERT(storage::fold_receipt(bytes).has_value() == receipt_events.has_value());
  RC_ASSERT((receipt_events.has_value() || !receipt_events.error().message.empty()));
}

}  // namespace

TEST_CASE("reservation events come back from their bytes") {
  CHECK(rc::check([] {
    const auto events = some_reservation_events();
    const auto decoded = storage::decode_reservation_events(storage::encode_events(events));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT((*decoded == events));
  }));
}

TEST_CASE("receipt events come back from their bytes") {
  CHECK(rc::check([] {
    const auto events = some_receipt_events();
    const auto decoded = storage::decode_receipt_events(storage::encode_events(events));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT((*decoded == events));
  }));
}

TEST_CASE("records one behind the other hold the events of all of them, in order") {
  CHECK(rc::check([] {
    auto all = some_reservation_events();
    const auto more = some_reservation_events();
    const auto bytes = storage::encode_events(all) + storage::encode_events(more);
    all.insert(all.end(), more.begin(), more.end());
    const auto decoded = storage::decode_reservation_events(bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT((*decoded == all));
  }));
}

TEST_CASE("what was decoded has no other bytes than those it was decoded from") {
  CHECK(rc::check([] {
    auto bytes = storage::encode_events(some_reservation_events());
    // Behind the length, so that it stays one record.
    bytes[*rc::gen::inRange<std::size_t>(2, bytes.size())] = any<char>();
    const auto decoded = storage::decode_reservation_events(bytes);
    if (decoded) {
      RC_ASSERT(storage::encode_events(*decoded) == bytes);
    }
  }));
}

TEST_CASE("damaged records are decoded or refused, never more") {
  CHECK(rc::check([] {
    auto bytes =
        storage::encode_events(some_reservation_events()) + storage::encode_events(some_receipt_events());
    for (auto flips = *rc::gen::inRange(1, 8); flips > 0; --flips) {
      auto& byte = bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())];
      byte = static_cast<char>(byte ^ (1 << *rc::gen::inRange(0, 8)));
    }
    decode_all_ways(bytes);
    decode_all_ways(std::string_view{bytes}.substr(0, *rc::gen::inRange<std::size_t>(0, bytes.size())));
  }));
}

TEST_CASE("random bytes are decoded or refused, never more") {
  CHECK(rc::check([] { decode_all_ways(any<std::string>()); }));
}
