// What the payment contract can't see: the bank's determinism, its handling of repeated and
// forgotten keys, and a ledger file that was damaged.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_ledger.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast::payments;
namespace domain = holdfast::domain;

namespace {

constexpr domain::timestamp now{std::chrono::milliseconds(1'700'000'000'000)};

charge_request charge_of(domain::reservation_id reservation, const std::string& key = "c") {
  charge_request request;
  request.reservation = reservation;
  request.price = {100, "USD"};
  request.idempotency_key = key;
  return request;
}

settle_request settle_of(domain::reservation_id reservation) {
  return {reservation, {100, "USD"}, "c"};
}

/// A bank and the letters of what it recorded.
struct watched_bank {
  std::string records;
  std::vector<bank_record> kept;
  sandbox_bank bank;

  explicit watched_bank(std::uint64_t seed = 1)
      : bank(seed, [this](const bank_record& record) {
          records.push_back(static_cast<char>(record.what));
          kept.push_back(record);
        }) {}
};

sandbox_knobs always(double sandbox_knobs::*rate) {
  sandbox_knobs knobs;
  knobs.*rate = 1;
  return knobs;
}

std::string history_of(std::uint64_t seed) {
  watched_bank at(seed);
  sandbox_knobs knobs;
  knobs.latency_max = std::chrono::milliseconds(50);
  knobs.decline_rate = knobs.fail_rate = knobs.lands_late_rate = knobs.hang_after_charge_rate = 0.3;
  at.bank.turn(knobs);
  std::string history;
  for (int i = 1; i <= 200; ++i) {
    const auto reply = at.bank.charge(charge_of(i), now);
    history += std::to_string(reply.answer ? static_cast<int>(reply.answer->status) : 9) + ":" +
               std::to_string(reply.delay.count()) + " ";
  }
  return history + at.records;
}

struct ledger_folder {
  holdfast::testing::temporary_folder made;
  std::filesystem::path path = made.path();

  std::filesystem::path file() const { return path / "sandbox-ledger.log"; }
  void append(const std::string& bytes) const {
    std::ofstream(file(), std::ios::binary | std::ios::app) << bytes;
  }
};

std::vector<bank_record> reopened(const ledger_folder& folder, std::uint64_t lines_skipped = 0) {
  std::vector<bank_record> records;
  sandbox_ledger ledger(
      folder.path, [](std::uint64_t) {}, [&](const bank_record& record) { records.push_back(record); });
  CHECK(ledger.lines_skipped() == lines_skipped);
  return records;
}

}  // namespace

TEST_CASE("one seed is one history, another seed another") {
  CHECK(history_of(7) == history_of(7));
  CHECK(history_of(7) != history_of(8));
}

TEST_CASE("rates of nothing and of one leave nothing to chance") {
  watched_bank at;
  for (int i = 1; i <= 50; ++i)
    CHECK(at.bank.charge(charge_of(i), now).answer->status == charge_status::captured);
  at.bank.turn(always(&sandbox_knobs::decline_rate));
  for (int i = 51; i <= 100; ++i) {
    CHECK(at.bank.charge(charge_of(i), now).answer->status == charge_status::declined);
  }
  CHECK(at.records == std::string(50, 'C') + std::string(50, 'D'));
}

TEST_CASE("latency lies between its bounds, both included") {
  watched_bank at;
  sandbox_knobs knobs;
  knobs.latency_min = std::chrono::milliseconds(3);
  knobs.latency_max = std::chrono::milliseconds(5);
  at.bank.turn(knobs);
  bool seen[6] = {};
  for (int i = 1; i <= 100; ++i) {
    const auto delay = at.bank.charge(charge_of(i), now).delay.count();
    REQUIRE(delay >= 3);
    REQUIRE(delay <= 5);
    seen[delay] = true;
  }
  CHECK((seen[3] && seen[4] && seen[5]));
}

TEST_CASE("a forgotten key charges again, and each capture is refunded by its own transaction, once") {
  watched_bank at;
  const auto first = at.bank.charge(charge_of(1), now).answer->transaction_id;
  at.bank.turn(always(&sandbox_knobs::forget_keys_rate));
  const auto second = at.bank.charge(charge_of(1), now).answer->transaction_id;
  CHECK(first != second);
  CHECK(at.bank.settle(settle_of(1), now).answer->transaction_id == first);
  for (int i = 0; i < 2; ++i) {
    for (const auto& transaction : {first, second}) {
      CHECK(at.bank.refund({1, {100, "USD"}, transaction, "r"}, now).answer->status ==
            refund_status::refunded);
    }
  }
  CHECK(at.records == "CCRR");
}

TEST_CASE("a refund of another amount is refused") {
  watched_bank at;
  const auto transaction = at.bank.charge(charge_of(1), now).answer->transaction_id;
  CHECK(at.bank.refund({1, {101, "USD"}, transaction, "r"}, now).answer->status == refund_status::unknown);
  CHECK(at.bank.refund({2, {100, "USD"}, transaction, "r"}, now).answer->status == refund_status::unknown);
  CHECK(at.records == "C");
}

