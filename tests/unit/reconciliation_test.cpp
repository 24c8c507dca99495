// The comparison of a ledger with the reservations: every difference, what is healthy, and the
// boundaries between them; then the walk over a journal, the mending, and what is printed.
#include "reconciliation.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "reconciliation_mending.hpp"
#include "reconciliation_report.hpp"
#include "storage/event_codec.hpp"
#include "storage/memory_journal.hpp"
#include "stored_reservations.hpp"
#include "tests/support/seeded_reservations.hpp"

using namespace holdfast;
using namespace holdfast::domain;
using holdfast::testing::append_history;
using payments::money_movement;

namespace {

constexpr reservation_id id = 257;

reservation state_of(const std::string& history, reservation_id of = id) {
  return testing::seeded_state(history, of);
}

/// "+1:1300 -1:1300USD": captured under pi_257_1, refunded of it.
std::vector<money_movement> movements(const std::string& text, reservation_id of = id) {
  std::vector<money_movement> all;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    const auto currency = word.find_first_not_of("0123456789", colon + 1);
    money price{std::stoll(word.substr(colon + 1)), "KRW"};
    if (currency != std::string::npos) price.currency = word.substr(currency);
    all.push_back({word[0] == '+' ? money_movement::kind::charge : money_movement::kind::refund, of, price,
                   "pi_" + std::to_string(of) + "_" + word.substr(1, colon - 1)});
  }
  return all;
}

/// "surplus_charge 2 300, ...": code, intent and amount.
std::string text_of(const std::vector<difference>& all) {
  std::string text;
  for (const auto& each : all) {
    if (!text.empty()) text += ", ";
    text += name_of(each.code);
    const auto mark = each.transaction_id.find_last_of('_');
    if (mark != std::string::npos) text += " " + each.transaction_id.substr(mark + 1);
    if (each.in_ledger) text += " " + std::to_string(each.in_ledger->amount_minor);
  }
  return text;
}

struct row {
  const char* state;
  const char* ledger;
  const char* differences;
};

const std::vector<row> table = {
    // Healthy.
    {"issued", "+1:1300", ""},
    {"issued", "+1:1300 +2:1300 -2:1300", ""},
    {"issued", "+2:1300 +1:1300 -2:1300", ""},
    {"refunded", "+1:1300 -1:1300", ""},
    {"refunded", "+1:1300 +2:1300 -2:1300 -1:1300", ""},
    {"declined", "", ""},
    {"failed", "", ""},
    {"failed", "+1:1300 -1:1300", ""},
    {"none", "+1:1300 -1:1300", ""},
    // Nobody's.
    {"none", "+1:1300", "orphan_charge 1 1300"},
    {"none", "+1:0", "orphan_charge 1 0"},
    {"none", "+1:0 -1:0", ""},
    {"none", "+1:1300 +2:900", "orphan_charge 1 1300, orphan_charge 2 900"},
    {"none", "+1:1300 -1:300", "orphan_charge 1 1000"},
    {"none", "-1:1300", "orphan_refund 1 1300"},
    {"none", "+1:1300 -1:1300 -1:1300", "orphan_refund 1 1300"},
    // Never paid.
    {"failed", "+1:1300", "unpaid_charge 1 1300"},
    {"declined", "+1:1300 +2:1300", "unpaid_charge 1 1300, unpaid_charge 2 1300"},
    {"declined", "+1:900", "unpaid_charge 1 900"},
    {"failed", "-1:1300", "refund_without_charge 1 1300"},
    // More than one charge stands.
    {"issued", "+1:1300 +2:1300", "surplus_charge 2 1300"},
    {"issued", "+2:1300 +1:1300 +3:100", "surplus_charge 2 1300, surplus_charge 3 100"},
    {"refunded", "+1:1300 +2:1300 -1:1300", "surplus_charge 2 1300"},
    // Paid, and no charge stands.
    {"issued", "", "missing_charge"},
    {"issued", "+1:1300 -1:1300", "refunded_though_paid 1 0"},
    {"issued", "+2:1300 -2:1300", "refunded_though_paid 2 0"},
    {"issued", "+1:1300 -1:1301", "refund_without_charge 1 1, refunded_though_paid 1 0"},
    // Refunded, and it stands, or never was.
    {"refunded", "+1:1300", "missing_refund 1 1300"},
    {"refunded", "+1:1300 +2:1300", "missing_refund 1 1300, surplus_charge 2 1300"},
    {"refunded", "+1:1300 -1:300", "missing_refund 1 1000"},
    {"refunded", "", "missing_charge"},
    {"refunded", "+1:1300 -1:1300 -1:1300", "refund_without_charge 1 1300"},
    // Amount, currency, transaction.
    {"issued", "+1:1299", "amount_differs 1 1299"},
    {"issued", "+1:1301", "amount_differs 1 1301"},
    {"issued", "+1:1300USD", "amount_differs 1 1300"},
    {"issued", "+1:1300 -1:300", "amount_differs 1 1000"},
    {"issued", "+1:1300 -1:1300USD", "refund_without_charge 1 1300"},
    {"issued", "+2:1300", "transaction_differs 2 1300"},
    {"issued", "+2:1299", "transaction_differs 2 1299, amount_differs 2 1299"},
    {"issued", "+2:1300 -1:1300", "refund_without_charge 1 1300, transaction_differs 2 1300"},
    {"issued", "+1:1300 -1:1300 +2:1300", "transaction_differs 2 1300"},
    {"issued", "+1:1299 +2:1300", "surplus_charge 2 1300, amount_differs 1 1299"},
    {"refunded", "+1:1299 -1:1299", "amount_differs 1 1299"},
    {"refunded", "+1:1299", "missing_refund 1 1299, amount_differs 1 1299"},
    {"refunded", "+2:1300 -2:1300", "transaction_differs 2 0"},
    {"refunded", "+2:1300", "missing_refund 2 1300, transaction_differs 2 1300"},
};

