// Journals that are exported and imported are the same; receipts that no reservation knows of are left out
// with all behind them; and what is wrong with journals is told.
#include "journal_transfer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/receipt.hpp"
#include "journal_verification.hpp"
#include "storage/memory_journal.hpp"
#include "tests/support/journal_calls.hpp"
#include "tests/support/seeded_reservations.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast;
using namespace holdfast::testing;
using storage::id_of;

namespace {

constexpr storage::shard_id book = 3;

struct small_shop {
  storage::memory_journal reservations{{}, "reservations"};
  storage::memory_journal receipts{{}, "receipts"};
  shop_journals both() { return {reservations, receipts}; }

  void issue(std::uint64_t sequence, std::uint64_t number) {
    append_receipt(sequence, 0, domain::receipts::issued{seeded_at, number, {seeded_at, {}}}, number);
  }
  void make_void(std::uint64_t sequence, std::uint64_t events_before) {
    append_receipt(sequence, events_before, domain::receipts::voided{seeded_at}, std::nullopt);
  }
  std::vector<storage::entity_id> unfinished() { return list_unfinished(reservations, book, 0, 100); }

 private:
  void append_receipt(std::uint64_t sequence, std::uint64_t before, domain::receipts::event event,
                      std::optional<std::uint64_t> counter) {
    auto one = entry(claim(receipts, book), id_of(book, sequence), before);
    one.record = storage::encode_events(std::vector{std::move(event)});
    one.unfinished = false;
    one.counter = counter;
    REQUIRE(append(receipts, one).status == storage::append_status::appended);
  }
};

/// Reservation `sequence` of the book, and what its receipt is called.
void seed(small_shop& shop, const std::string& history, std::uint64_t sequence, std::uint64_t number = 0) {
  const auto id = id_of(book, sequence);
  auto events = seeded_events(history, id);
  for (auto& event : events) {
    if (auto* issued = std::get_if<domain::receipt_issued>(&event)) {
      issued->receipt_no = domain::receipts::receipt_no(book, number);
    }
  }
  domain::reservation state;
  for (const auto& event : events) domain::apply(state, event);
  auto one = entry(claim(shop.reservations, book), id, 0);
  one.event_count = static_cast<std::uint32_t>(events.size());
  one.record = storage::encode_events(events);
  one.unfinished = !domain::finished(state);
  one.key = storage::idempotency_claim{"key-" + std::to_string(sequence), sequence};
  REQUIRE(append(shop.reservations, one).status == storage::append_status::appended);
}

/// 1 has its receipt, 2 waits for one that the desk has issued, 3 is undone without one; 4 knows of nothing
/// yet.
void open_for_business(small_shop& shop) {
  shop.issue(2, 1);
  shop.issue(1, 2);
  shop.make_void(3, 0);
  shop.issue(4, 3);
  seed(shop, "issued", 1, 2);
  seed(shop, "paid", 2);
  seed(shop, "refunded", 3);
  seed(shop, "paid", 4);
}

const transfer_progress nobody = [](std::uint64_t, std::uint64_t) {};

std::string faults_of(small_shop& shop) {
  std::string all;
  const auto counts = verify_journals(
      shop.both(), [&](const std::string& fault) { all += fault + "\n"; }, nobody);
  REQUIRE_MESSAGE(counts, counts.error());
  return all;
}

std::string text_of_keys(storage::journal& of) {
  std::string text;
  for (const auto& one : list_keys(of, book, "", 100)) {
    text +=
        one.claim.key + "=" + std::to_string(one.entity) + "/" + std::to_string(one.claim.fingerprint) + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("what is imported is what was exported, but for receipts that no reservation has heard of") {
  const temporary_folder folder;
  small_shop shop;
  open_for_business(shop);
  CHECK(faults_of(shop) == "");
  const auto exported = export_journals(shop.both(), folder / "file", nobody);
  REQUIRE_MESSAGE(exported, exported.error());
  CHECK(exported->reservations == 4);
  CHECK(exported->receipts == 3);
  CHECK(exported->keys == 4);

  small_shop other;
  const auto imported = import_journals(folder / "file", other.both(), nobody);
  REQUIRE_MESSAGE(imported, imported.error());
  CHECK(imported->records == exported->records);
  CHECK((read_shard(other.reservations, book, 1, 100) == read_shard(shop.reservations, book, 1, 100)));
  const auto receipts = read_shard(shop.receipts, book, 1, 100);
  CHECK((read_shard(other.receipts, book, 1, 100) == std::vector(receipts.begin(), receipts.end() - 1)));
  CHECK(text_of_keys(other.reservations) == text_of_keys(shop.reservations));
  CHECK((other.unfinished() == shop.unfinished()));
  CHECK(other.unfinished().size() == 2);
  CHECK(faults_of(other) == "");
  // The book counts on.
  CHECK(claim(other.receipts, book).counter == 2);
  other.issue(4, 3);
  CHECK(faults_of(other) == "");
}

TEST_CASE("nothing is imported on top of something, and nothing half") {
  const temporary_folder folder;
  small_shop shop;
  open_for_business(shop);
  REQUIRE(export_journals(shop.both(), folder / "file", nobody));
  const auto refused = import_journals(folder / "file", shop.both(), nobody);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("give a store that is empty") != std::string::npos);
  CHECK_FALSE(import_journals(folder / "no such file", small_shop().both(), nobody));
}

TEST_CASE("every fault of journals is told") {
  small_shop shop;
  open_for_business(shop);
  SUBCASE("a receipt that the desk does not have") {
    seed(shop, "issued", 5, 9);
    CHECK(faults_of(shop) == "reservation " + std::to_string(id_of(book, 5)) +
                                 " has the receipt 3-9, and the receipt desk has none\n");
  }
  SUBCASE("another number than the desk's") {
    shop.issue(5, 4);
    seed(shop, "issued", 5, 3);
    CHECK(faults_of(shop).find("has the receipt 3-3, and the receipt desk has 3-4") != std::string::npos);
  }
  SUBCASE("a number that was left out") {
    auto one = entry(claim(shop.receipts, book), id_of(book, 5), 0);
    one.record = storage::encode_events(
        std::vector<domain::receipts::event>{domain::receipts::issued{seeded_at, 7, {seeded_at, {}}}});
    one.counter = 4;
    append(shop.receipts, one);
    CHECK(faults_of(shop).find("book 3 has number 7 where 4 has to be") != std::string::npos);
  }
  SUBCASE("an index that is wrong") {
    auto one = entry(claim(shop.reservations, book), id_of(book, 5), 0);
    one.record = storage::encode_events(seeded_events("ordered", 1));
    one.unfinished = false;
    append(shop.reservations, one);
    CHECK(faults_of(shop).find("is unfinished, and the index of unfinished ones says otherwise") !=
          std::string::npos);
  }
  SUBCASE("a record that can't be read") {
    auto one = entry(claim(shop.reservations, book), id_of(book, 5), 0);
    one.record = "nonsense";
    append(shop.reservations, one);
    CHECK(faults_of(shop).find("position 5 of shard 3") != std::string::npos);
    const temporary_folder folder;
    CHECK_FALSE(export_journals(shop.both(), folder / "file", nobody));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
}
