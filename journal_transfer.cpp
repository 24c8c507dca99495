#include "journal_transfer.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "blocking_calls.hpp"
#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "storage/event_codec.hpp"
#include "storage/journal_file.hpp"

namespace holdfast {

namespace {

using storage::entity_id;
using storage::exported_record;
using storage::journal_kind;
using storage::journal_record;
using storage::position;
using storage::shard_id;

constexpr std::uint32_t records_read_at_once = 1024;
constexpr std::uint32_t keys_at_once = 1024;
/// Records that one sync makes durable.
constexpr std::size_t entries_at_once = 1024;

struct transfer_failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Answer, class Call>
Answer answer_to(Call&& call) {
  auto result = wait_for_answer<storage::journal_result<Answer>>(std::forward<Call>(call));
  if (!result) throw transfer_failure(result.error().message);
  return std::move(*result);
}

std::vector<position> ends_of(storage::journal& journal) {
  return answer_to<std::vector<position>>([&](auto done) { journal.read_ends(std::move(done)); });
}

std::uint64_t sum(const std::vector<position>& ends) {
  std::uint64_t all = 0;
  for (const auto end : ends) all += end;
  return all;
}

std::string name_of(const journal_record& record) {
  return "position " + std::to_string(record.at) + " of shard " + std::to_string(record.shard);
}

/// Up to a position.
void for_each_record(storage::journal& journal, shard_id shard, position end,
                     const std::function<void(journal_record&)>& each) {
  for (position next = 1; next <= end;) {
    const auto limit = static_cast<std::uint32_t>(std::min<position>(records_read_at_once, end - next + 1));
    auto records = answer_to<std::vector<journal_record>>(
        [&](auto done) { journal.read_shard(shard, next, limit, std::move(done)); });
    if (records.empty()) {
      throw transfer_failure("shard " + std::to_string(shard) + " lacks position " + std::to_string(next));
    }
    for (auto& record : records) {
      if (record.at != next++) throw transfer_failure("before " + name_of(record) + " a record is missing");
      each(record);
    }
  }
}

std::map<entity_id, storage::idempotency_claim> keys_of(storage::journal& journal, shard_id shard) {
  std::map<entity_id, storage::idempotency_claim> keys;
  for (std::string after;;) {
    const auto some = answer_to<std::vector<storage::kept_key>>(
        [&](auto done) { journal.list_keys(shard, after, keys_at_once, std::move(done)); });
    for (const auto& one : some) keys[one.entity] = one.claim;
    if (some.size() < keys_at_once) return keys;
    after = some.back().claim.key;
  }
}

template <class Events>
Events decoded(tl::expected<Events, storage::codec_error> events, const journal_record& record) {
  if (!events) throw transfer_failure(name_of(record) + ": " + events.error().message);
  if (events->size() != record.event_count || events->empty()) {
    throw transfer_failure(name_of(record) + ": it says that it has " + std::to_string(record.event_count) +
                           " events and has " + std::to_string(events->size()));
  }
  return std::move(*events);
}
std::vector<domain::reservation_event> reservation_events(const journal_record& record) {
  return decoded(storage::decode_reservation_events(record.record), record);
}
std::vector<domain::receipts::event> receipt_events(const journal_record& record) {
  return decoded(storage::decode_receipt_events(record.record), record);
}

/// The reservations of one shard as their records come.
class folded_shard {
 public:
  /// What it becomes by the record.
  const domain::reservation& take(const journal_record& record) {
    auto& state = states_[record.entity];
    if (state.version + 1 != record.first_sequence) {
      throw transfer_failure(name_of(record) + ": events of reservation " + std::to_string(record.entity) +
                             " before it are missing");
    }
    for (const auto& event : reservation_events(record)) domain::apply(state, event);
    return state;
  }
  const domain::reservation* find(entity_id id) const {
    const auto found = states_.find(id);
    return found == states_.end() ? nullptr : &found->second;
  }
  const std::map<entity_id, domain::reservation>& all() const { return states_; }

