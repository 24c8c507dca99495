#include "journal_transfer.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "journal_walk.hpp"
#include "storage/journal_file.hpp"

namespace holdfast {

namespace {

using storage::entity_id;
using storage::exported_record;
using storage::journal_kind;
using storage::journal_record;
using storage::position;
using storage::shard_id;

/// Records that one sync makes durable.
constexpr std::size_t entries_at_once = 1024;

/// Whether the reservation has heard what the desk has done.
bool is_known(const journal_record& record, const folded_shard& reservations) {
  const auto* state = reservations.find(record.entity);
  if (state == nullptr) return false;
  return std::holds_alternative<domain::receipts::issued>(receipt_events(record).front())
             ? !state->receipt_no.empty()
             : state->receipt == domain::receipt_status::receipt_cancelled;
}

// --- Export ---

class exporting {
 public:
  exporting(const shop_journals& from, const std::string& path, const transfer_progress& told)
      : from_(from),
        told_(told),
        ends_(ends_of(from.reservations)),
        receipt_ends_(ends_of(from.receipts)),
        total_(sum_of(ends_) + sum_of(receipt_ends_)),
        file_(path, total_) {}

  transfer_counts run() {
    for (std::uint32_t shard = 0; shard < storage::shard_count; ++shard) {
      export_shard(static_cast<shard_id>(shard));
    }
    file_.end();
    return counts_;
  }

 private:
  void export_shard(shard_id shard) {
    folded_shard reservations;
    auto keys = ends_[shard] == 0 ? std::map<entity_id, storage::idempotency_claim>()
                                  : keys_of(from_.reservations, shard);
    for_each_record(from_.reservations, shard, ends_[shard], [&](journal_record& record) {
      reservations.take(record);
      std::optional<storage::idempotency_claim> key;
      if (record.first_sequence == 1) {
        ++counts_.reservations;
        if (auto found = keys.extract(record.entity)) key = std::move(found.mapped());
        counts_.keys += key ? 1 : 0;
      }
      add({journal_kind::reservations, std::move(record), std::move(key)});
    });
    std::vector<journal_record> receipts;
    std::size_t known = 0;
    for_each_record(from_.receipts, shard, receipt_ends_[shard], [&](journal_record& record) {
      receipts.push_back(std::move(record));
      if (is_known(receipts.back(), reservations)) known = receipts.size();
    });
    receipts.resize(known);
    for (auto& record : receipts) {
      counts_.receipts += record.first_sequence == 1 ? 1 : 0;
      add({journal_kind::receipts, std::move(record), std::nullopt});
    }
  }

  void add(const exported_record& one) {
    file_.add(one);
    told_(++counts_.records, total_);
  }

  const shop_journals from_;
  const transfer_progress& told_;
  /// The reservations' first: see the header.
  const std::vector<position> ends_;
  const std::vector<position> receipt_ends_;
  const std::uint64_t total_;
  storage::journal_file_writer file_;
  transfer_counts counts_;
};

// --- Import ---

/// Appends to one journal in batches.
class importing_journal {
 public:
  explicit importing_journal(storage::journal& to) : to_(to) {
    if (sum_of(ends_of(to)) != 0) {
      throw transfer_failure("there are records already where they would go: give a store that is empty");
    }
    std::vector<shard_id> all;
    for (std::uint32_t shard = 0; shard < storage::shard_count; ++shard) {
      all.push_back(static_cast<shard_id>(shard));
    }
    const auto claims = answer_to<std::vector<storage::shard_claim>>(
        [&](auto done) { to_.claim(std::move(all), std::move(done)); });
    for (const auto& claim : claims) epochs_[claim.shard] = claim.owner_epoch;
  }

