// What was acknowledged is kept: the real binary is killed, or told to end, while customers place
// and cancel over real sockets; what is there after the next start is held against what they were
// told and against the ledger of the payment provider.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "payments/sandbox_ledger.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

namespace holdfast::testing {
namespace {

constexpr int customers_at_once = 6;
constexpr int rounds = 5;

/// A provider as it is on a bad day: slow, declining, silent after the charge or charging late.
const std::vector<std::string> flags{"--sandbox-latency",
                                     "0ms-8ms",
                                     "--sandbox-decline-rate",
                                     "0.05",
                                     "--sandbox-hang-after-charge-rate",
                                     "0.02",
                                     "--sandbox-lands-late-rate",
                                     "0.02",
                                     "--sandbox-lands-late-after",
                                     "150ms",
                                     "--sandbox-refund-failures",
                                     "1",
                                     "--payment-timeout",
                                     "100ms"};

enum class cancellation { not_tried, not_answered, accepted, acknowledged };

/// One placement as its customer knows it.
struct placement {
  std::string body;
  /// Empty where none was sent.
  std::string key;
  /// 0 where no answer came; then there is no id either.
  int status = 0;
  std::uint64_t id = 0;
  std::string location;
  std::string answer;
  cancellation cancelled = cancellation::not_tried;
};

/// The reservation that a success or a problem is about, 0 where there is none.
std::uint64_t id_in(const raw_response& answer) {
  if (answer.has_header("location")) return id_of(answer);
  const std::string prefix = "/preReservations/";
  const auto link = json_at(answer, "/_links/reservation/href");
  const auto at = link.find(prefix);
  return at == std::string::npos ? 0 : std::strtoull(link.c_str() + at + prefix.size(), nullptr, 10);
}

/// Whether a placement may be answered so: paid, still open, declined or not possible now.
bool is_answer(int status) {
  return status == 201 || status == 202 || status == 402 || status == 503;
}

void take_answer(placement& of, const raw_response& answer) {
  const auto id = id_in(answer);
  // Overloaded: nothing was recorded, and the key is free.
  if (id == 0) return;
  of.status = answer.status;
  of.id = id;
  of.location = answer.header("location");
  of.answer = answer.body;
}

/// Places and cancels on one keep-alive connection until it ends.
class customer {
 public:
  customer(std::uint16_t port, std::uint64_t seed, std::atomic<int>& answered, std::atomic<bool>& ending)
      : client_(port), seed_(seed), random_(seed), answered_(answered), ending_(ending) {
    thread_ = std::thread([this] { run(); });
  }
  ~customer() { finish(); }

  void finish() {
    if (thread_.joinable()) thread_.join();
  }
  /// After finish().
  const std::vector<placement>& placements() const { return placements_; }
  const std::string& failure() const { return failure_; }

 private:
  void run() {
    try {
      while (!last_answer_) act();
    } catch (const std::exception& error) {
      if (!ending_) failure_ = error.what();
    }
    // Even a killed server has handed whole answers to the kernel, or none.
    const std::string rest = last_answer_ ? "" : client_.connection().read_until_close();
    if (!rest.empty()) failure_ = "part of an answer: " + rest;
  }

  void act() {
    const auto chance = random_() % 10;
    if (chance < 2 && !placements_.empty()) return cancel(placements_[random_() % placements_.size()]);
    place(chance < 5);
  }

  void place(bool with_key) {
    placement& next = placements_.emplace_back();
    const std::string number = std::to_string(random_() % 1'000'000);
    next.body = R"({"userId":)" + std::to_string(random_() % 5) + R"(,"price":)" + number +
                R"(,"cardNo":"4111-1111-1111-1111"})";
    if (with_key) next.key = std::to_string(seed_) + "-" + std::to_string(placements_.size());
    const auto answer = with_key ? client_.place_with_key(next.body, next.key) : client_.place(next.body);
    if (!is_answer(answer.status)) throw_unexpected(answer);
    take_answer(next, answer);
    count(answer);
  }

  void cancel(placement& what) {
    if (what.id == 0 || what.cancelled == cancellation::acknowledged) return;
    if (what.cancelled == cancellation::not_tried) what.cancelled = cancellation::not_answered;
    const auto answer = client_.del("/preReservations/" + std::to_string(what.id));
    if (answer.status == 204) {
      what.cancelled = cancellation::acknowledged;
    } else if (answer.status == 202) {
      what.cancelled = cancellation::accepted;
    } else if (answer.status != 503) {
      throw_unexpected(answer);
    }
    count(answer);
  }

