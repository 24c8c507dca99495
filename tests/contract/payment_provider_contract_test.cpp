// One contract for every payment adapter: each case runs over all rigs in `adapters`. A rig is
// an adapter together with the provider behind it, whose knobs and ledger the cases see.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "payments/provider.hpp"
#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_ledger.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/provider_rigs.hpp"

using namespace std::chrono_literals;
using namespace holdfast::payments;
using holdfast::testing::eventually;
using holdfast::testing::rig;
namespace domain = holdfast::domain;

namespace {

constexpr auto call_timeout = holdfast::testing::rig_timeout;
constexpr auto lands_late_after = 1500ms;
constexpr auto patience = 20s;

charge_request charge_of(domain::reservation_id reservation, const std::string& card = "1234123412341234") {
  charge_request request;
  request.reservation = reservation;
  request.price = {1'300'000, "KRW"};
  request.card_number = domain::secret(card);
  request.idempotency_key = "charge-" + std::to_string(reservation);
  return request;
}

settle_request settle_of(domain::reservation_id reservation) {
  return {reservation, {1'300'000, "KRW"}, "charge-" + std::to_string(reservation)};
}

refund_request refund_of(domain::reservation_id reservation, const std::string& transaction_id) {
  return {reservation, {1'300'000, "KRW"}, transaction_id, "refund-" + std::to_string(reservation)};
}

/// Waits for a call's callback. The promise throws if it is called twice.
template <class Answer, class Call>
Answer await(Call&& start) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();
  start([promise](Answer answer) { promise->set_value(std::move(answer)); });
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  return future.get();
}

charge_answer charge(rig& at, charge_request request) {
  return await<charge_answer>([&](auto done) { at.port().charge(std::move(request), done); });
}
settle_answer settle(rig& at, domain::reservation_id reservation) {
  return await<settle_answer>([&](auto done) { at.port().settle(settle_of(reservation), done); });
}
refund_answer refund(rig& at, refund_request request) {
  return await<refund_answer>([&](auto done) { at.port().refund(std::move(request), done); });
}

long charges_in(const std::vector<ledger_entry>& ledger, domain::reservation_id reservation) {
  return std::count_if(ledger.begin(), ledger.end(), [&](const auto& entry) {
    return entry.reservation == reservation && entry.what == ledger_entry::kind::charge;
  });
}
long refunds_in(const std::vector<ledger_entry>& ledger, domain::reservation_id reservation) {
  return std::count_if(ledger.begin(), ledger.end(), [&](const auto& entry) {
    return entry.reservation == reservation && entry.what == ledger_entry::kind::refund;
  });
}

sandbox_knobs always_lands_late() {
  sandbox_knobs knobs;
  knobs.lands_late_rate = 1;
  knobs.lands_late_after = lands_late_after;
  return knobs;
}

sandbox_knobs always_hangs_after_the_charge() {
  sandbox_knobs knobs;
  knobs.hang_after_charge_rate = 1;
  return knobs;
}

template <class Case>
void over_all_adapters(Case body) {
  for (const auto& each : holdfast::testing::provider_rigs) {
    CAPTURE(each.name);
    auto at = each.make();
    body(*at);
  }
}

}  // namespace

TEST_CASE("a card is charged: captured, with one line in the ledger") {
  over_all_adapters([](rig& at) {
    const auto answer = charge(at, charge_of(257));
    CHECK(answer.status == charge_status::captured);
    CHECK_FALSE(answer.transaction_id.empty());
    const auto ledger = at.ledger();
    REQUIRE(ledger.size() == 1);
    CHECK(ledger[0].idempotency_key == "charge-257");
    CHECK(ledger[0].reservation == 257);
    CHECK(ledger[0].price == domain::money{1'300'000, "KRW"});
    CHECK(ledger[0].what == ledger_entry::kind::charge);
    CHECK(ledger[0].at.time_since_epoch().count() > 0);
  });
}

