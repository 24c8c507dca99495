// The decision table of ARCHITECTURE.md, over every payment adapter with its real provider: what
// the provider does -> the reservation's state, what the customer hears, what a repeated request
// hears, and what the provider's ledger says. The engine runs on virtual time, the adapter on
// real threads, sockets and files.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http/answers.hpp"
#include "http/media_type.hpp"
#include "tests/support/provider_bridge.hpp"
#include "tests/support/provider_rigs.hpp"
#include "tests/support/shard_keys.hpp"
#include "tests/support/virtual_engine.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using domain::cancel_reason;
using domain::payment_status;
using domain::receipt_status;
using domain::reservation_status;
using payments::ledger_entry;
using payments::sandbox_knobs;
using testing::rig;

namespace {

constexpr auto patience = 20s;
constexpr auto lands_late_after = 1500ms;
const std::string good_card = "1234123412341234";

const http::client customer{
    .base = "http://shop:8088", .media_type = http::json_media_type, .path = "/preReservations"};

/// The whole engine in front of one adapter, and one customer with one key.
class shop {
 public:
  explicit shop(rig& provider)
      : rig_(provider), bridge_([this]() -> payments::provider& { return rig_.port(); }), engine_(&bridge_) {}
  ~shop() { bridge_.crash(); }

  testing::virtual_engine& engine() { return engine_; }
  testing::provider_bridge& bridge() { return bridge_; }

  /// Of the price from now on. The sandbox takes no XTS.
  void use_currency(const std::string& code) { currency_ = code; }
  void place(const std::string& card = good_card) { placed_ = engine_.place(request(card)); }
  void cancel() { cancelled_ = engine_.cancel(1); }

  /// A step of an actor or a port, or an answer of the provider. False where nothing is to be done
  /// before time passes.
  bool step() { return engine_.step() || bridge_.take_one(engine_.jobs); }
  void settle_down() {
    while (step()) {
    }
  }
  /// Lets time pass until the reservation is at rest, for ten minutes at most.
  bool comes_to_rest() {
    constexpr auto grain = 50ms;
    for (auto waited = 0ms; waited < 10min; waited += grain) {
      settle_down();
      if (const auto state = stored(); state.version > 0 && domain::finished(state)) return true;
      engine_.advance(grain);
    }
    return false;
  }
  void advance(std::chrono::seconds by) {
    for (auto left = by; left.count() > 0; left -= 1s) {
      settle_down();
      engine_.advance(1s);
    }
    settle_down();
  }

  /// kill -9 of the process, which cuts off whoever waits, and its next start.
  void crash() {
    placed_.reset();
    cancelled_.reset();
    bridge_.crash();
    engine_.crash();
    rig_.restart_adapter();
    bridge_.restart();
    engine_.start();
  }

  domain::reservation stored() { return engine_.stored(1); }

  /// 0 where nothing has been answered.
  http::response placement_answer() const {
    if (!placed_ || !placed_->has_value())
      return {.status = 0, .content_type = {}, .body = {}, .headers = {}};
    return http::answer_placement(customer, **placed_);
  }
  unsigned cancellation_status() const {
    if (!cancelled_ || !cancelled_->has_value()) return 0;
    return http::answer_cancellation(customer, 1, **cancelled_).status;
  }
  /// The same request with the same key.
  http::response repeat(const std::string& card = good_card) {
    const auto again = engine_.place(request(card));
    settle_down();
    REQUIRE(again->has_value());
    return http::answer_placement(customer, **again);
  }

 private:
  actors::placement_request request(const std::string& card) const {
    auto wanted = testing::a_placement({{key(), 1}});
    wanted.what.price.currency = currency_;
    wanted.card_number = domain::secret(card);
    return wanted;
  }
  /// Goes to shard 0, so that its reservation is number 1.
  static const std::string& key() {
    static const std::string first = testing::shard_keys(0).next();
    return first;
  }

