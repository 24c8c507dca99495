#include "journal_verification.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "journal_walk.hpp"

namespace holdfast {

namespace {

using storage::entity_id;
using storage::journal_record;
using storage::position;
using storage::shard_id;

constexpr std::uint32_t unfinished_at_once = 1024;

class verification {
 public:
  verification(const shop_journals& journals, const std::function<void(const std::string&)>& wrong,
               const transfer_progress& told)
      : of_(journals),
        wrong_(wrong),
        told_(told),
        ends_(ends_of(journals.reservations)),
        receipt_ends_(ends_of(journals.receipts)),
        total_(sum_of(ends_) + sum_of(receipt_ends_)) {}

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
      const auto some = unfinished_behind(shard, after, unfinished_at_once);
      listed.insert(some.begin(), some.end());
      if (some.size() < unfinished_at_once) break;
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
        throw transfer_failure("receipts, " + place_of(record) + ": events before it are missing");
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

}  // namespace

tl::expected<transfer_counts, std::string> verify_journals(
    const shop_journals& journals, const std::function<void(const std::string& fault)>& wrong,
    const transfer_progress& told) {
  try {
    return verification(journals, wrong, told).run();
  } catch (const transfer_failure& failure) {
    return tl::unexpected(std::string(failure.what()));
  }
}

}  // namespace holdfast
