// The sandbox's ledger on disk: the bank's records, one line each, only ever appended to:
//
//   <kind> <ms since 1970> <reservation> <attempt> <amount> <currency> <reason> <key>\n
//
// kind: C captured, D declined, F failed, X cancelled, R refunded; a dash where there is no
// currency or reason; the key is the rest of the line, with X a hash of it. F is read, not
// written any more. Not synced: it survives its process, and
// a lost machine loses its tail. What follows the last newline is torn and cut off on opening;
// other lines that don't parse are skipped and counted.
//
// Threading: none of its own; one thread at a time. ledger_entries() may run beside a writer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/types.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast::payments {

/// Money that moved.
struct ledger_entry {
  enum class kind : std::uint8_t { charge, refund };
  std::string idempotency_key;
  domain::reservation_id reservation = 0;
  domain::money price;
  kind what = kind::charge;
  domain::timestamp at;
  /// Of the payment intent that was captured or refunded.
  std::string transaction_id;
};

class sandbox_ledger {
 public:
  /// Creates the folder and the file where they are missing, and hands over the records that it
  /// holds. Throws std::system_error where it can't.
  sandbox_ledger(const std::filesystem::path& folder,
                 const std::function<void(std::uint64_t file_bytes)>& before_the_first,
                 const std::function<void(const bank_record&)>& each);
  ~sandbox_ledger();
  sandbox_ledger(const sandbox_ledger&) = delete;
  sandbox_ledger& operator=(const sandbox_ledger&) = delete;

  /// Gathers a record for the next flush.
  void add(const bank_record& record);

  /// One write for all that was gathered. False where the disk did not take all of it; the rest
  /// stays gathered for the next flush.
  bool flush();

  std::uint64_t lines_skipped() const { return lines_skipped_; }

 private:
  int file_ = -1;
  std::string gathered_;
  std::uint64_t lines_skipped_ = 0;
};

/// The charges and refunds of the ledger in a folder, in their order, one at a time. How many
/// lines were skipped because they don't parse.
std::uint64_t for_each_ledger_entry(const std::filesystem::path& folder,
                                    const std::function<void(const ledger_entry&)>& each);

/// All of them at once: for tests and small ledgers.
std::vector<ledger_entry> ledger_entries(const std::filesystem::path& folder);

}  // namespace holdfast::payments