TEST_CASE("a charge whose reservation was lost meanwhile moves no money, and no provider is ill for it") {
  over_all_adapters([](rig& at) {
    sandbox_knobs knobs;
    // So that nothing but the question keeps it from landing.
    knobs.forget_keys_rate = 1;
    at.turn(knobs);
    CHECK(settle(at, 257).status == settle_status::not_charged);
    auto request = charge_of(257);
    request.still_owned = [] { return false; };
    const auto answer = charge(at, std::move(request));
    CHECK(answer.status == charge_status::unknown);
    CHECK(answer.reason == reservation_lost);
    CHECK(answer.provider_is_well);
    CHECK(at.ledger().empty());
  });
}

TEST_CASE("a charge whose reservation is still its owner's is made") {
  over_all_adapters([](rig& at) {
    auto request = charge_of(257);
    request.still_owned = [] { return true; };
    CHECK(charge(at, std::move(request)).status == charge_status::captured);
  });
}

TEST_CASE("a price of nothing and a missing card are charged too") {
  over_all_adapters([](rig& at) {
    auto request = charge_of(1, "");
    request.price = {0, "KRW"};
    const auto answer = charge(at, std::move(request));
    CHECK(answer.status == charge_status::captured);
    CHECK(refund(at, {1, {0, "KRW"}, answer.transaction_id, "refund-1"}).status == refund_status::refunded);
  });
}

TEST_CASE("a charge that the provider refuses to make is not charged, and settled as such") {
  over_all_adapters([](rig& at) {
    auto refused = charge_of(1);
    refused.price.currency = "XTS";
    const auto charged = charge(at, refused);
    CHECK(charged.status == charge_status::not_charged);
    CHECK(charged.reason == "parameter_invalid");
    CHECK(charged.provider_is_well);
    auto interrupted = settle_of(2);
    interrupted.price.currency = "XTS";
    const auto settled = await<settle_answer>([&](auto done) { at.port().settle(interrupted, done); });
    CHECK(settled.status == settle_status::not_charged);
    CHECK(at.ledger().empty());
  });
}

TEST_CASE("the test cards are declined for their reasons and leave the ledger empty") {
  over_all_adapters([](rig& at) {
    CHECK(charge(at, charge_of(1, "4000000000000002")).reason == "card_declined");
    CHECK(charge(at, charge_of(2, "4000000000009995")).reason == "insufficient_funds");
    CHECK(charge(at, charge_of(3, "4000000000000119")).reason == "processing_error");
    CHECK(charge(at, charge_of(4, "4000000000000002")).status == charge_status::declined);
    CHECK(at.ledger().empty());
    CHECK(settle(at, 4).status == settle_status::not_charged);
  });
}

TEST_CASE("the same key is the same charge") {
  over_all_adapters([](rig& at) {
    const auto first = charge(at, charge_of(1));
    const auto again = charge(at, charge_of(1));
    CHECK(again.status == charge_status::captured);
    CHECK(again.transaction_id == first.transaction_id);
    CHECK(charge(at, charge_of(2, "4000000000009995")).status == charge_status::declined);
    CHECK(charge(at, charge_of(2, "4000000000009995")).reason == "insufficient_funds");
    CHECK(at.ledger().size() == 1);
  });
}

TEST_CASE("a forgotten key charges again, and settling keeps one capture and gives back the other") {
  over_all_adapters([](rig& at) {
    const auto first = charge(at, charge_of(1));
    sandbox_knobs knobs;
    knobs.forget_keys_rate = 1;
    at.turn(knobs);
    const auto second = charge(at, charge_of(1));
    CHECK(second.status == charge_status::captured);
    CHECK(second.transaction_id != first.transaction_id);
    for (int i = 0; i < 2; ++i) {
      const auto settled = settle(at, 1);
      CHECK(settled.status == settle_status::captured);
      CHECK(settled.transaction_id == first.transaction_id);
    }
    CHECK(charges_in(at.ledger(), 1) == 2);
    CHECK(refunds_in(at.ledger(), 1) == 1);
    CHECK(refund(at, refund_of(1, first.transaction_id)).status == refund_status::refunded);
    CHECK(refunds_in(at.ledger(), 1) == 2);
  });
}

