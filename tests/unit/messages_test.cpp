// Every message that may cross nodes arrives as it was sent: registered, and with all its fields.
#include <doctest/doctest.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/message.hpp>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "actors/type_registry.hpp"

using namespace holdfast;

namespace {

struct node_config : caf::actor_system_config {
  node_config() { actors::register_messages(*this); }
};

/// The message as another node gets it.
template <class Message>
Message across(const Message& sent) {
  node_config config;
  caf::actor_system system(config);
  std::vector<char> bytes;
  caf::binary_serializer sink(system, bytes);
  caf::message out = caf::make_message(sent);
  REQUIRE_FALSE(sink(out));
  caf::binary_deserializer source(system, bytes);
  caf::message in;
  REQUIRE_FALSE(source(in));
  REQUIRE(in.match_elements<Message>());
  return in.get_as<Message>(0);
}

actors::place_reservation a_placement() {
  actors::place_reservation sent;
  sent.request.what = {7, "서울 강남구", 3, "fold", {1'300'000, "KRW"}, "1234"};
  sent.request.card_number = domain::secret(std::string("1234123412341234"));
  sent.request.payment_method = domain::secret(std::string("tok_1"));
  sent.request.key = storage::idempotency_claim{"key", 42};
  return sent;
}

}  // namespace

TEST_CASE("a placement crosses with its order, its card and its key") {
  const auto sent = a_placement();
  const auto got = across(sent);
  CHECK(got.request.what == sent.request.what);
  CHECK(got.request.card_number.reveal() == "1234123412341234");
  CHECK(got.request.payment_method.reveal() == "tok_1");
  REQUIRE(got.request.key);
  CHECK(got.request.key->key == "key");
  CHECK(got.request.key->fingerprint == 42);
}

TEST_CASE("a placement of nothing but a user crosses with its fields absent") {
  actors::place_reservation sent;
  sent.request.what.user_id = 1;
  const auto got = across(sent);
  CHECK(got.request.what == sent.request.what);
  CHECK(got.request.card_number.empty());
  CHECK_FALSE(got.request.key);
}

TEST_CASE("a card is never printed with its message") {
  const auto text = caf::deep_to_string(a_placement());
  CHECK(text.find("1234123412341234") == std::string::npos);
  CHECK(text.find("tok_1") == std::string::npos);
  CHECK(text.find("****") != std::string::npos);
}

TEST_CASE("answers to placements cross") {
  const actors::placement_answer sent{actors::placement_status::decided, 257, std::string("\0\1records", 9),
                                      true, domain::rejection::price_negative};
  const auto got = across(sent);
  CHECK(got.status == sent.status);
  CHECK(got.id == sent.id);
  CHECK(got.records == sent.records);
  CHECK(got.replayed);
  CHECK(got.refused == sent.refused);
}

TEST_CASE("cancellations and replays cross") {
  const auto cancel = across(actors::cancel_reservation{9, domain::cancel_reason::by_operator});
  CHECK(cancel.id == 9);
  CHECK(cancel.reason == domain::cancel_reason::by_operator);
  CHECK_FALSE(cancel.of_user);
  const auto of_user = across(actors::cancel_reservation{9, domain::cancel_reason::customer, 41}).of_user;
  REQUIRE(of_user);
  CHECK(*of_user == 41);
  CHECK(across(actors::cancellation_answer{actors::cancellation_status::in_progress}).status ==
        actors::cancellation_status::in_progress);
  const auto replay = across(actors::replay_placement{12, false});
  CHECK(replay.owner == 12);
  CHECK_FALSE(replay.same_fields);
}

TEST_CASE("operators' commands cross") {
  const auto got =
      across(actors::operator_command{257, domain::operator_action::retry, "mina", "well again", 7});
  CHECK(got.id == 257);
  CHECK(got.action == domain::operator_action::retry);
  CHECK(got.who == "mina");
  CHECK(got.why == "well again");
  CHECK(across(actors::operation_answer{actors::operation_status::unchanged}).status ==
        actors::operation_status::unchanged);
}

TEST_CASE("commands to the receipt desk and its answers cross") {
  const auto issue = across(actors::issue_receipt{5, 1'795'000'000'123, true});
  CHECK(issue.reservation == 5);
  CHECK(issue.paid_at_ms == 1'795'000'000'123);
  CHECK(issue.first_attempt);
  CHECK(across(actors::void_receipt{6}).reservation == 6);
  const auto answer = across(actors::receipt_answer{true, "4-17", 1'796'000'000'000, 540});
  CHECK(answer.is_void);
  CHECK(answer.receipt_no == "4-17");
  CHECK(answer.expected_delivery_at_ms == 1'796'000'000'000);
  CHECK(answer.utc_offset_minutes == 540);
}

TEST_CASE("every command crosses with its trace") {
  const tracing::trace_context trace{0x0af7651916cd43ddu, 0x8448eb211c80319cu, 0xb7ad6b7169203331u, 1};
  auto placement = a_placement();
  placement.request.trace = trace;
  CHECK(across(placement).request.trace == trace);
  CHECK(across(actors::cancel_reservation{9, domain::cancel_reason::customer, 41, trace}).trace == trace);
  CHECK(across(actors::operator_command{257, domain::operator_action::retry, "mina", "well again", 7, trace})
            .trace == trace);
  CHECK(across(actors::issue_receipt{5, 1, true, false, trace}).trace == trace);
  CHECK(across(actors::void_receipt{6, false, trace}).trace == trace);
}
