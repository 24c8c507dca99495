// What a run leaves behind for the checker to judge: what its customers asked for and heard, what
// the journals hold, what the provider booked, what the view shows, and which faults there were.
// Simulation, chaos and power loss all fill in this one form; what one of them can't know stays
// as it is here and is not judged.
//
// Values only; one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/reservation.hpp"
#include "storage/journal.hpp"

namespace holdfast::proof {

/// Microseconds since the run began, by the one clock of whoever records the run: never falls,
/// whatever the clocks of the engine do. Two operations overlap unless one's `completed` is
/// smaller than the other's `invoked`.
using moment = std::int64_t;

using domain::reservation_id;

/// A reservation as a document showed it. A field that the document lacks keeps its `none`.
struct observation {
  reservation_id reservation = 0;
  std::uint64_t version = 0;
  domain::reservation_status status = domain::reservation_status::none;
  domain::payment_status payment = domain::payment_status::none;
  domain::receipt_status receipt = domain::receipt_status::none;
  std::string receipt_no;

  bool operator==(const observation&) const = default;
};

enum class operation_kind : std::uint8_t {
  place,
  cancel,
  read,
  list,
  /// What an operator asks for: `request` is "retry" or "cancel", the reason given that of reason_of(), and
  /// `answer` answer_of_recorded where it was told to be so.
  operate
};

enum class operation_outcome : std::uint8_t {
  /// Never answered, though nothing cut the customer off: no such thing may be left at the end.
  pending,
  /// Cut off (its connection broke, its process was killed), or answered 503 `unavailable`: it may
  /// have been done or not.
  unknown,
  /// Certainly without effect: 400, 422, 409 `key-in-use`, 503 `overloaded` and `view-unavailable`,
  /// connection refused.
  failed,
  /// Answered with what the engine has to stand by: 2xx, 402, 404, 409 `cancelled`, and
  /// 503 `payment-unavailable`.
  ok
};

/// What one customer asked for, and what came back.
struct operation {
  /// Unique within the run.
  std::uint64_t number = 0;
  std::uint32_t client = 0;
  operation_kind kind = operation_kind::read;
  moment invoked = 0;
  /// When the answer came, or the connection broke; nothing for a pending one.
  std::optional<moment> completed;
  operation_outcome outcome = operation_outcome::pending;
  /// Of HTTP; 0 where there was no answer.
  std::uint32_t status = 0;
  /// The problem's stable code, as "payment-declined"; empty for a success.
  std::string code;

  // Of placements.
  /// The Idempotency-Key, if one was sent.
  std::string key;
  /// A digest of the request's fields: equal where, and only where, the fields are.
  std::string request;
  /// Where every key, and every placement without one, has a user of its own, the checker finds
  /// placements that were journalled twice though nobody heard of it.
  std::uint64_t user_id = 0;
  std::int64_t price_minor = 0;
  std::string currency;
  /// The answer said that it repeats an earlier one.
  bool replayed = false;
  /// A digest of the answer's status, Location and body.
  std::string answer;