TEST_CASE("charged and then no answer: unknown after the time-out, and settling finds it") {
  over_all_adapters([](rig& at) {
    at.turn(always_hangs_after_the_charge());
    const auto begin = std::chrono::steady_clock::now();
    CHECK(charge(at, charge_of(1)).status == charge_status::unknown);
    CHECK(std::chrono::steady_clock::now() - begin >= call_timeout);
    const auto settled = settle(at, 1);
    CHECK(settled.status == settle_status::captured);
    CHECK(settle(at, 1).transaction_id == settled.transaction_id);
    CHECK(refund(at, refund_of(1, settled.transaction_id)).status == refund_status::refunded);
    CHECK(charges_in(at.ledger(), 1) == 1);
    CHECK(refunds_in(at.ledger(), 1) == 1);
  });
}

TEST_CASE("a charge that lands after its time-out is found when it is settled later") {
  over_all_adapters([](rig& at) {
    at.turn(always_lands_late());
    CHECK(charge(at, charge_of(1)).status == charge_status::unknown);
    CHECK(eventually([&] { return charges_in(at.ledger(), 1) == 1; }));
    CHECK(settle(at, 1).status == settle_status::captured);
  });
}

TEST_CASE("settled as not charged is binding: a late charge never lands") {
  over_all_adapters([](rig& at) {
    at.turn(always_lands_late());
    CHECK(charge(at, charge_of(1)).status == charge_status::unknown);
    CHECK(settle(at, 1).status == settle_status::not_charged);
    // One that was sent after it and not settled: when it has landed, the first was due before.
    CHECK(charge(at, charge_of(2)).status == charge_status::unknown);
    CHECK(eventually([&] { return charges_in(at.ledger(), 2) == 1; }));
    CHECK(charges_in(at.ledger(), 1) == 0);
    CHECK(settle(at, 1).status == settle_status::not_charged);
  });
}

TEST_CASE("settling leaves alone what an earlier order of the same number was charged") {
  over_all_adapters([](rig& at) {
    const auto earlier = charge(at, charge_of(1));
    REQUIRE(earlier.status == charge_status::captured);
    // Of a store that was restored: the key has run out, and the number is given out again.
    auto later = settle_of(1);
    later.charge_key = "charge-1-again";
    later.placed_at =
        std::chrono::time_point_cast<domain::timestamp::duration>(std::chrono::system_clock::now()) +
        memory_of_keys + 1min;
    const auto settled = await<settle_answer>([&](auto done) { at.port().settle(later, done); });
    CHECK(settled.status == settle_status::not_charged);
    // Where the key is known all the same, nobody can say what of this is whose.
    later.charge_key = settle_of(1).charge_key;
    const auto with_its_key = await<settle_answer>([&](auto done) { at.port().settle(later, done); });
    CHECK(with_its_key.status == settle_status::unknown);
    auto charged_again = charge_of(1);
    charged_again.placed_at = later.placed_at;
    const auto answer = charge(at, std::move(charged_again));
    CHECK(answer.status == charge_status::unknown);
    CHECK(answer.reason == "another_intent");
    CHECK(charges_in(at.ledger(), 1) == 1);
    CHECK(refunds_in(at.ledger(), 1) == 0);
    CHECK(settle(at, 1).transaction_id == earlier.transaction_id);
  });
}

TEST_CASE("settling what was never charged says so") {
  over_all_adapters([](rig& at) {
    CHECK(settle(at, 9).status == settle_status::not_charged);
    CHECK(at.ledger().empty());
  });
}

