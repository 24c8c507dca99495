// The story of every reservation, told three times: to its customers, in the rows of the view, and
// in the payment provider's ledger. These checks hold the three against each other once a server
// runs again after whatever happened to it.
//
// Used by one thread; each check is of doctest and ends the test case where it fails.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "payments/sandbox_ledger.hpp"
#include "tests/support/customers.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/sandbox_process.hpp"

namespace holdfast::testing {

/// For everything together to come to rest: backed-off retries and the breaker's rests included.
inline constexpr std::chrono::minutes rest_deadline{3};

/// One movement of money at the provider.
struct money_moved {
  std::uint64_t reservation = 0;
  bool is_charge = false;
  std::int64_t amount = 0;
};
using ledger_reader = std::function<std::vector<money_moved>()>;

/// Of the sandbox within a server with this data folder.
inline ledger_reader ledger_in(const std::filesystem::path& data) {
  return [data] {
    std::vector<money_moved> moved;
    payments::for_each_ledger_entry(data / "sandbox", [&](const payments::ledger_entry& entry) {
      const bool is_charge = entry.what == payments::ledger_entry::kind::charge;
      moved.push_back({entry.reservation, is_charge, entry.price.amount_minor});
    });
    return moved;
  };
}

/// Of a provider that is a process of its own.
inline std::vector<money_moved> moved_by(sandbox_process& provider) {
  std::vector<money_moved> moved;
  for (const auto& each : provider.ledger()) {
    moved.push_back({each.reservation, each.kind == "charge", each.amount});
  }
  return moved;
}

/// One reservation with its payment and receipt, as /myReservations shows it.
struct row {
  std::string status;
  std::string payment;
  std::string receipt;
  std::string receipt_no;
  std::int64_t price = 0;
};
using rows = std::map<std::uint64_t, row>;

inline row read_row(const rapidjson::Value& document) {
  const auto text = [&](const char* name) {
    const auto& value = document[name];
    return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : std::string();
  };
  return {text("status"), text("paymentStatus"), text("receiptStatus"), text("receiptNo"),
          document["price"].GetInt64()};
}

inline rows read_rows(http_client& client) {
  rows all;
  for_each_row(client, "myReservations", [&](const rapidjson::Value& document) {
    all[document["id"].GetUint64()] = read_row(document);
  });
  return all;
}

/// Nothing is half done: paid with a receipt, or cancelled with nothing owed.
inline bool has_ended(const row& of) {
  if (of.status == "reservated") return of.payment == "paid" && of.receipt == "receipt_issued";
  if (of.status != "reservation_cancelled") return false;
  if (of.payment == "payment_cancelled") return of.receipt == "receipt_cancelled";
  return (of.payment == "payment_declined" || of.payment == "payment_failed") && of.receipt.empty();
}

/// The first thing that is not at rest, empty where all is.
inline std::string not_at_rest(const rows& listed, const std::vector<placement*>& placements) {
  for (const auto& [id, row] : listed) {
    if (!has_ended(row)) return std::to_string(id) + " is half done: " + row.status + ", " + row.payment;
  }
  for (const auto* each : placements) {
    if (each->id != 0 && !listed.contains(each->id)) return std::to_string(each->id) + " is lost";
  }
  return {};
}

/// Waits until every saga has ended and everything acknowledged is listed.
inline rows wait_for_rest(http_client& client, const std::vector<placement*>& placements) {
  // One by one first: a list of all of them is dear to ask for again and again.
  for (const auto& [id, row] : read_rows(client)) {
    const std::string target = "/myReservations/" + std::to_string(id);
    const auto ended = [&] { return has_ended(read_row(client.document(target))); };
    if (!has_ended(row) && !eventually(ended, rest_deadline)) break;
  }
  rows all;
  std::string restless;
  const bool at_rest = eventually([&] {
    all = read_rows(client);
    restless = not_at_rest(all, placements);
    return restless.empty();
  });
  CAPTURE(restless);
  REQUIRE(at_rest);
  return all;
}

/// Whether a placement that was answered so may have ended in this row.
inline bool may_have_ended_in(const placement& told, const row& row) {
  const bool tried_to_cancel = told.cancelled != cancellation::not_tried;
  const bool has_to_be_cancelled =
      told.cancelled == cancellation::acknowledged || told.cancelled == cancellation::accepted;
  if (has_to_be_cancelled && row.status != "reservation_cancelled") return false;
  switch (told.status) {
    case 201:
      return row.payment == "paid" || (tried_to_cancel && row.payment == "payment_cancelled");
    case 202:
      return row.payment != "payment_cancelled" || tried_to_cancel;
    case 402:
      return row.payment == "payment_declined";
    case 409:
      return row.status == "reservation_cancelled" && tried_to_cancel;
    case 503:
      return row.payment == "payment_failed";
    default:
      return false;
  }
}

inline void check_acknowledged(http_client& client, const std::vector<placement*>& placements,
                               const rows& listed) {
  std::set<std::uint64_t> ids;
  for (const auto* each : placements) {
    if (each->id == 0) continue;
    CAPTURE(each->id);
    CAPTURE(each->status);
    CAPTURE(static_cast<int>(each->cancelled));
    REQUIRE(ids.insert(each->id).second);
    REQUIRE(listed.contains(each->id));
    const row& row = listed.at(each->id);
    CAPTURE(row.status);
    CAPTURE(row.payment);
    REQUIRE(may_have_ended_in(*each, row));
    const auto by_id = client.document("/myReservations/" + std::to_string(each->id));
    REQUIRE(text_at(by_id, "/status") == row.status);
  }
}

/// A key whose answer is known gets it again; one whose answer was lost gets one now, and the
/// same from then on.
inline void check_keys(http_client& client, const std::vector<placement*>& placements) {
  for (auto* each : placements) {
    if (each->key.empty()) continue;
    CAPTURE(each->key);
    CAPTURE(each->status);
    CAPTURE(each->answer);
    const auto again = client.place_with_key(each->body, each->key);
    CAPTURE(again.body);
    REQUIRE(wrong_in_repeat(*each, again) == "");
    // At rest nothing is open, and one client alone is never too much.
    REQUIRE(id_in(again) != 0);
    take_answer(*each, again);
  }
}

/// The money that moved is the money that the reservations say has moved.
inline void check_ledger(const std::vector<money_moved>& ledger, const rows& listed) {
  struct account {
    int charges = 0;
    int refunds = 0;
    std::int64_t net = 0;
  };
  std::map<std::uint64_t, account> accounts;
  for (const auto& each : ledger) {
    auto& account = accounts[each.reservation];
    ++(each.is_charge ? account.charges : account.refunds);
    account.net += each.is_charge ? each.amount : -each.amount;
  }
  for (const auto& [id, row] : listed) {
    CAPTURE(id);
    CAPTURE(row.payment);
    const account account = accounts[id];
    const bool charged = row.payment == "paid" || row.payment == "payment_cancelled";
    REQUIRE(account.charges == (charged ? 1 : 0));
    REQUIRE(account.refunds == (row.payment == "payment_cancelled" ? 1 : 0));
    REQUIRE(account.net == (row.status == "reservated" ? row.price : 0));
  }
  for (const auto& [id, account] : accounts) {
    CAPTURE(id);
    REQUIRE((listed.contains(id) || account.charges == 0));
  }
}

/// `<book>-<n>`, of issued and void receipts alike: from 1 on, each once and none left out.
inline void check_receipt_numbers(const rows& listed) {
  std::map<std::string, std::set<std::uint64_t>> books;
  for (const auto& [id, row] : listed) {
    CAPTURE(id);
    if (row.receipt_no.empty()) {
      REQUIRE(row.receipt != "receipt_issued");
      continue;
    }
    const auto dash = row.receipt_no.find('-');
    CAPTURE(row.receipt_no);
    REQUIRE(dash != std::string::npos);
    const auto number = std::stoull(row.receipt_no.substr(dash + 1));
    REQUIRE(books[row.receipt_no.substr(0, dash)].insert(number).second);
  }
  for (const auto& [book, numbers] : books) {
    CAPTURE(book);
    REQUIRE(*numbers.begin() == 1);
    REQUIRE(*numbers.rbegin() == numbers.size());
  }
}

/// Every collection has a row of each reservation, receipts those that were paid, and counts them.
inline void check_totals(http_client& client, const rows& listed) {
  std::size_t receipts = 0;
  for (const auto& [id, row] : listed) receipts += row.receipt.empty() ? 0 : 1;
  for (const std::string collection : {"preReservations", "payments", "receipts", "myReservations"}) {
    CAPTURE(collection);
    const auto expected = collection == "receipts" ? receipts : listed.size();
    std::set<std::uint64_t> ids;
    for_each_row(client, collection, [&](const auto& each) { ids.insert(each["id"].GetUint64()); });
    REQUIRE(ids.size() == expected);
    const auto page = client.document("/" + collection + "?size=1");
    REQUIRE(json_at(page, "/page/totalElements") == std::to_string(expected));
  }
}

/// Everything that must hold once the server runs again; what was not at rest comes to rest first.
inline void check_stories(std::uint16_t port, const std::vector<placement*>& placements,
                          const ledger_reader& ledger) {
  http_client client(port);
  REQUIRE(wait_for_view(client));
  check_acknowledged(client, placements, wait_for_rest(client, placements));
  check_keys(client, placements);
  // The keys without an answer may have placed anew.
  const auto listed = wait_for_rest(client, placements);
  check_acknowledged(client, placements, listed);
  check_ledger(ledger(), listed);
  check_receipt_numbers(listed);
  check_totals(client, listed);
}

}  // namespace holdfast::testing