  /// Of cancellations and reads, whom they asked for; of placements, whom the answer named: 0 if
  /// nobody.
  reservation_id reservation = 0;
  /// What the answer showed: one of a placement or a read, many of a list.
  std::vector<observation> shown;
  /// Asked for when faults were over and everything had come to rest: it has to be `ok`.
  bool audit = false;
  /// Which node answered, where there are several.
  std::string node;
};

/// What an operator says why, so that the journal tells which operation it was.
std::string reason_of(const operation& one);
inline constexpr const char* answer_of_recorded = "recorded";

/// A line of the provider's own ledger: money that moved.
struct ledger_line {
  enum class kind : std::uint8_t { charge, refund };
  kind what = kind::charge;
  std::string key;
  reservation_id reservation = 0;
  /// The capture's, where the ledger tells.
  std::string transaction;
  std::int64_t amount_minor = 0;
  std::string currency;
  moment at = 0;
};

/// What the engine asked the provider for, where the provider can tell.
struct provider_call {
  enum class kind : std::uint8_t { charge, settle, refund };
  kind what = kind::charge;
  reservation_id reservation = 0;
  std::string key;
  moment at = 0;
  /// How it was answered, for the story.
  std::string answer;
  /// Who asked, by the name of its process; empty where nobody saw it.
  std::string node{};
};

/// A record of a journal as it is at the end. The checker decodes and folds it by itself.
struct journal_line {
  storage::journal_record record;
  /// Under which epoch; 0 where the journal does not tell.
  storage::epoch owner_epoch = 0;
  /// When it was written; 0 where nobody saw it, and the times in its events have to do.
  moment at = 0;
  /// Whose append it was, by the name of its process; empty where nobody saw it.
  std::string node{};
};

/// A node became the owner of a shard's part of a journal.
struct claim_line {
  storage::shard_id shard = 0;
  storage::epoch owner_epoch = 0;
  std::string node;
  moment at = 0;
};

/// A row of the view at rest.
struct view_line {
  observation shown;
  /// Its records, one behind the other; empty where only the document is known.
  std::string records;
};

/// An event that a reader of the published ones was told of.
struct event_line {
  reservation_id reservation = 0;
  /// The how manieth of its reservation's events.
  std::uint64_t version = 0;
  /// "PaymentCreated".
  std::string type;
  /// Who stays the same when he comes back.
  std::uint32_t reader = 0;
  moment at = 0;
};

struct fault_line {
  moment at = 0;
  std::string name;
  std::string detail;
};

/// A place that was searched for full card numbers.
struct canary_search {
  std::string place;
  std::uint64_t bytes_searched = 0;
  /// Where something was found, as "offset 4711: card of operation 12".
  std::vector<std::string> findings;
};

/// Which parts are filled in, and what the run was.
struct run_facts {
  /// "simulation", "chaos", "power loss".
  std::string producer;
  std::uint64_t seed = 0;
  /// The one command that does it again.
  std::string replay;
  /// What the engine's clock said at moment 0, in milliseconds since 1970: places the events'
  /// times among the moments, in stories only.
  std::int64_t engine_epoch_ms = 0;
  /// Faults have ended, and time enough has passed for everything to end: liveness is judged.
  bool at_rest = false;
  /// At the end somebody takes commands.
  bool serves = true;
  /// The ledger is whole, and was read after the journal came to rest.
  bool has_ledger = false;
  bool has_receipts = false;
  /// The view's rows were read at rest, all of them.
  bool has_view = false;
  /// `parked` is what the engine lists for its operators.
  bool has_parked = false;
  /// Some step may have had no outcome for so long that it had to be parked.
  bool may_park = true;
  bool has_calls = false;
  /// So many have read the published events, each from the first to the last: readers 0 and on.
  std::uint32_t event_readers = 0;
  /// Every claim of either journal was seen.
  bool has_claims = false;
  /// Shards that no node serves at the end, and those that several do.
  std::uint32_t shards_without_owner = 0;
  std::uint32_t shards_with_several_owners = 0;
};

struct history {
  run_facts facts;
  std::vector<operation> operations;
  /// In the ledger's own order.
  std::vector<ledger_line> ledger;
  std::vector<provider_call> calls;
  /// Shard by shard, by position.
  std::vector<journal_line> reservations;
  /// The receipt desk's own journal.
  std::vector<journal_line> receipts;
  /// Of each of the two, in the order of time.
  std::vector<claim_line> reservation_claims;
  std::vector<claim_line> receipt_claims;
  std::vector<view_line> view;
  std::vector<reservation_id> parked;
  /// As each reader was told.
  std::vector<event_line> events;
  std::vector<fault_line> faults;
  std::vector<canary_search> canaries;
};

}  // namespace holdfast::proof
