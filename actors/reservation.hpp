// One reservation: decides, appends, replies, and takes the steps of its saga. Nearly all steps end with
// their first try, which needs no actor of its own; what has to be tried again soon gets a child, a payment
// or a receipt, that it supervises. Where the next try is far off, and nobody waits, it sleeps: it leaves
// memory, and its shard brings it back when the try is due, or for a command.
//
// Every reply, child and notification waits until the append it depends on is durable. When an append is
// refused it goes down, and its shard brings it back from the journal.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/entity.hpp"
#include "actors/interfaces.hpp"
#include "actors/journal_intake.hpp"
#include "actors/payment_call.hpp"
#include "actors/receipt_call.hpp"
#include "actors/reply.hpp"
#include "actors/surroundings.hpp"
#include "tracing/span.hpp"

namespace holdfast::actors {

/// Those who wait for one reservation's cancellation, and messages that wait for its records.
inline constexpr std::size_t largest_waiters = 64;

/// Where a reservation stands: its shard and the actors that it works with. Shared by those of a shard.
struct reservation_links {
  surroundings_ptr around;
  shard_actor shard;
  journal_intake_ptr journal;
  breaker_actor breaker;
  receipt_desk_actor desk;
  shard_keeper_actor keeper;
  /// Null without a cluster.
  forwarder_actor forwarder;
  storage::epoch owner_epoch = 0;
};
using reservation_links_ptr = std::shared_ptr<const reservation_links>;

class reservation_state {
 public:
  using self_pointer = reservation_actor::stateful_pointer<reservation_state>;
  using placement_reply = reply<placement_answer>;
  using cancellation_reply = reply<cancellation_answer>;

  ~reservation_state();

  /// A new one begins with its placement; another reads its records first, and one that slept goes on with
  /// what it waited for.
  void start(self_pointer self, reservation_links_ptr links, domain::reservation_id id,
             std::optional<placement_call>& placement, const step_retry& slept_until);

  void replay(const replay_call& call);
  void cancel(const cancellation_call& call);
  void operate(const operation_call& call);
  void leave(const leave_shard& what);
  void end_placement_wait();
  void end_cancellation_wait();
  void loaded(const entity_read& read);
  void append_over(const append_ended& what);
  void payment_tried(payment_answered& what);
  void payment_over(payment_ended& what);
  void receipt_over(receipt_ended& what);
  void child_put_off(const try_put_off& what);
  void child_down(const child_failed& what);
  void advance();

  static inline const char* name = "reservation";

 private:
  struct step_under_way {
    domain::step step = domain::step::none;
    std::uint64_t attempt = 0;
    /// Null during the first try.
    caf::actor child;
    /// All its tries, until it sleeps.
    tracing::open_span span;
    /// Expires when the outcome of what is under way counts no more.
    std::shared_ptr<const bool> counts = {};
  };
  struct append_under_way {
    /// Which it leads to: its ticket.
    std::uint64_t version = 0;
    /// Of the key in it.
    std::uint64_t fingerprint = 0;
    /// How the saga ends with it; `pending` where something is left to do.
    domain::placement_outcome ended = domain::placement_outcome::pending;
    tracing::open_span span;
  };

  struct cancellation_waiter {
    cancellation_reply to;
    /// What its wish has led to, durable or not.
    std::uint64_t wished_at_version = 0;
  };

  domain::timestamp now() const { return links_->around->ports.clock(); }
  bool pending() const { return domain::outcome_of(log_->state()) == domain::placement_outcome::pending; }
  placement_answer answer(placement_status status, bool replayed) const;
  placement_answer refusal(placement_status status, domain::rejection why = domain::rejection::none) const;

  void place(placement_call& call);
  void when_loaded(std::function<void()> run);
  void decide(const domain::reservation_command& command);
  std::vector<domain::reservation_event> decided(const domain::reservation_command& command) const;
  void commit(std::vector<domain::reservation_event> events,
              const std::optional<storage::idempotency_claim>& key = std::nullopt);
  void appended(const storage::append_verdict& verdict, append_under_way& what);
  void go_down(const std::string& why);
  void answer_placement();
  void answer_cancellations();
  void stop_waiting_for_placement();
  void stop_waiting_for_cancellation();
  void forget_card();
  payment_order payment_for(domain::step step);
  std::function<bool()> ownership();
  receipt_order receipt_for(domain::step step) const;
  void receipt_voided(const domain::record_void& what);
  void end_step_span(const payment_ended& what);
  void begin(domain::step step);
  void begin_try(domain::step step);
  void begin_payment(domain::step step);
  void begin_receipt(domain::step step);
  void put_off(std::string why);
  void await_next_try(domain::step step);
  bool may_sleep() const;
  void sleep();
  void forget_retry();
  template <class Handle>
  void supervise(const Handle& child);
  void tell_next(domain::step step) const;
  void publish_parked();
  void hear();
  bool anyone_waits() const { return placement_.pending() || !cancellations_.empty(); }
  bool may_leave() const;
  void leave_now();
  void rest();
  void abandon_step();

  self_pointer self_ = nullptr;
  reservation_links_ptr links_;
  std::optional<entity<reservation_aggregate>> log_;
  /// Of the command that its saga answers to, as its last record has it.
  tracing::trace_context trace_;
  bool loaded_ = false;
  /// Messages of its shard's, and whether it has told it since the last of them that it may go: then it
  /// does nothing of its own any more.
  std::uint64_t heard_ = 0;
  bool may_go_ = false;
  /// Its shard goes to another node: it stays for those who wait only.
  bool leaving_ = false;
  std::vector<std::function<void()>> waiting_for_load_;
  /// How long the records are at the version that decided the placement, 0 before.
  std::size_t decided_size_ = 0;
  placement_reply placement_;
  std::vector<cancellation_waiter> cancellations_;
  /// Rarely more than one.
  std::vector<append_under_way> appends_;
  step_under_way under_way_;
  /// Of the step under way, or of the one that it sleeps before.
  step_retry retry_;
  /// An operator wants it now, and its child was told.
  bool hurried_ = false;
  std::uint64_t attempts_ = 0;
  std::uint32_t children_down_ = 0;
  /// The card, from the request to the charge.
  bool card_at_hand_ = false;
  /// Somebody was told that it goes on by itself: never less from then on, whatever the clock says.
  bool told_in_progress_ = false;
  /// An earlier try for its receipt may have reached the desk.
  bool desk_may_know_ = false;
  /// Nothing before the first look: the list may know it from an earlier stay in memory.
  std::optional<bool> listed_as_parked_;
  domain::secret card_number_;
  domain::secret payment_method_;
};

reservation_actor::behavior_type reservation(reservation_state::self_pointer self,
                                             reservation_links_ptr links, domain::reservation_id id,
                                             std::optional<placement_call> placement, step_retry slept_until);

}  // namespace holdfast::actors
