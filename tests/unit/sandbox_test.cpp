// What the payment contract can't see: the bank's determinism, its handling of repeated and
// forgotten keys, and a ledger file that was damaged, read while it is written, or not allowed to grow.
#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_calls.hpp"
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
    const auto reply = charge(at.bank, charge_of(i), now);
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

sandbox_ledger open_ledger(const ledger_folder& folder) {
  return sandbox_ledger(
      folder.path, [](std::uint64_t) {}, [](const bank_record&) {});
}

bank_record capture_of(domain::reservation_id reservation, const std::string& key = "c") {
  return {bank_record::kind::captured, now, reservation, 1, {100, "USD"}, {}, key};
}

/// How many captures a ledger has whose reservations count from 1 without a gap, their keys all of this
/// length.
std::uint64_t captures_in(const ledger_folder& folder, std::size_t key_bytes) {
  std::uint64_t count = 0;
  const auto skipped = for_each_ledger_entry(folder.path, [&](const ledger_entry& entry) {
    REQUIRE(entry.reservation == ++count);
    REQUIRE(entry.idempotency_key == std::string(key_bytes, 'k'));
  });
  CHECK(skipped == 0);
  return count;
}

/// No file of this process may grow beyond it, as if the disk were full.
class file_size_limit {
 public:
  explicit file_size_limit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~file_size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

 private:
  sighandler_t handler_;
  rlimit before_{};
};

/// Memory that a child forked later shares.
class shared_count {
 public:
  shared_count()
      : memory_(::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    count_ = new (memory_) std::atomic<std::uint64_t>(0);
  }
  ~shared_count() { ::munmap(memory_, sizeof *count_); }
  shared_count(const shared_count&) = delete;
  shared_count& operator=(const shared_count&) = delete;

  std::atomic<std::uint64_t>& operator*() const { return *count_; }

 private:
  void* memory_;
  std::atomic<std::uint64_t>* count_ = nullptr;
};

/// Adds captures until it is killed, and says after each flush up to which they are in the ledger.
[[noreturn]] void add_until_killed(const ledger_folder& folder, std::uint64_t first, std::size_t key_bytes,
                                   std::atomic<std::uint64_t>& flushed) {
  auto ledger = open_ledger(folder);
  for (auto next = first;; ++next) {
    ledger.add(capture_of(next, std::string(key_bytes, 'k')));
    if (!ledger.flush()) ::_exit(1);
    flushed = next;
  }
}

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
    CHECK(charge(at.bank, charge_of(i), now).answer->status == charge_status::captured);
  at.bank.turn(always(&sandbox_knobs::decline_rate));
  for (int i = 51; i <= 100; ++i) {
    CHECK(charge(at.bank, charge_of(i), now).answer->status == charge_status::declined);
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
    const auto delay = charge(at.bank, charge_of(i), now).delay.count();
    REQUIRE(delay >= 3);
    REQUIRE(delay <= 5);
    seen[delay] = true;
  }
  CHECK((seen[3] && seen[4] && seen[5]));
}

TEST_CASE("a forgotten key charges again, and each capture is refunded by its own transaction, once") {
  watched_bank at;
  const auto first = charge(at.bank, charge_of(1), now).answer->transaction_id;
  at.bank.turn(always(&sandbox_knobs::forget_keys_rate));
  const auto second = charge(at.bank, charge_of(1), now).answer->transaction_id;
  CHECK(first != second);
  for (int i = 0; i < 2; ++i) {
    for (const auto& transaction : {first, second}) {
      CHECK(refund(at.bank, {1, {100, "USD"}, transaction, "r"}, now).answer->status ==
            refund_status::refunded);
    }
  }
  CHECK(at.records == "CCRR");
}

TEST_CASE("settling gives back every capture but the first, once, and names them in the ledger") {
  watched_bank at;
  const auto first = charge(at.bank, charge_of(1), now).answer->transaction_id;
  charge(at.bank, charge_of(1, "another"), now);
  charge(at.bank, charge_of(1, "a third"), now);
  for (int i = 0; i < 2; ++i) {
    CHECK(settle(at.bank, settle_of(1), now).answer->transaction_id == first);
  }
  CHECK(at.records == "CCCRR");
  CHECK(at.kept[3].idempotency_key == "refund-surplus-pi_1_2");
  CHECK(at.kept[4].idempotency_key == "refund-surplus-pi_1_3");
}