 private:
  std::map<entity_id, domain::reservation> states_;
};

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
        total_(sum(ends_) + sum(receipt_ends_)),
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
    if (sum(ends_of(to)) != 0) {
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
    if (!good) throw transfer_failure(name_of(record) + " can't be a record");
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

// --- Verification ---

class verification {
 public:
  verification(const shop_journals& journals, const std::function<void(const std::string&)>& wrong,
               const transfer_progress& told)
      : of_(journals),
        wrong_(wrong),
        told_(told),
        ends_(ends_of(journals.reservations)),
        receipt_ends_(ends_of(journals.receipts)),
        total_(sum(ends_) + sum(receipt_ends_)) {}

  transfer_counts run() {
    for (std::uint32_t shard = 0; shard < storage::shard_count; ++shard) {
      try {
        look_at(static_cast<shard_id>(shard));
      } catch (const transfer_failure& failure) {
        // What follows in the shard can't be judged.
        wrong_(failure.what());
      }
    }
    return counts_;
  }

 private:
  void look_at(shard_id shard) {
    folded_shard reservations;
    for_each_record(of_.reservations, shard, ends_[shard], [&](journal_record& record) {
      reservations.take(record);
      told_(++counts_.records, total_);
    });
    counts_.reservations += reservations.all().size();
    check_keys(shard, reservations);
    check_unfinished(shard, reservations);
    check_receipts(shard, reservations);
  }

  void check_keys(shard_id shard, const folded_shard& reservations) {
    for (const auto& [entity, claim] : keys_of(of_.reservations, shard)) {
      ++counts_.keys;
      if (reservations.find(entity) != nullptr) continue;
      // It may have come since.
      if (!read_again(entity).empty()) continue;
      wrong_("shard " + std::to_string(shard) + " has a key of reservation " + std::to_string(entity) +
             ", which is not there");
    }
  }

  void check_unfinished(shard_id shard, const folded_shard& reservations) {
    std::set<entity_id> listed;
    for (entity_id after = 0;;) {
      const auto some = unfinished_behind(shard, after, records_read_at_once);
      listed.insert(some.begin(), some.end());
      if (some.size() < records_read_at_once) break;
      after = some.back();
    }
    for (const auto& [id, state] : reservations.all()) {
      if (domain::finished(state) != listed.contains(id) || is_right_now(id)) continue;
      wrong_("reservation " + std::to_string(id) + " is " +
             (domain::finished(state) ? "finished" : "unfinished") +
             ", and the index of unfinished ones says otherwise");
    }
  }

  /// Beside a running server it may have changed between two looks.
  bool is_right_now(entity_id id) {
    folded_shard now;
    const domain::reservation* state = nullptr;
    for (const auto& record : read_again(id)) state = &now.take(record);
    const auto listed = unfinished_behind(storage::shard_of(id), id - 1, 1);
    return state != nullptr && domain::finished(*state) == (listed.empty() || listed.front() != id);
  }

  std::vector<journal_record> read_again(entity_id id) {
    return answer_to<std::vector<journal_record>>(
        [&](auto done) { of_.reservations.read_entity(id, std::move(done)); });
  }
  std::vector<entity_id> unfinished_behind(shard_id shard, entity_id after, std::uint32_t limit) {
    return answer_to<std::vector<entity_id>>(
        [&](auto done) { of_.reservations.list_unfinished(shard, after, limit, std::move(done)); });
  }

  void check_receipts(shard_id shard, const folded_shard& reservations) {
    std::map<entity_id, domain::receipts::receipt> receipts;
    std::uint64_t last_number = 0;
    for_each_record(of_.receipts, shard, receipt_ends_[shard], [&](journal_record& record) {
      auto& state = receipts[record.entity];
      if (state.version + 1 != record.first_sequence) {
        throw transfer_failure("receipts, " + name_of(record) + ": events before it are missing");
      }
      for (const auto& event : receipt_events(record)) {
        const auto* issued = std::get_if<domain::receipts::issued>(&event);
        if (issued != nullptr && issued->number != ++last_number) {
          wrong_("book " + std::to_string(shard) + " has number " + std::to_string(issued->number) +
                 " where " + std::to_string(last_number) + " has to be");
        }
        state = domain::receipts::evolve(std::move(state), event);
      }
      told_(++counts_.records, total_);
    });
    counts_.receipts += receipts.size();
    for (const auto& [id, state] : reservations.all()) {
      if (state.receipt_no.empty()) continue;
      const auto found = receipts.find(id);
      const auto number =
          found == receipts.end() ? "none" : domain::receipts::receipt_no(shard, found->second.number);
      if (number == state.receipt_no) continue;
      wrong_("reservation " + std::to_string(id) + " has the receipt " + state.receipt_no +
             ", and the receipt desk has " + number);
    }
  }

  const shop_journals of_;
  const std::function<void(const std::string&)>& wrong_;
  const transfer_progress& told_;
  const std::vector<position> ends_;
  const std::vector<position> receipt_ends_;
  const std::uint64_t total_;
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

tl::expected<transfer_counts, std::string> verify_journals(
    const shop_journals& journals, const std::function<void(const std::string& fault)>& wrong,
    const transfer_progress& told) {
  return guarded([&] { return verification(journals, wrong, told).run(); });
}

}  // namespace holdfast
