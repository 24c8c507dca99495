// The sandbox's ledger on disk: the bank's records, one line each, only ever appended to:
//
//   <kind> <ms since 1970> <reservation> <attempt> <amount> <currency> <reason> <key>\n
//
// kind: C captured, D declined, F failed, X cancelled, R refunded; a dash where there is no
// currency or reason; the key is the rest of the line, with X a hash of it. F is read, not
// written any more.
//
// The file is grown ahead and a window of it mapped into memory, so that a record costs no call of
// the system; until it is closed zeros stand behind the last line. A byte is stored once, and none is zero:
// the first zero ends the ledger for every reader, beside the writer and after a crash, in whatever order
// the bytes came. Not synced: it survives its process, and a lost machine loses its tail.
//
// What follows the last newline is torn and cut off on opening, with the zeros; other lines that don't
// parse are skipped and counted.
//
// Threading: none of its own; one thread at a time. It has the file for itself, by a lock that goes
// with the process; ledger_entries() may run beside it.
#pragma once

#include <cstddef>
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
  /// What the file is grown by and what of it is mapped at once.
  static constexpr std::size_t window_bytes = 1 << 20;

  /// Creates the folder and the file where they are missing, and hands over the records that it
  /// holds. Throws std::system_error where it can't, or where another has it open.
  sandbox_ledger(const std::filesystem::path& folder,
                 const std::function<void(std::uint64_t file_bytes)>& before_the_first,
                 const std::function<void(const bank_record&)>& each);
  ~sandbox_ledger();
  sandbox_ledger(const sandbox_ledger&) = delete;
  sandbox_ledger& operator=(const sandbox_ledger&) = delete;

  /// Gathers a record for the next flush.
  void add(const bank_record& record);

  /// Appends all that was gathered; a kill leaves it in the file from then on. False where the disk
  /// did not take all of it; the rest stays gathered for the next flush.
  bool flush();

  std::uint64_t lines_skipped() const { return lines_skipped_; }

 private:
  bool map_window();
  void unmap_window();

  int file_ = -1;
  /// The part of the file that end_ lies in; nothing before the first record and where it is full.
  char* window_ = nullptr;
  /// Where the next byte goes.
  std::uint64_t end_ = 0;
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
