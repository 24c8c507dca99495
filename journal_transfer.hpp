// Brings the journals of a shop into a file and from a file into another store, and looks whether journals
// are in order.
//
// What is exported is of one moment, also while the shop is open: the reservations as they were when it
// began, and of the receipts, which are read afterwards, all that these reservations know of. A receipt that
// none of them knows of is left out with all behind it in its book, so that its number is free again; the
// desk issues it anew.
//
// Threading: one thread; blocks on the journals. Memory: one shard at a time, one of 256.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "storage/journal.hpp"

namespace holdfast {

/// Both journals of a shop. They outlive it.
struct shop_journals {
  storage::journal& reservations;
  storage::journal& receipts;
};

struct transfer_counts {
  std::uint64_t reservations = 0;
  std::uint64_t receipts = 0;
  std::uint64_t records = 0;
  std::uint64_t keys = 0;
};

/// Told how many records there are of how many.
using transfer_progress = std::function<void(std::uint64_t records, std::uint64_t of)>;

tl::expected<transfer_counts, std::string> export_journals(const shop_journals& from, const std::string& path,
                                                           const transfer_progress& told);

/// Into journals that have nothing yet. Fails half-way, it leaves what is there: empty it and begin again.
tl::expected<transfer_counts, std::string> import_journals(const std::string& path, const shop_journals& to,
                                                           const transfer_progress& told);

}  // namespace holdfast