  rig& rig_;
  std::string currency_ = "KRW";
  testing::provider_bridge bridge_;
  testing::virtual_engine engine_;
  std::shared_ptr<std::optional<actors::placement_answer>> placed_;
  std::shared_ptr<std::optional<actors::cancellation_answer>> cancelled_;
};

struct books {
  long captures = 0;
  long refunds = 0;
  std::int64_t net = 0;
};
books books_of(rig& provider) {
  books sums;
  for (const auto& entry : provider.ledger()) {
    const bool charge = entry.what == ledger_entry::kind::charge;
    ++(charge ? sums.captures : sums.refunds);
    sums.net += charge ? entry.price.amount_minor : -entry.price.amount_minor;
  }
  return sums;
}

bool landed(rig& provider) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (books_of(provider).captures == 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

template <double sandbox_knobs::*Rate>
sandbox_knobs always() {
  sandbox_knobs knobs;
  knobs.*Rate = 1;
  knobs.lands_late_after = lands_late_after;
  return knobs;
}
sandbox_knobs with_outage() {
  sandbox_knobs knobs;
  knobs.outage = true;
  return knobs;
}

/// What holds of every story that has come to rest, whatever happened in it.
void check_that_all_agree(shop& at, rig& provider) {
  const auto state = at.stored();
  const auto books = books_of(provider);
  CHECK(books.captures <= 1);
  CHECK(books.refunds <= books.captures);
  const bool kept = state.status == reservation_status::reservated;
  CHECK(books.net == (kept ? state.what.price.amount_minor : 0));
  if (kept) {
    CHECK(state.payment == payment_status::paid);
    CHECK(state.receipt == receipt_status::receipt_issued);
  } else {
    CHECK(state.status == reservation_status::reservation_cancelled);
    CHECK(state.receipt != receipt_status::receipt_issued);
    CHECK(state.receipt != receipt_status::receipt_pending);
  }
  if (!state.receipt_no.empty()) CHECK(state.receipt_no == "0-1");
}

/// One row: what happens, and what comes of it.
struct row {
  const char* what;
  /// Places, turns knobs, cancels, and lets time pass where it has to.
  std::function<void(shop&, rig&)> story;

  unsigned answered;
  unsigned answered_again;
  reservation_status reservation;
  payment_status payment;
  receipt_status receipt;
  cancel_reason reason;
  long captures;
  long refunds;
  /// 0 where nobody cancels.
  unsigned cancellation = 0;
  std::string card = good_card;
};

constexpr auto reservated = reservation_status::reservated;
constexpr auto cancelled = reservation_status::reservation_cancelled;

const row table[] = {
    {"captured", [](shop& at, rig&) { at.place(); },  //
     201, 201, reservated, payment_status::paid, receipt_status::receipt_issued, cancel_reason::none, 1, 0},
    {"declined", [](shop& at, rig&) { at.place("4000000000000002"); },  //
     402, 402, cancelled, payment_status::payment_declined, receipt_status::none,
     cancel_reason::payment_declined, 0, 0, 0, "4000000000000002"},
    {"insufficient funds", [](shop& at, rig&) { at.place("4000000000009995"); },  //
     402, 402, cancelled, payment_status::payment_declined, receipt_status::none,
     cancel_reason::payment_declined, 0, 0, 0, "4000000000009995"},
    {"fails to process", [](shop& at, rig&) { at.place("4000000000000119"); },  //
     402, 402, cancelled, payment_status::payment_declined, receipt_status::none,
     cancel_reason::payment_declined, 0, 0, 0, "4000000000000119"},
    {"the provider refuses to make such a charge",
     [](shop& at, rig&) {
       at.use_currency("XTS");
       at.place();
     },
     503, 503, cancelled, payment_status::payment_failed, receipt_status::none,
     cancel_reason::payment_unavailable, 0, 0},
    {"connections refused",
     [](shop& at, rig& provider) {
       provider.turn(with_outage());
       at.place();
       at.settle_down();
       provider.turn({});
     },
     503, 503, cancelled, payment_status::payment_failed, receipt_status::none,
     cancel_reason::payment_unavailable, 0, 0},
    {"a server error, then well: settled as not charged",
     [](shop& at, rig& provider) {
       provider.turn(always<&sandbox_knobs::fail_rate>());
       at.place();
       while (at.bridge().settles == 0) REQUIRE(at.step());
       provider.turn({});
     },
     503, 503, cancelled, payment_status::payment_failed, receipt_status::none,
     cancel_reason::payment_unavailable, 0, 0},
    {"charged, and no answer: settled as captured",
     [](shop& at, rig& provider) {
       provider.turn(always<&sandbox_knobs::hang_after_charge_rate>());
       at.place();
     },
     201, 201, reservated, payment_status::paid, receipt_status::receipt_issued, cancel_reason::none, 1, 0},
    {"charged, no answer, and the key forgotten: still charged once",
     [](shop& at, rig& provider) {
       auto knobs = always<&sandbox_knobs::hang_after_charge_rate>();
       knobs.forget_keys_rate = 1;
       provider.turn(knobs);
       at.place();
     },
     201, 201, reservated, payment_status::paid, receipt_status::receipt_issued, cancel_reason::none, 1, 0},
    {"would land after its time-out: settled before, and it never lands",
     [](shop& at, rig& provider) {
       provider.turn(always<&sandbox_knobs::lands_late_rate>());
       at.place();
       at.settle_down();
       // When another one has landed, that was sent later, this one was due before.
       auto probe = testing::provider_bridge([&]() -> payments::provider& { return provider.port(); });
       probe.charge({999, {1, "KRW"}, domain::secret(std::string(good_card)), {}, "probe"}, [](auto) {});
       REQUIRE(landed(provider));
       CHECK(books_of(provider).net == 1);
       provider.turn({});
       probe.refund({999, {1, "KRW"}, provider.ledger().back().transaction_id, "probe-back"}, [](auto) {});
       while (probe.calls_out() > 0) probe.take_one(at.engine().jobs);
     },
     // The probe's capture and refund are in the ledger too.
     503, 503, cancelled, payment_status::payment_failed, receipt_status::none,
     cancel_reason::payment_unavailable, 1, 1},
    {"landed after its time-out, before it could be settled: goes on as paid",
     [](shop& at, rig& provider) {
       provider.turn(always<&sandbox_knobs::lands_late_rate>());
       at.place();
       while (at.bridge().charges == 0 || at.bridge().calls_out() > 0) REQUIRE(at.step());
       auto failing = always<&sandbox_knobs::fail_rate>();
       provider.turn(failing);
       at.advance(6s);
       REQUIRE(landed(provider));
       provider.turn({});
     },
     202, 201, reservated, payment_status::paid, receipt_status::receipt_issued, cancel_reason::none, 1, 0},
    {"paid, then cancelled",
     [](shop& at, rig&) {
       at.place();
       at.settle_down();
       at.cancel();
     },
     201, 201, cancelled, payment_status::payment_cancelled, receipt_status::receipt_cancelled,
     cancel_reason::customer, 1, 1, 204},
    {"paid, then cancelled, and the refund fails three times",
     [](shop& at, rig& provider) {
       at.place();
       at.settle_down();
       sandbox_knobs knobs;
       knobs.refund_failures = 3;
       provider.turn(knobs);
       at.cancel();
     },
     201, 201, cancelled, payment_status::payment_cancelled, receipt_status::receipt_cancelled,
     cancel_reason::customer, 1, 1, 204},
    {"paid, then cancelled in an outage: accepted, and refunded afterwards",
     [](shop& at, rig& provider) {
       at.place();
       at.settle_down();
       provider.turn(with_outage());
       at.cancel();
       at.advance(3s);
       provider.turn({});
     },
     201, 201, cancelled, payment_status::payment_cancelled, receipt_status::receipt_cancelled,
     cancel_reason::customer, 1, 1, 202},
    {"cancelled while the charge is under way, which succeeds: refunded",
     [](shop& at, rig&) {
       at.place();
       while (at.bridge().charges == 0) REQUIRE(at.step());
       at.cancel();
     },
     409, 409, cancelled, payment_status::payment_cancelled, receipt_status::receipt_cancelled,
     cancel_reason::customer, 1, 1, 204},
    {"cancelled while the charge is under way, which is declined",
     [](shop& at, rig&) {
       at.place("4000000000000002");
       while (at.bridge().charges == 0) REQUIRE(at.step());
       at.cancel();
     },
     409, 409, cancelled, payment_status::payment_declined, receipt_status::none, cancel_reason::customer, 0,
     0, 204, "4000000000000002"},
    {"cancelled while the charge is under way, which gets no answer: settled, refunded",
     [](shop& at, rig& provider) {
       provider.turn(always<&sandbox_knobs::hang_after_charge_rate>());
       at.place();
       while (at.bridge().charges == 0) REQUIRE(at.step());
       at.cancel();
     },
     409, 409, cancelled, payment_status::payment_cancelled, receipt_status::receipt_cancelled,
     cancel_reason::customer, 1, 1, 204},
    {"cancelled while the receipt is being issued: void, refunded",
     [](shop& at, rig&) {
       at.place();
       while (at.placement_answer().status == 0) REQUIRE(at.step());
       REQUIRE(at.stored().receipt == receipt_status::receipt_pending);
       at.cancel();
     },
     201, 201, cancelled, payment_status::payment_cancelled, receipt_status::receipt_cancelled,
     cancel_reason::customer, 1, 1, 204},
    {"crashed with the charge under way, which succeeded: settled as captured",
     [](shop& at, rig& provider) {
       at.place();
       while (at.bridge().charges == 0) REQUIRE(at.step());
       REQUIRE(landed(provider));
       at.crash();
     },
     0, 201, reservated, payment_status::paid, receipt_status::receipt_issued, cancel_reason::none, 1, 0},
    {"crashed before the charge: interrupted",
     [](shop& at, rig&) {
       at.place();
       while (at.bridge().charges == 0 && at.stored().version == 0) REQUIRE(at.step());
       REQUIRE(at.bridge().charges == 0);
       at.crash();
     },
     0, 503, cancelled, payment_status::payment_failed, receipt_status::none,
     cancel_reason::payment_interrupted, 0, 0},
    {"the same, and the provider refuses to make such a charge",
     [](shop& at, rig&) {
       at.use_currency("XTS");
       at.place();
       while (at.bridge().charges == 0 && at.stored().version == 0) REQUIRE(at.step());
       REQUIRE(at.bridge().charges == 0);
       at.crash();
     },
     0, 503, cancelled, payment_status::payment_failed, receipt_status::none,
     cancel_reason::payment_interrupted, 0, 0},
};

template <class Case>
void over_all_adapters(Case body) {
  for (const auto& each : testing::provider_rigs) {
    CAPTURE(each.name);
    const auto provider = each.make();
    body(*provider);
  }
}

}  // namespace

TEST_CASE("the decision table holds, row by row, over every adapter") {
  for (const auto& row : table) {
    CAPTURE(row.what);
    over_all_adapters([&](rig& provider) {
      shop at(provider);
      row.story(at, provider);
      REQUIRE(at.comes_to_rest());

      const auto first = at.placement_answer();
      CHECK(first.status == row.answered);
      CHECK(at.cancellation_status() == row.cancellation);
      const auto state = at.stored();
      CHECK(state.status == row.reservation);
      CHECK(state.payment == row.payment);
      CHECK(state.receipt == row.receipt);
      CHECK(state.reason == row.reason);
      const auto again = at.repeat(row.card);
      CHECK(again.status == row.answered_again);
      if (first.status == again.status) CHECK(again.body == first.body);
      const auto books = books_of(provider);
      CHECK(books.captures == row.captures);
      CHECK(books.refunds == row.refunds);
      CHECK(books.net == (row.reservation == reservated ? 1'300'000 : 0));
      CHECK(at.bridge().charges == 1 - (row.reason == cancel_reason::payment_interrupted ? 1 : 0));
    });
  }
}

TEST_CASE("a cancellation between any two steps leaves nothing half done") {
  for (const auto& each : testing::provider_rigs) {
    CAPTURE(each.name);
    bool at_rest_before = false;
    for (int steps = 1; !at_rest_before; ++steps) {
      CAPTURE(steps);
      const auto provider = each.make();
      shop at(*provider);
      at.place();
      for (int i = 0; i < steps && !at_rest_before; ++i) at_rest_before = !at.step();
      at.cancel();
      if (at.stored().version == 0) at.settle_down();
      REQUIRE(at.comes_to_rest());
      check_that_all_agree(at, *provider);
      // One that came before the reservation was there is told so, and the order stands.
      const bool too_early = at.cancellation_status() == 404;
      CHECK((too_early || at.cancellation_status() == 204));
      CHECK((at.stored().status == (too_early ? reservated : cancelled)));
    }
  }
}

TEST_CASE("after a crash between any two steps the saga ends, and all books agree") {
  for (const auto& each : testing::provider_rigs) {
    CAPTURE(each.name);
    bool over = false;
    for (int steps = 1; !over; ++steps) {
      CAPTURE(steps);
      const auto provider = each.make();
      shop at(*provider);
      int done = 0;
      const auto up_to_the_crash = [&] {
        while (done < steps && at.step()) ++done;
      };
      at.place();
      up_to_the_crash();
      if (done < steps) at.cancel();
      up_to_the_crash();
      over = done < steps;
      at.crash();
      if (at.stored().version == 0) continue;  // it was not acknowledged either
      REQUIRE(at.comes_to_rest());
      check_that_all_agree(at, *provider);
    }
  }
}