/// What a whole comparison finds: differences, parked ones and counts.
struct outcome {
  std::string differences;
  std::string parked;
  reconciliation_counts counts;
};

outcome reconcile(const std::vector<stored_reservation>& stored,
                  const std::vector<std::vector<money_movement>>& ledger,
                  timestamp read_from = testing::seeded_at + std::chrono::milliseconds{1}) {
  ledger_table all;
  for (const auto& some : ledger) {
    for (const auto& each : some) all.add(each);
  }
  std::vector<difference> found;
  outcome result;
  reconciliation comparison(
      std::move(all), read_from, [&](const difference& each) { found.push_back(each); },
      [&](reservation_id, const std::string& why) { result.parked += why; });
  for (const auto& each : stored) comparison.look_at(each);
  comparison.finish();
  result.differences = text_of(found);
  result.counts = comparison.counts();
  return result;
}

stored_reservation stored(const std::string& history, reservation_id of = id) {
  return {of, state_of(history, of)};
}

// --- A journal and a provider to mend at ---

using storage::memory_journal;

/// Refunds what it is told to, or says that it does not know.
class fake_provider final : public payments::provider {
 public:
  void charge(payments::charge_request, std::function<void(payments::charge_answer)>) override { FAIL(""); }
  void settle(payments::settle_request, std::function<void(payments::settle_answer)>) override { FAIL(""); }
  void refund(payments::refund_request request, std::function<void(payments::refund_answer)> done) override {
    refunds.push_back(request.idempotency_key + " " + request.transaction_id + " " +
                      std::to_string(request.price.amount_minor));
    if (known) return done({payments::refund_status::refunded, "re_1", {}});
    done({payments::refund_status::unknown, {}, "time-out"});
  }
  void close() override {}

  std::vector<std::string> refunds;
  bool known = true;
};

struct workshop {
  mending_result mend(const difference& what) { return mender.mend(what); }
  stored_reservation stored() { return read_stored_reservation(journal, id).value(); }

  memory_journal journal{[](memory_journal::job job) { job(); }};
  fake_provider provider;
  difference_mender mender{provider, journal, [] { return testing::seeded_at; }};
};

}  // namespace

TEST_CASE("every difference between a reservation and its movements is found, and nothing else") {
  for (const auto& each : table) {
    CAPTURE(each.state);
    CAPTURE(each.ledger);
    CHECK(text_of(compare(id, state_of(each.state), movements(each.ledger))) ==
          std::string(each.differences));
  }
}

TEST_CASE("a difference says what both sides have") {
  const auto found = compare(id, state_of("issued"), movements("+2:1299")).at(0);
  CHECK((found == difference{difference_code::transaction_differs, id, "pi_257_2", money{1299, "KRW"},
                             "pi_257_1", money{1300, "KRW"}}));
  const auto orphan = compare(id, {}, movements("+1:1300")).at(0);
  CHECK((orphan == difference{difference_code::orphan_charge, id, "pi_257_1", money{1300, "KRW"}, "", {}}));
}

TEST_CASE("a free reservation is charged nothing, and that charge has to be there") {
  auto free = state_of("issued");
  free.what.price.amount_minor = 0;
  CHECK(text_of(compare(id, free, movements("+1:0"))).empty());
  CHECK(text_of(compare(id, free, {})) == "missing_charge");
  CHECK(text_of(compare(id, free, movements("+1:0 -1:0"))) == "refunded_though_paid 1 0");
}