  void count(const raw_response& answer) {
    last_answer_ = answer.header("connection") == "close";
    ++answered_;
  }

  void throw_unexpected(const raw_response& answer) {
    failure_ = answer.status_line + " " + answer.body;
    throw std::runtime_error(failure_);
  }

  http_client client_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  std::atomic<int>& answered_;
  std::atomic<bool>& ending_;
  bool last_answer_ = false;
  std::vector<placement> placements_;
  std::string failure_;
  std::thread thread_;
};

/// Customers at work until the server ends; `end` is what ends it.
template <class End>
std::vector<placement> serve_customers(std::uint16_t port, std::uint64_t seed, int answers, End end) {
  std::atomic<int> answered{0};
  std::atomic<bool> ending{false};
  std::vector<std::unique_ptr<customer>> customers;
  for (int i = 0; i < customers_at_once; ++i) {
    customers.push_back(
        std::make_unique<customer>(port, seed + static_cast<std::uint64_t>(i), answered, ending));
  }
  CHECK(eventually([&] { return answered >= answers; }));
  ending = true;
  end();
  std::vector<placement> all;
  for (auto& each : customers) {
    each->finish();
    CHECK(each->failure() == "");
    all.insert(all.end(), each->placements().begin(), each->placements().end());
  }
  return all;
}

struct row {
  std::string status;
  std::string payment;
  std::string receipt;
  std::string receipt_no;
  std::int64_t price = 0;
};

using rows = std::map<std::uint64_t, row>;

row read_row(const rapidjson::Value& document) {
  const auto text = [&](const char* name) {
    const auto& value = document[name];
    return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : std::string();
  };
  return {text("status"), text("paymentStatus"), text("receiptStatus"), text("receiptNo"),
          document["price"].GetInt64()};
}

rows read_rows(http_client& client) {
  rows all;
  for_each_row(client, "myReservations", [&](const rapidjson::Value& document) {
    all[document["id"].GetUint64()] = read_row(document);
  });
  return all;
}

/// Nothing is half done: paid with a receipt, or cancelled with nothing owed.
bool has_ended(const row& of) {
  if (of.status == "reservated") return of.payment == "paid" && of.receipt == "receipt_issued";
  if (of.status != "reservation_cancelled") return false;
  if (of.payment == "payment_cancelled") return of.receipt == "receipt_cancelled";
  return (of.payment == "payment_declined" || of.payment == "payment_failed") && of.receipt.empty();
}

/// Waits until every saga has ended and everything acknowledged is listed.
rows wait_for_rest(http_client& client, const std::vector<placement>& placements) {
  for (const auto& [id, row] : read_rows(client)) {
    const std::string target = "/myReservations/" + std::to_string(id);
    CAPTURE(target);
    REQUIRE((has_ended(row) || eventually([&] { return has_ended(read_row(client.document(target))); })));
  }
  rows all;
  std::string missing;
  const bool at_rest = eventually([&] {
    all = read_rows(client);
    missing.clear();
    for (const auto& [id, row] : all) {
      if (!has_ended(row)) missing = std::to_string(id) + " is half done";
    }
    for (const auto& each : placements) {
      if (each.id != 0 && !all.contains(each.id)) missing = std::to_string(each.id) + " is lost";
    }
    return missing.empty();
  });
  CAPTURE(missing);
  REQUIRE(at_rest);
  return all;
}

void check_acknowledged(http_client& client, const std::vector<placement>& placements, const rows& listed) {
  std::set<std::uint64_t> ids;
  for (const auto& each : placements) {
    if (each.id == 0) continue;
    CAPTURE(each.id);
    CAPTURE(each.status);
    REQUIRE(listed.contains(each.id));
    const row& row = listed.at(each.id);
    const auto by_id = client.document("/myReservations/" + std::to_string(each.id));
    REQUIRE(text_at(by_id, "/status") == row.status);
    if (each.cancelled == cancellation::acknowledged || each.cancelled == cancellation::accepted) {
      REQUIRE(row.status == "reservation_cancelled");
    }
    if (each.status == 201) {
      const bool kept = each.cancelled == cancellation::not_tried
                            ? row.payment == "paid"
                            : row.payment == "paid" || row.payment == "payment_cancelled";
      REQUIRE(kept);
    }
    if (each.status == 402) REQUIRE(row.payment == "payment_declined");
    if (each.status == 503) REQUIRE(row.payment == "payment_failed");
    REQUIRE(ids.insert(each.id).second);
  }
}

/// A key whose answer is known gets it again; one whose answer was lost gets one now, and the
/// same from then on.
void check_keys(http_client& client, std::vector<placement>& placements) {
  for (auto& each : placements) {
    if (each.key.empty()) continue;
    CAPTURE(each.key);
    const auto again = client.place_with_key(each.body, each.key);
    CAPTURE(again.body);
    // 202 was the truth then; by now the outcome is known.
    const bool repeated = each.status != 0 && each.status != 202;
    if (repeated) {
      REQUIRE(again.status == each.status);
      REQUIRE(again.body == each.answer);
      REQUIRE(again.header("location") == each.location);
      REQUIRE(again.header("idempotent-replayed") == "true");
    } else {
      REQUIRE(is_answer(again.status));
      if (each.id != 0) REQUIRE(id_in(again) == each.id);
      take_answer(each, again);
    }
  }
}

/// The money that moved is the money that the reservations say has moved.
void check_ledger(const std::filesystem::path& data, const rows& listed) {
  struct account {
    int charges = 0;
    int refunds = 0;
    std::int64_t net = 0;
  };
  std::map<std::uint64_t, account> accounts;
  payments::for_each_ledger_entry(data / "sandbox", [&](const payments::ledger_entry& entry) {
    const bool charge = entry.what == payments::ledger_entry::kind::charge;
    auto& account = accounts[entry.reservation];
    ++(charge ? account.charges : account.refunds);
    account.net += charge ? entry.price.amount_minor : -entry.price.amount_minor;
  });
  for (const auto& [id, row] : listed) {
    CAPTURE(id);
    CAPTURE(row.payment);
    const account account = accounts[id];
    const bool charged = row.payment == "paid" || row.payment == "payment_cancelled";
    REQUIRE(account.charges == (charged ? 1 : 0));
    REQUIRE(account.refunds == (row.payment == "payment_cancelled" ? 1 : 0));
    REQUIRE(account.net == (row.payment == "paid" ? row.price : 0));
  }
  for (const auto& [id, account] : accounts) {
    CAPTURE(id);
    REQUIRE((listed.contains(id) || account.charges == 0));
  }
}

/// `<book>-<n>`: from 1 on, each once and none left out.
void check_receipt_numbers(const rows& listed) {
  std::map<std::string, std::set<std::uint64_t>> books;
  for (const auto& [id, row] : listed) {
    if (row.receipt_no.empty()) {
      REQUIRE(row.receipt != "receipt_issued");
      continue;
    }
    const auto dash = row.receipt_no.find('-');
    REQUIRE(dash != std::string::npos);
    CAPTURE(row.receipt_no);
    REQUIRE(
        books[row.receipt_no.substr(0, dash)].insert(std::stoull(row.receipt_no.substr(dash + 1))).second);
  }
  for (const auto& [book, numbers] : books) {
    CAPTURE(book);
    REQUIRE(*numbers.begin() == 1);
    REQUIRE(*numbers.rbegin() == numbers.size());
  }
}

/// Everything that must hold once the server runs again.
void check_store(std::uint16_t port, const std::filesystem::path& data, std::vector<placement>& placements) {
  http_client client(port);
  REQUIRE(wait_for_view(client));
  check_acknowledged(client, placements, wait_for_rest(client, placements));
  check_keys(client, placements);
  // The keys without an answer may have placed anew.
  const auto listed = wait_for_rest(client, placements);
  check_acknowledged(client, placements, listed);
  check_ledger(data, listed);
  check_receipt_numbers(listed);
}

void add(std::vector<placement>& all, std::vector<placement> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

TEST_CASE("nothing acknowledged is lost and nothing is left half done when the server is killed under load") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const temporary_folder folder;
  auto server = std::make_unique<serving_process>(folder.path(), flags);
  std::vector<placement> all;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const int answers = 20 + static_cast<int>(random() % 400);
    add(all, serve_customers(server->port(), random(), answers, [&] { server->kill(); }));
    server = std::make_unique<serving_process>(folder.path(), flags);
    check_store(server->port(), folder.path(), all);
  }
  CHECK(server->terminate() == 0);
}

TEST_CASE("a server that is told to end under load keeps all it answered and ends with 0") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  const temporary_folder folder;
  std::vector<placement> all;
  {
    serving_process server(folder.path(), flags);
    all = serve_customers(server.port(), seed, 300, [&] {
      server.process().send(SIGTERM);
      CHECK(server.process().wait_for_exit() == 0);
    });
  }
  serving_process server(folder.path(), flags);
  check_store(server.port(), folder.path(), all);
}

}  // namespace
}  // namespace holdfast::testing