  void add(exported_record one, bool unfinished, std::optional<std::uint64_t> counter) {
    auto& record = one.record;
    positions_.push_back(record.at);
    entries_.push_back({.shard = record.shard,
                        .owner_epoch = epochs_[record.shard],
                        .entity = record.entity,
                        .expected_sequence = record.first_sequence - 1,
                        .event_count = record.event_count,
                        .record = std::move(record.record),
                        .unfinished = unfinished,
                        .key = std::move(one.key),
                        .counter = counter});
    if (entries_.size() == entries_at_once) flush();
  }

  void flush() {
    if (entries_.empty()) return;
    const auto verdicts = answer_to<std::vector<storage::append_verdict>>(
        [&](auto done) { to_.append(std::exchange(entries_, {}), std::move(done)); });
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      if (verdicts[i].status == storage::append_status::appended && verdicts[i].at == positions_[i]) continue;
      throw transfer_failure("the store refused position " + std::to_string(positions_[i]) +
                             " of a shard: does something else write to it?");
    }
    positions_.clear();
  }

 private:
  storage::journal& to_;
  std::array<storage::epoch, storage::shard_count> epochs_{};
  std::vector<storage::journal_entry> entries_;
  std::vector<position> positions_;
};

class importing {
 public:
  importing(const std::string& path, const shop_journals& to, const transfer_progress& told)
      : told_(told), file_(path), reservations_(to.reservations), receipts_(to.receipts) {}

  transfer_counts run() {
    while (auto one = file_.next()) {
      check_well_formed(one->record);
      one->kind == journal_kind::reservations ? add_reservation(std::move(*one))
                                              : add_receipt(std::move(*one));
      told_(++counts_.records, file_.total());
    }
    reservations_.flush();
    receipts_.flush();
    return counts_;
  }

 private:
  /// A journal ends the process where it is given what no program should.
  static void check_well_formed(const journal_record& record) {
    const bool good = record.entity != 0 && storage::shard_of(record.entity) == record.shard &&
                      record.event_count > 0 && record.first_sequence > 0 &&
                      record.record.size() <= storage::largest_record_bytes;
    if (!good) throw transfer_failure(place_of(record) + " can't be a record");
  }

  void add_reservation(exported_record one) {
    if (one.record.shard != shard_) folded_ = {};
    shard_ = one.record.shard;
    const bool unfinished = !domain::finished(folded_.take(one.record));
    counts_.reservations += one.record.first_sequence == 1 ? 1 : 0;
    counts_.keys += one.key ? 1 : 0;
    reservations_.add(std::move(one), unfinished, std::nullopt);
  }

  /// A receipt has nothing to do by itself; the book counts those that were issued.
  void add_receipt(exported_record one) {
    std::optional<std::uint64_t> counter;
    for (const auto& event : receipt_events(one.record)) {
      if (const auto* issued = std::get_if<domain::receipts::issued>(&event)) counter = issued->number;
    }
    counts_.receipts += one.record.first_sequence == 1 ? 1 : 0;
    receipts_.add(std::move(one), false, counter);
  }

  const transfer_progress& told_;
  storage::journal_file_reader file_;
  importing_journal reservations_;
  importing_journal receipts_;
  shard_id shard_ = 0;
  folded_shard folded_;
  transfer_counts counts_;
};

template <class Run>
tl::expected<transfer_counts, std::string> guarded(const Run& run) {
  try {
    return run();
  } catch (const transfer_failure& failure) {
    return tl::unexpected(std::string(failure.what()));
  } catch (const storage::journal_file_failure& failure) {
    return tl::unexpected(std::string(failure.what()));
  }
}

}  // namespace

tl::expected<transfer_counts, std::string> export_journals(const shop_journals& from, const std::string& path,
                                                           const transfer_progress& told) {
  return guarded([&] { return exporting(from, path, told).run(); });
}

tl::expected<transfer_counts, std::string> import_journals(const std::string& path, const shop_journals& to,
                                                           const transfer_progress& told) {
  return guarded([&] { return importing(path, to, told).run(); });
}

}  // namespace holdfast