TEST_CASE("a refund gives back a capture once, however often it is asked for") {
  over_all_adapters([](rig& at) {
    const auto charged = charge(at, charge_of(1));
    const auto first = refund(at, refund_of(1, charged.transaction_id));
    CHECK(first.status == refund_status::refunded);
    CHECK_FALSE(first.refund_id.empty());
    auto with_another_key = refund_of(1, charged.transaction_id);
    with_another_key.idempotency_key = "refund-1-again";
    CHECK(refund(at, refund_of(1, charged.transaction_id)).refund_id == first.refund_id);
    CHECK(refund(at, with_another_key).refund_id == first.refund_id);
    CHECK(refunds_in(at.ledger(), 1) == 1);
  });
}

TEST_CASE("nothing is refunded that was not captured") {
  over_all_adapters([](rig& at) {
    CHECK(refund(at, refund_of(1, "pi_1_1")).status == refund_status::unknown);
    CHECK(charge(at, charge_of(1, "4000000000000002")).status == charge_status::declined);
    CHECK(refund(at, refund_of(1, "pi_1_1")).status == refund_status::unknown);
    CHECK(at.ledger().empty());
  });
}

TEST_CASE("a refund that fails n times is unknown n times and then done once") {
  over_all_adapters([](rig& at) {
    const auto charged = charge(at, charge_of(1));
    sandbox_knobs knobs;
    knobs.refund_failures = 3;
    at.turn(knobs);
    for (int i = 0; i < 3; ++i) {
      CHECK(refund(at, refund_of(1, charged.transaction_id)).status == refund_status::unknown);
    }
    CHECK(refund(at, refund_of(1, charged.transaction_id)).status == refund_status::refunded);
    CHECK(refunds_in(at.ledger(), 1) == 1);
  });
}

TEST_CASE("an outage: charges certainly not made, the rest unknown, and nothing lost when it ends") {
  over_all_adapters([](rig& at) {
    const auto charged = charge(at, charge_of(1));
    sandbox_knobs knobs;
    knobs.outage = true;
    at.turn(knobs);
    CHECK(charge(at, charge_of(2)).status == charge_status::not_charged);
    CHECK(settle(at, 1).status == settle_status::unknown);
    CHECK(refund(at, refund_of(1, charged.transaction_id)).status == refund_status::unknown);
    CHECK(at.ledger().size() == 1);
    at.turn({});
    CHECK(settle(at, 1).status == settle_status::captured);
    CHECK(refund(at, refund_of(1, charged.transaction_id)).status == refund_status::refunded);
    CHECK(settle(at, 2).status == settle_status::not_charged);
  });
}

TEST_CASE("a provider that fails: unknown, and settled as not charged") {
  over_all_adapters([](rig& at) {
    sandbox_knobs knobs;
    knobs.fail_rate = 1;
    at.turn(knobs);
    CHECK(charge(at, charge_of(1)).status == charge_status::unknown);
    CHECK(settle(at, 1).status == settle_status::unknown);
    at.turn({});
    CHECK(settle(at, 1).status == settle_status::not_charged);
    CHECK(at.ledger().empty());
  });
}

TEST_CASE("an answer slower than the time-out is unknown, and the charge is there") {
  over_all_adapters([](rig& at) {
    sandbox_knobs knobs;
    knobs.latency_min = knobs.latency_max = call_timeout * 3;
    at.turn(knobs);
    CHECK(charge(at, charge_of(1)).status == charge_status::unknown);
    at.turn({});
    CHECK(settle(at, 1).status == settle_status::captured);
  });
}

TEST_CASE("many calls at once: each is called back once and charged once") {
  over_all_adapters([](rig& at) {
    constexpr int calls = 2000;
    sandbox_knobs knobs;
    knobs.latency_max = 20ms;
    at.turn(knobs);
    std::atomic<int> captured{0};
    std::atomic<int> callbacks{0};
    for (int i = 1; i <= calls; ++i) {
      at.port().charge(charge_of(i), [&](charge_answer answer) {
        if (answer.status == charge_status::captured) ++captured;
        ++callbacks;
      });
    }
    REQUIRE(eventually([&] { return callbacks == calls; }));
    at.close();
    CHECK(callbacks == calls);
    CHECK(at.ledger().size() >= static_cast<std::size_t>(captured.load()));
    CHECK(at.ledger().size() <= calls);
  });
}