TEST_CASE("settling is unknown as long as a surplus capture can't be given back") {
  watched_bank at;
  charge(at.bank, charge_of(1), now);
  charge(at.bank, charge_of(1, "another"), now);
  sandbox_knobs knobs;
  knobs.refund_failures = 1;
  at.bank.turn(knobs);
  CHECK(settle(at.bank, settle_of(1), now).answer->status == settle_status::unknown);
  CHECK(settle(at.bank, settle_of(1), now).answer->status == settle_status::captured);
  CHECK(at.records == "CCR");
}

TEST_CASE("an intent's id reads back only as it is written") {
  CHECK(intent_id({257, 12}) == "pi_257_12");
  CHECK(refund_id({257, 12}) == "re_257_12");
  CHECK(parse_intent_id("pi_257_12") == intent_name{257, 12});
  for (const char* bad : {"", "pi_", "pi_257", "pi_257_", "pi_0257_1", "pi_257_1 ", "pi_257_01", "pi__1",
                          "re_257_1", "pi_-1_1", "pi_257_65536", "pi_99999999999999999999_1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_intent_id(bad));
  }
}

TEST_CASE("an intent is made once for a key, confirmed once, and not after it was cancelled") {
  watched_bank at;
  const auto made = *at.bank.create(7, {100, "USD"}, "k", now);
  CHECK(made.name == intent_name{7, 1});
  CHECK(made.status == intent_status::requires_payment_method);
  CHECK(made.created == std::chrono::seconds(1'700'000'000));
  CHECK(at.bank.create(7, {100, "USD"}, "k", now)->name == made.name);
  const auto other = *at.bank.create(7, {100, "USD"}, "other", now);
  CHECK(other.name == intent_name{7, 2});
  CHECK(at.bank.find_all(7).size() == 2);

  for (int i = 0; i < 2; ++i)
    CHECK(at.bank.confirm(made.name, "", now).what == confirmation::outcome::captured);
  CHECK(at.bank.create(7, {100, "USD"}, "k", now)->status == intent_status::succeeded);
  CHECK(at.bank.cancel(made.name, now).status == intent_status::succeeded);
  for (int i = 0; i < 2; ++i) CHECK(at.bank.cancel(other.name, now).status == intent_status::canceled);
  CHECK(at.bank.confirm(other.name, "", now).what == confirmation::outcome::canceled);
  CHECK(at.bank.create(7, {100, "USD"}, "other", now)->status == intent_status::canceled);
  CHECK(at.records == "CX");
  CHECK_FALSE(at.bank.find({7, 3}));
}

TEST_CASE("a refund is the same with the same key, another with another, and of the whole amount") {
  watched_bank at;
  const auto intent = at.bank.create(7, {100, "USD"}, "k", now)->name;
  CHECK(at.bank.refund(intent, 100, "r", now) == refund_outcome::not_captured);
  at.bank.confirm(intent, "", now);
  CHECK(at.bank.refund(intent, 99, "r", now) == refund_outcome::amount_differs);
  CHECK(at.bank.refund(intent, 100, "r", now) == refund_outcome::refunded);
  CHECK(at.bank.refund(intent, 100, "r", now) == refund_outcome::refunded);
  CHECK(at.bank.refund(intent, 100, "s", now) == refund_outcome::already_refunded);
  CHECK(at.bank.find(intent)->refunded);
  CHECK(at.records == "CR");
}

TEST_CASE("a refund of another amount is refused") {
  watched_bank at;
  const auto transaction = charge(at.bank, charge_of(1), now).answer->transaction_id;
  CHECK(refund(at.bank, {1, {101, "USD"}, transaction, "r"}, now).answer->status == refund_status::unknown);
  CHECK(refund(at.bank, {2, {100, "USD"}, transaction, "r"}, now).answer->status == refund_status::unknown);
  CHECK(at.records == "C");
}

TEST_CASE("after a settlement as not charged the charge that it settled can't get through any more") {
  watched_bank at;
  CHECK(settle(at.bank, settle_of(1), now).answer->status == settle_status::not_charged);
  CHECK(settle(at.bank, settle_of(1), now).answer->status == settle_status::not_charged);
  CHECK(charge(at.bank, charge_of(1), now).answer->status == charge_status::not_charged);
  CHECK(charge(at.bank, charge_of(2), now).answer->status == charge_status::captured);
  CHECK(at.records == "XC");
}

TEST_CASE("a late charge lands once, and not at all after a settlement") {
  watched_bank at;
  at.bank.turn(always(&sandbox_knobs::lands_late_rate));
  const auto settled = *charge(at.bank, charge_of(1), now).late;
  const auto landing = *charge(at.bank, charge_of(2, "key"), now).late;
  CHECK_FALSE(charge(at.bank, charge_of(2, "key"), now).answer);
  settle(at.bank, settle_of(1), now);
  at.bank.land(settled, now);
  at.bank.land(landing, now);
  at.bank.land(landing, now);
  CHECK(at.records == "XC");
  CHECK(at.kept[1].idempotency_key == "key");
  CHECK(charge(at.bank, charge_of(2, "key"), now).answer->status == charge_status::captured);
}

TEST_CASE("attempts of one reservation are bounded") {
  watched_bank at;
  for (int i = 0; i < sandbox_bank::most_attempts; ++i) charge(at.bank, charge_of(1, std::to_string(i)), now);
  CHECK(charge(at.bank, charge_of(1, "one more"), now).answer->status == charge_status::not_charged);
}

TEST_CASE("a bank restored from its records answers as the one that wrote them") {
  watched_bank before;
  const auto captured = charge(before.bank, charge_of(1), now).answer->transaction_id;
  before.bank.turn(always(&sandbox_knobs::decline_rate));
  charge(before.bank, charge_of(2), now);
  before.bank.turn({});
  const auto refunded = charge(before.bank, charge_of(3), now).answer->transaction_id;
  refund(before.bank, {3, {100, "USD"}, refunded, "r"}, now);
  settle(before.bank, settle_of(4), now);

  watched_bank after;
  for (const auto& record : before.kept) after.bank.restore(record);
  CHECK(charge(after.bank, charge_of(1), now).answer->transaction_id == captured);
  CHECK(charge(after.bank, charge_of(2), now).answer->reason == "card_declined");
  CHECK(refund(after.bank, {3, {100, "USD"}, refunded, "r"}, now).answer->status == refund_status::refunded);
  CHECK(charge(after.bank, charge_of(4), now).answer->status == charge_status::not_charged);
  CHECK(after.records.empty());
}

TEST_CASE("what an older version wrote is read: failed attempts, and cancelled ones without a key") {
  const ledger_folder folder;
  folder.append("F 1 1 1 100 USD - c\nX 2 1 1 100 USD - \nX 3 2 1 0 - - \nF 4 3 1 100 USD - c\n");
  watched_bank at;
  for (const auto& record : reopened(folder)) at.bank.restore(record);
  CHECK(charge(at.bank, charge_of(1), now).answer->status == charge_status::not_charged);
  CHECK(settle(at.bank, settle_of(2), now).answer->status == settle_status::not_charged);
  CHECK(charge(at.bank, charge_of(3), now).answer->transaction_id == "pi_3_1");
  CHECK(at.kept.back().idempotency_key == "c");
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
  REQUIRE(ledger_entries(folder.path).size() == 1);
  CHECK(ledger_entries(folder.path)[0].transaction_id == "pi_257_1");
}

TEST_CASE("what is torn ends the ledger in whatever order its bytes came, with the zeros behind it") {
  const std::string whole = "C 1 1 1 100 USD - a\n";
  const std::string zeros(100, '\0');
  const std::string no_end = "C 2 2 1 100 USD - b" + zeros;
  const std::string no_middle = "C 2 2 1 100" + std::string(9, '\0') + "b\nC 3 3 1 100 USD - c\n" + zeros;
  const std::string no_beginning = std::string(9, '\0') + "100 USD - b\n";
  for (const auto& torn : {zeros, no_end, no_middle, no_beginning}) {
    CAPTURE(torn);
    const ledger_folder folder;
    folder.append(whole + torn);
    CHECK(ledger_entries(folder.path).size() == 1);
    {
      auto ledger = open_ledger(folder);
      CHECK(std::filesystem::file_size(folder.file()) == whole.size());
      ledger.add(capture_of(2));
      CHECK(ledger.flush());
    }
    CHECK(reopened(folder).size() == 2);
  }
}

TEST_CASE("a ledger is read beside its writer, through window after window, and closed without zeros") {
  constexpr std::size_t key_bytes = 60'000;
  constexpr std::uint64_t enough = 5 * sandbox_ledger::window_bytes / 2 / key_bytes;
  const ledger_folder folder;
  {
    auto ledger = open_ledger(folder);
    CHECK(std::filesystem::file_size(folder.file()) == 0);
    for (std::uint64_t i = 1; i <= enough; ++i) {
      ledger.add(capture_of(i, std::string(key_bytes, 'k')));
      REQUIRE(ledger.flush());
      REQUIRE(captures_in(folder, key_bytes) == i);
      REQUIRE(std::filesystem::file_size(folder.file()) % sandbox_ledger::window_bytes == 0);
    }
  }
  const auto closed = std::filesystem::file_size(folder.file());
  CHECK(closed > enough * key_bytes);
  CHECK(closed < enough * (key_bytes + 60));
  CHECK(reopened(folder).size() == enough);
  CHECK(std::filesystem::file_size(folder.file()) == closed);
}

TEST_CASE("what a full disk does not take stays gathered, half a line too, and goes in once there is room") {
  constexpr std::size_t key_bytes = 60'000;
  constexpr std::uint64_t in_one_window = sandbox_ledger::window_bytes / key_bytes;
  const ledger_folder folder;
  auto ledger = open_ledger(folder);
  ledger.add(capture_of(1, std::string(key_bytes, 'k')));
  {
    const file_size_limit full(sandbox_ledger::window_bytes / 2);
    for (int i = 0; i < 2; ++i) CHECK_FALSE(ledger.flush());
  }
  CHECK(captures_in(folder, key_bytes) == 0);
  CHECK(ledger.flush());
  CHECK(captures_in(folder, key_bytes) == 1);
  for (std::uint64_t i = 2; i <= in_one_window + 2; ++i) {
    ledger.add(capture_of(i, std::string(key_bytes, 'k')));
  }
  {
    const file_size_limit full(sandbox_ledger::window_bytes);
    for (int i = 0; i < 2; ++i) CHECK_FALSE(ledger.flush());
  }
  CHECK(std::filesystem::file_size(folder.file()) == sandbox_ledger::window_bytes);
  CHECK(captures_in(folder, key_bytes) == in_one_window);
  CHECK(ledger.flush());
  CHECK(captures_in(folder, key_bytes) == in_one_window + 2);
}

TEST_CASE("a ledger belongs to one writer at a time") {
  const ledger_folder folder;
  {
    const auto ledger = open_ledger(folder);
    CHECK_THROWS_WITH_AS(open_ledger(folder), doctest::Contains("end the process that has it open"),
                         std::system_error);
  }
  CHECK_NOTHROW(open_ledger(folder));
}

TEST_CASE("kill -9 leaves whole lines, and among them all that were flushed") {
  // So long that most of the time goes by within a line.
  constexpr std::size_t key_bytes = 50'000;
  constexpr int kills = 20;
  const ledger_folder folder;
  const shared_count flushed;
  std::uint64_t found = 0;
  for (int i = 0; i < kills; ++i) {
    const auto wanted = found + 5 + static_cast<std::uint64_t>(i) % 7;
    const pid_t child = ::fork();
    if (child == 0) add_until_killed(folder, found + 1, key_bytes, *flushed);
    REQUIRE(child > 0);
    // A child that ended by itself is not waited for in vain.
    int status = 0;
    pid_t ended = 0;
    while (*flushed < wanted && ended == 0) ended = ::waitpid(child, &status, WNOHANG);
    REQUIRE(ended == 0);
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, &status, 0) == child);
    found = captures_in(folder, key_bytes);
    REQUIRE(found >= *flushed);
    REQUIRE(found <= *flushed + 1);
    REQUIRE(reopened(folder).size() == found);
  }
}

TEST_CASE("lines that don't parse are skipped and counted, those after them are read") {
  const ledger_folder folder;
  folder.append(
      "C 1 1 1 100 USD - a\n\nnonsense\nC x 1 1 100 USD - a\nQ 1 1 1 1 USD - a\nR 2 1 1 100 USD - b\n");
  CHECK(reopened(folder, 4).size() == 2);
}

TEST_CASE("control characters in a key can't forge a line of the ledger") {
  watched_bank at;
  charge(at.bank, charge_of(1, "a\nC 1 2 1 100 USD - b"), now);
  CHECK(at.kept[0].idempotency_key == "a?C 1 2 1 100 USD - b");
}

TEST_CASE("a folder that can't be made is an error, not a crash") {
  const ledger_folder folder;
  folder.append("a file");
  CHECK_THROWS_AS(sandbox_ledger(
                      folder.file() / "below", [](std::uint64_t) {}, [](const bank_record&) {}),
                  std::system_error);
}
