// The receipt clerk does the work of the receipt desk: it owns the receipt entities and their
// books, with a journal of its own. Each shard has a book that numbers its receipts without a
// gap; a number is taken in the same append as its receipt. When an append is refused or a
// handler throws, the clerk goes down; the desk brings it back, and it claims its books anew.
#pragma once

#include <array>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/entity.hpp"
#include "actors/interfaces.hpp"
#include "actors/journal_intake.hpp"
#include "actors/reply.hpp"
#include "actors/surroundings.hpp"
#include "tracing/span.hpp"

namespace holdfast::actors {

/// Receipts kept in memory, so that a void soon after its issue needs no look at the journal.
inline constexpr std::size_t largest_open_receipts = 4096;
/// Commands that wait for the claim or for a receipt's records; further ones are sent back.
inline constexpr std::size_t largest_held_commands = 65'536;

class receipt_clerk_state {
 public:
  using self_pointer = receipt_clerk_actor::stateful_pointer<receipt_clerk_state>;
  using receipt_reply = reply<receipt_answer>;

  void start(self_pointer self, surroundings_ptr around, journal_intake_ptr journal);

  void append_over(const append_ended& what);
  void issue(const issue_receipt& what, receipt_reply to);
  void make_void(const void_receipt& what, receipt_reply to);
  void gain(const shards_gained& what);
  void lose(const shards_lost& what);
  void claimed(const shards_claimed& claims);
  void loaded(const entity_read& read);

  static inline const char* name = "receipt_clerk";

 private:
  using receipt_entity = entity<receipt_aggregate>;
  /// Shared with its appends under way.
  using receipt_ptr = std::shared_ptr<receipt_entity>;
  using use = std::function<void(const receipt_ptr&)>;
  struct open_receipt {
    receipt_ptr log;
    std::list<storage::entity_id>::iterator recency;
  };
  struct read_under_way {
    std::vector<use> waiting;
    /// Of who was the first to want it.
    tracing::trace_context trace;
    /// It began before the book went to another node: what it reads may be old by the time the book is back.
    bool of_lost_book = false;
  };
  struct append_under_way {
    receipt_ptr log;
    std::uint64_t version = 0;
    storage::epoch owner_epoch = 0;
    tracing::open_span span;
  };
  struct book {
    /// Counts the claims; 0 for a book that is not kept here.
    std::uint64_t round = 0;
    /// 0 until it is claimed.
    storage::epoch owner_epoch = 0;
    std::uint64_t last_number = 0;
  };

  book& book_of(storage::entity_id id) { return books_[storage::shard_of(id)]; }
  template <class Use>
  void with_receipt(storage::entity_id id, bool is_new, const tracing::trace_context& trace, Use then);
  receipt_ptr at_hand(storage::entity_id id, bool is_new);
  void hold(storage::entity_id id, bool is_new, const tracing::trace_context& trace, use then);
  void read(storage::entity_id id);
  bool journal_stands_still() const;
  void call_begins();
  void call_ends();
  receipt_ptr open(receipt_entity log);
  void shrink();
  void decide(const receipt_ptr& log, const domain::receipts::command& command,
              const tracing::trace_context& trace, receipt_reply to);
  void append(const receipt_ptr& log, std::vector<domain::receipts::event> events,
              const tracing::trace_context& trace);
  void appended(const append_under_way& what, const storage::append_verdict& verdict);
  receipt_answer answer(const receipt_entity& log) const;
  void go_down(const std::string& why);

  self_pointer self_ = nullptr;
  surroundings_ptr around_;
  journal_intake_ptr journal_;
  std::array<book, storage::shard_count> books_{};
  std::uint64_t last_round_ = 0;
  /// By ticket.
  std::unordered_map<std::uint64_t, append_under_way> appends_;
  std::uint64_t last_ticket_ = 0;
  std::vector<std::function<void()>> waiting_for_claim_;
  std::unordered_map<storage::entity_id, read_under_way> loading_;
  /// Claims and reads that the journal has not answered, and since when it has answered none of them.
  std::size_t calls_ = 0;
  caf::actor_clock::time_point heard_at_;
  std::size_t held_ = 0;
  std::unordered_map<storage::entity_id, open_receipt> open_;
  /// The least recently used first.
  std::list<storage::entity_id> recency_;
};

receipt_clerk_actor::behavior_type receipt_clerk(receipt_clerk_state::self_pointer self,
                                                 surroundings_ptr around, journal_intake_ptr journal);

}  // namespace holdfast::actors