TEST_CASE("destruction calls back what is open, each once") {
  over_all_adapters([](rig& at) {
    constexpr int half = 50;
    at.turn(always_hangs_after_the_charge());
    std::atomic<int> callbacks{0};
    std::atomic<int> known{0};
    const auto begin = [&](int reservation) {
      at.port().charge(charge_of(reservation), [&](charge_answer answer) {
        ++callbacks;
        if (answer.status != charge_status::unknown) ++known;
      });
    };
    // One half has reached the provider and hangs there, the other has just been called.
    for (int i = 1; i <= half; ++i) begin(i);
    CHECK(eventually([&] { return at.ledger().size() == half; }));
    for (int i = half + 1; i <= 2 * half; ++i) begin(i);
    at.close();
    CHECK(callbacks == 2 * half);
    CHECK(known == 0);
  });
}

TEST_CASE("closing calls back what is open at once, and answers every further call as unknown") {
  over_all_adapters([](rig& at) {
    at.turn(always_hangs_after_the_charge());
    std::atomic<int> callbacks{0};
    const auto unknown = [&](charge_answer answer) {
      CHECK(answer.status == charge_status::unknown);
      ++callbacks;
    };
    for (int i = 1; i <= 50; ++i) at.port().charge(charge_of(i), unknown);
    at.port().close();
    CHECK(callbacks == 50);
    at.port().charge(charge_of(51), unknown);
    CHECK(callbacks == 51);
    at.port().close();
  });
}

TEST_CASE("a callback may call again") {
  over_all_adapters([](rig& at) {
    const auto answer = await<settle_answer>([&](auto done) {
      at.port().charge(charge_of(1), [&at, done](charge_answer) { at.port().settle(settle_of(1), done); });
    });
    CHECK(answer.status == settle_status::captured);
  });
}

TEST_CASE("the ledger outlives the adapter: same keys, refunds and settlements hold") {
  over_all_adapters([](rig& at) {
    const auto charged = charge(at, charge_of(1));
    const auto refunded = charge(at, charge_of(2));
    const auto refund_before = refund(at, refund_of(2, refunded.transaction_id));
    CHECK(charge(at, charge_of(3, "4000000000009995")).status == charge_status::declined);
    at.turn(always_lands_late());
    CHECK(charge(at, charge_of(4)).status == charge_status::unknown);
    CHECK(settle(at, 4).status == settle_status::not_charged);
    at.close();
    at.open();
    CHECK(charge(at, charge_of(1)).transaction_id == charged.transaction_id);
    CHECK(settle(at, 1).transaction_id == charged.transaction_id);
    CHECK(refund(at, refund_of(2, refunded.transaction_id)).refund_id == refund_before.refund_id);
    CHECK(charge(at, charge_of(3, "4000000000009995")).reason == "insufficient_funds");
    CHECK(settle(at, 3).status == settle_status::not_charged);
    CHECK(settle(at, 4).status == settle_status::not_charged);
    CHECK(at.ledger().size() == 3);
    CHECK(refund(at, refund_of(1, charged.transaction_id)).status == refund_status::refunded);
  });
}

TEST_CASE("no card number is kept") {
  over_all_adapters([](rig& at) {
    const std::string canary = "5105105105105100";
    CHECK(charge(at, charge_of(1, canary)).status == charge_status::captured);
    at.close();
    for (const auto& file : std::filesystem::recursive_directory_iterator(at.folder())) {
      std::ifstream in(file.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(in), {}};
      CHECK(content.find(canary) == std::string::npos);
    }
  });
}