TEST_CASE("reservations under way are counted and not judged, nor are their charges anybody else's") {
  for (const auto* state : {"ordered", "unresolved", "paid", "undoing"}) {
    CAPTURE(state);
    const auto result = reconcile({stored(state)}, {movements("+1:1 +2:1300 -3:5")});
    CHECK(result.differences.empty());
    CHECK(result.counts.reservations == 1);
    CHECK(result.counts.under_way == 1);
  }
}

TEST_CASE("what happened since the ledger was read is under way, what happened before is judged") {
  CHECK(reconcile({stored("issued")}, {}, testing::seeded_at).counts.under_way == 1);
  CHECK(reconcile({stored("issued")}, {}, testing::seeded_at).differences.empty());
  CHECK(reconcile({stored("issued")}, {}, testing::seeded_at + std::chrono::milliseconds{1}).differences ==
        "missing_charge");
}

TEST_CASE("parked reservations are listed and not judged") {
  const auto result = reconcile({stored("parked")}, {movements("+2:1")});
  CHECK(result.differences.empty());
  CHECK(result.parked == "the desk says no");
  CHECK(result.counts.parked == 1);
  CHECK(result.counts.under_way == 0);
}

TEST_CASE("a ledger in any order is put to its reservations, and what is left is nobody's") {
  const auto result =
      reconcile({stored("issued"), stored("failed", 300), stored("declined", 12)},
                {movements("+1:5", 900), movements("+1:7", 12), movements("+1:1300"), movements("+1:6", 13)});
  CHECK(result.differences == "unpaid_charge 1 7, orphan_charge 1 6, orphan_charge 1 5");
  CHECK(result.counts.charges == 4);
  CHECK(result.counts.refunds == 0);
  CHECK(result.counts.reservations == 3);
  CHECK(result.counts.differences == 3);
}

TEST_CASE("an empty ledger and an empty journal agree") {
  const auto result = reconcile({}, {});
  CHECK(result.differences.empty());
  CHECK(result.counts.differences == 0);
}

// --- The walk ---

TEST_CASE("every reservation of a journal is folded, in all shards and over many records") {
  memory_journal journal([](memory_journal::job job) { job(); });
  // More records in one shard than are read at once, and another shard.
  constexpr std::uint64_t in_one_shard = 500;
  for (std::uint64_t n = 1; n <= in_one_shard; ++n) append_history(journal, "refunded", storage::id_of(3, n));
  append_history(journal, "parked", storage::id_of(255, 1));
  std::uint64_t seen = 0;
  const auto walked = for_each_stored_reservation(journal, [&](const stored_reservation& each) {
    ++seen;
    const bool last = each.id == storage::id_of(255, 1);
    CHECK((each.state == state_of(last ? "parked" : "refunded", each.id)));
  });
  CHECK(walked);
  CHECK(seen == in_one_shard + 1);
}

TEST_CASE("a journal with a record that nobody can read is not judged") {
  memory_journal journal([](memory_journal::job job) { job(); });
  append_history(journal, "issued", id);
  storage::epoch epoch = 0;
  journal.claim({0}, [&](auto claims) { epoch = claims->front().owner_epoch; });
  journal.append({{.shard = 0,
                   .owner_epoch = epoch,
                   .entity = 1,
                   .expected_sequence = 0,
                   .event_count = 1,
                   .record = "nonsense",
                   .unfinished = false,
                   .key = {},
                   .counter = {}}},
                 [](auto) {});
  const auto walked = for_each_stored_reservation(journal, [](const auto&) {});
  REQUIRE_FALSE(walked);
  CHECK(walked.error().find("reservation 1 ") != std::string::npos);
}

// --- The mending ---

TEST_CASE("a standing charge is refunded with a key of its transaction") {
  workshop shop;
  CHECK(shop.mend(compare(id, {}, movements("+1:1300")).at(0)).what == mending::refunded);
  CHECK(shop.mend(compare(id, {}, movements("+1:1300 -1:300")).at(0)).what == mending::refunded);
  CHECK(shop.provider.refunds ==
        std::vector<std::string>{"257-refund-pi_257_1 pi_257_1 1300", "257-refund-pi_257_1 pi_257_1 1000"});
}

TEST_CASE("a missing refund has the engine's own key, unless it is of another transaction") {
  workshop shop;
  shop.mend(compare(id, state_of("refunded"), movements("+1:1300")).at(0));
  shop.mend(compare(id, state_of("refunded"), movements("+2:1300")).at(0));
  CHECK(shop.provider.refunds ==
        std::vector<std::string>{"257-refund pi_257_1 1300", "257-refund-pi_257_2 pi_257_2 1300"});
}

