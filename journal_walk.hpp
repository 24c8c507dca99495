// Reads the journals of a shop shard by shard, for those who move or judge them: what can't be read, or can't
// be what it says, is thrown. Blocks on the journal, which outlives each call; used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "blocking_calls.hpp"
#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "storage/journal.hpp"

namespace holdfast {

/// Says where, in a sentence.
struct transfer_failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Answer, class Call>
Answer answer_to(Call&& call) {
  auto result = wait_for_answer<storage::journal_result<Answer>>(std::forward<Call>(call));
  if (!result) throw transfer_failure(result.error().message);
  return std::move(*result);
}

std::vector<storage::position> ends_of(storage::journal& journal);
std::uint64_t sum_of(const std::vector<storage::position>& ends);

/// "position 7 of shard 3"
std::string place_of(const storage::journal_record& record);

/// From the first up to a position, without a gap.
void for_each_record(storage::journal& journal, storage::shard_id shard, storage::position end,
                     const std::function<void(storage::journal_record&)>& each);

/// By the entity that claimed each.
std::map<storage::entity_id, storage::idempotency_claim> keys_of(storage::journal& journal,
                                                                 storage::shard_id shard);

std::vector<domain::reservation_event> reservation_events(const storage::journal_record& record);
std::vector<domain::receipts::event> receipt_events(const storage::journal_record& record);

/// The reservations of one shard as their records come.
class folded_shard {
 public:
  /// What it becomes by the record.
  const domain::reservation& take(const storage::journal_record& record);
  /// Null where there is none.
  const domain::reservation* find(storage::entity_id id) const;
  const std::map<storage::entity_id, domain::reservation>& all() const { return states_; }

 private:
  std::map<storage::entity_id, domain::reservation> states_;
};

}  // namespace holdfast