TEST_CASE("after a settlement as not charged no charge of the reservation gets through, whatever its key") {
  watched_bank at;
  CHECK(at.bank.settle(settle_of(1), now).answer->status == settle_status::not_charged);
  CHECK(at.bank.settle(settle_of(1), now).answer->status == settle_status::not_charged);
  CHECK(at.bank.charge(charge_of(1, "a"), now).answer->status == charge_status::not_charged);
  CHECK(at.bank.charge(charge_of(1, "b"), now).answer->status == charge_status::not_charged);
  CHECK(at.bank.charge(charge_of(2), now).answer->status == charge_status::captured);
  CHECK(at.records == "XC");
}

TEST_CASE("a late charge lands once, and not at all after a settlement") {
  watched_bank at;
  at.bank.turn(always(&sandbox_knobs::lands_late_rate));
  const auto settled = *at.bank.charge(charge_of(1), now).late;
  const auto landing = *at.bank.charge(charge_of(2, "key"), now).late;
  CHECK_FALSE(at.bank.charge(charge_of(2, "key"), now).answer);
  at.bank.settle(settle_of(1), now);
  at.bank.land(settled, now);
  at.bank.land(landing, now);
  at.bank.land(landing, now);
  CHECK(at.records == "XC");
  CHECK(at.kept[1].idempotency_key == "key");
  CHECK(at.bank.charge(charge_of(2, "key"), now).answer->status == charge_status::captured);
}

TEST_CASE("attempts of one reservation are bounded") {
  watched_bank at;
  at.bank.turn(always(&sandbox_knobs::fail_rate));
  for (int i = 0; i < sandbox_bank::most_attempts; ++i) at.bank.charge(charge_of(1, std::to_string(i)), now);
  at.bank.turn({});
  CHECK(at.bank.charge(charge_of(1, "one more"), now).answer->status == charge_status::not_charged);
}

TEST_CASE("a bank restored from its records answers as the one that wrote them") {
  watched_bank before;
  const auto captured = before.bank.charge(charge_of(1), now).answer->transaction_id;
  before.bank.turn(always(&sandbox_knobs::decline_rate));
  before.bank.charge(charge_of(2), now);
  before.bank.turn({});
  const auto refunded = before.bank.charge(charge_of(3), now).answer->transaction_id;
  before.bank.refund({3, {100, "USD"}, refunded, "r"}, now);
  before.bank.settle(settle_of(4), now);

  watched_bank after;
  for (const auto& record : before.kept) after.bank.restore(record);
  CHECK(after.bank.charge(charge_of(1), now).answer->transaction_id == captured);
  CHECK(after.bank.charge(charge_of(2), now).answer->reason == "card_declined");
  CHECK(after.bank.refund({3, {100, "USD"}, refunded, "r"}, now).answer->status == refund_status::refunded);
  CHECK(after.bank.charge(charge_of(4), now).answer->status == charge_status::not_charged);
  CHECK(after.records.empty());
}

TEST_CASE("the ledger gives back what was written, and cuts off a torn last line") {
  const ledger_folder folder;
  {
    sandbox_ledger ledger(
        folder.path, [](std::uint64_t) {}, [](const bank_record&) {});
    ledger.add({bank_record::kind::captured, now, 257, 1, {100, "USD"}, {}, "a key with spaces"});
    ledger.add({bank_record::kind::declined, now, 258, 2, {100, ""}, "card_declined", ""});
    CHECK(ledger.flush());
  }
  const auto whole = std::filesystem::file_size(folder.file());
  folder.append("C 1700000000000 259 1 10");
  const auto records = reopened(folder);
  REQUIRE(records.size() == 2);
  CHECK(records[0].what == bank_record::kind::captured);
  CHECK(records[0].at == now);
  CHECK(records[0].reservation == 257);
  CHECK(records[0].price == domain::money{100, "USD"});
  CHECK(records[0].idempotency_key == "a key with spaces");
  CHECK(records[1].attempt == 2);
  CHECK(records[1].idempotency_key.empty());
  CHECK(std::filesystem::file_size(folder.file()) == whole);
  CHECK(ledger_entries(folder.path).size() == 1);
}

TEST_CASE("lines that don't parse are skipped and counted, those after them are read") {
  const ledger_folder folder;
  folder.append(
      "C 1 1 1 100 USD - a\n\nnonsense\nC x 1 1 100 USD - a\nQ 1 1 1 1 USD - a\nR 2 1 1 100 USD - b\n");
  CHECK(reopened(folder, 4).size() == 2);
}

TEST_CASE("control characters in a key can't forge a line of the ledger") {
  watched_bank at;
  at.bank.charge(charge_of(1, "a\nC 1 2 1 100 USD - b"), now);
  CHECK(at.kept[0].idempotency_key == "a?C 1 2 1 100 USD - b");
}

TEST_CASE("a folder that can't be made is an error, not a crash") {
  const ledger_folder folder;
  folder.append("a file");
  CHECK_THROWS_AS(sandbox_ledger(
                      folder.file() / "below", [](std::uint64_t) {}, [](const bank_record&) {}),
                  std::system_error);
}