TEST_CASE("a reservation at rest is parked in the journal, once for all that differs") {
  for (const auto* state : {"issued", "refunded"}) {
    CAPTURE(state);
    workshop shop;
    append_history(shop.journal, state, id);
    for (const auto& each : compare(id, state_of(state), movements("+2:7 -2:7 -3:5"))) {
      CHECK(shop.mend(each).what == mending::parked);
    }
    const auto parked = shop.stored();
    CHECK(parked.state.parked);
    CHECK(parked.state.version == state_of(state).version + 1);
    CHECK(parked.state.parked_because.starts_with("reconcile: "));
    std::vector<storage::entity_id> unfinished;
    shop.journal.list_unfinished(storage::shard_of(id), 0, 10, [&](auto listed) { unfinished = *listed; });
    CHECK(unfinished == std::vector<storage::entity_id>{id});
    CHECK(shop.provider.refunds.empty());
  }
}

TEST_CASE("a refund without a known outcome is left, and its reservation is not parked before it") {
  workshop shop;
  append_history(shop.journal, "issued", id);
  shop.provider.known = false;
  const auto found = compare(id, state_of("issued"), movements("+1:1299 +2:1300"));
  REQUIRE(text_of(found) == "surplus_charge 2 1300, amount_differs 1 1299");
  const auto refund = shop.mend(found[0]);
  CHECK(refund.what == mending::left);
  CHECK(refund.why.find("time-out") != std::string::npos);
  CHECK(shop.mend(found[1]).what == mending::left);
  CHECK_FALSE(shop.stored().state.parked);

  shop.provider.known = true;
  CHECK(shop.mend(found[0]).what == mending::refunded);
}

TEST_CASE("what the journal can't take is left") {
  workshop shop;
  append_history(shop.journal, "issued", id);
  const auto found = compare(id, state_of("issued"), {}).at(0);
  shop.journal.fail_next_appends(1, "no space left");
  const auto result = shop.mend(found);
  CHECK(result.what == mending::left);
  CHECK(result.why == "no space left");
  CHECK(shop.mend(compare(id, {}, movements("-1:1")).at(0)).what == mending::left);
}

// --- What is printed ---

TEST_CASE("the report is a line for a person and an object a line for a script") {
  const auto orphan = compare(id, {}, movements("+1:1300")).at(0);
  CHECK(report_of(orphan, {}, report_format::text) ==
        "orphan_charge reservation 257: the provider has charge pi_257_1 over 1300 KRW, the journal no such "
        "reservation; refund it\n");
  CHECK(report_of(orphan, {mending::left, "why"}, report_format::text).ends_with("; LEFT: why\n"));
  CHECK(report_of(orphan, {}, report_format::json) ==
        R"({"type":"difference","code":"orphan_charge","reservation":257,)"
        R"("ledger":{"transactionId":"pi_257_1","amount":1300,"currency":"KRW"},"journal":null,)"
        R"("remedy":"refund","outcome":"found",)"
        R"("detail":"the provider has charge pi_257_1 over 1300 KRW, the journal no such reservation"})"
        "\n");
  const auto missing = compare(id, state_of("issued"), {}).at(0);
  CHECK(report_of(missing, {mending::parked, {}}, report_format::json) ==
        R"({"type":"difference","code":"missing_charge","reservation":257,"ledger":null,)"
        R"("journal":{"transactionId":"pi_257_1","amount":1300,"currency":"KRW"},)"
        R"("remedy":"park","outcome":"parked",)"
        R"("detail":"the journal has a payment pi_257_1 over 1300 KRW, the provider no charge"})"
        "\n");
  CHECK(report_of_parked(id, "a \"why\"", report_format::text) == "parked reservation 257: a \"why\"\n");
  CHECK(report_of_parked(id, "a \"why\"", report_format::json) ==
        R"({"type":"parked","reservation":257,"why":"a \"why\""})"
        "\n");
  CHECK(
      hint_about_orphans(2) ==
      "2 charges belong to no reservation of this journal: is it the right data folder, and not an old copy? "
      "Add --orphans to refund them.");
  CHECK(hint_about_orphans(1).starts_with("1 charge belongs to no "));
  const reconciliation_counts counts{
      .charges = 12, .refunds = 1, .reservations = 10, .under_way = 2, .parked = 1, .differences = 3};
  CHECK(report_of(counts, 2, report_format::text) ==
        "12 captures, 1 refund; 10 reservations looked at, 2 under way, 1 parked; 3 differences, 2 mended\n");
  CHECK(report_of({}, 0, report_format::text) ==
        "0 captures, 0 refunds; 0 reservations looked at, 0 under way, 0 parked; 0 differences\n");
  CHECK(report_of(counts, 2, report_format::json) ==
        R"({"type":"summary","captures":12,"refunds":1,"reservations":10,"underWay":2,"parked":1,)"
        R"("differences":3,"mended":2})"
        "\n");
}
