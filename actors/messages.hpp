// The messages between actors, one struct for each. Those that may cross nodes have an
// `inspect` and are registered in type_registry.cpp; the others never leave the process and say so.
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/detail/stringification_inspector.hpp>
#include <caf/error.hpp>
#include <caf/meta/load_callback.hpp>
#include <caf/meta/type_name.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "actors/engine.hpp"
#include "actors/latch.hpp"
#include "actors/reply.hpp"
#include "actors/step_retry.hpp"
#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "payments/provider.hpp"
#include "storage/journal.hpp"
#include "storage/membership.hpp"
#include "storage/view.hpp"

namespace holdfast::domain {

/// Overwrites what is left of a secret's copy.
struct secret_copy_wiper {
  std::string& copy;
  ~secret_copy_wiper() { secret(std::move(copy)).wipe(); }
};

/// A secret travels between nodes, and is never printed.
template <class Inspector>
auto inspect(Inspector& f, secret& x) {
  std::string text;
  if constexpr (std::is_same_v<Inspector, caf::detail::stringification_inspector>) {
    text = x.empty() ? "" : "****";
  } else {
    text = x.reveal();
  }
  const auto load = [&]() -> caf::error {
    x = secret(std::move(text));
    return caf::none;
  };
  const secret_copy_wiper wiper{text};
  return f(caf::meta::type_name("secret"), text, caf::meta::load_callback(load));
}

}  // namespace holdfast::domain

namespace holdfast::tracing {

template <class Inspector>
auto inspect(Inspector& f, trace_context& x) {
  return f(caf::meta::type_name("trace_context"), x.trace_high, x.trace_low, x.span_id, x.flags);
}

}  // namespace holdfast::tracing

namespace holdfast::actors {

// --- Commands on reservations: these cross nodes. operator_command, of engine.hpp, is another one. ---

/// Places a reservation in the shard that gets it. Answered by placement_answer.
struct place_reservation {
  placement_request request;
};

/// Cancels a reservation. Answered by cancellation_answer.
struct cancel_reservation {
  domain::reservation_id id = 0;
  domain::cancel_reason reason = domain::cancel_reason::customer;
  /// Whose it has to be, where a customer asks.
  std::optional<std::uint64_t> of_user = {};
  tracing::trace_context trace = {};
};

/// A placement whose key another reservation has already: answered by that one's outcome.
struct replay_placement {
  domain::reservation_id owner = 0;
  /// Whether the fields are those of the owner's placement.
  bool same_fields = true;
};

// --- Between a reservation's receipt child and the receipt desk: these cross nodes. ---

/// Issues the receipt of a paid reservation; repeated, the same receipt. Answered by receipt_answer.
struct issue_receipt {
  domain::reservation_id reservation = 0;
  /// Milliseconds since the epoch: the delivery date counts from the payment.
  std::int64_t paid_at_ms = 0;
  /// No earlier attempt can have reached the desk, which then need not look.
  bool first_attempt = false;
  /// It has been handed on already: whose book it is not refuses it.
  bool from_other_node = false;
  tracing::trace_context trace = {};
};

/// Voids the receipt, issued or not. Answered by receipt_answer.
struct void_receipt {
  domain::reservation_id reservation = 0;
  bool from_other_node = false;
  tracing::trace_context trace = {};
};

struct receipt_answer {
  bool is_void = false;
  /// Empty where no number was ever used.
  std::string receipt_no;
  std::int64_t expected_delivery_at_ms = 0;
  std::int32_t utc_offset_minutes = 0;
};

template <class Inspector>
auto inspect(Inspector& f, cancellation_answer& x) {
  return f(caf::meta::type_name("cancellation_answer"), x.status);
}
template <class Inspector>
auto inspect(Inspector& f, operator_command& x) {
  return f(caf::meta::type_name("operator_command"), x.id, x.action, x.who, x.why, x.seen_version, x.trace);
}
template <class Inspector>
auto inspect(Inspector& f, operation_answer& x) {
  return f(caf::meta::type_name("operation_answer"), x.status);
}
template <class Inspector>
auto inspect(Inspector& f, replay_placement& x) {
  return f(caf::meta::type_name("replay_placement"), x.owner, x.same_fields);
}
template <class Inspector>
auto inspect(Inspector& f, issue_receipt& x) {
  return f(caf::meta::type_name("issue_receipt"), x.reservation, x.paid_at_ms, x.first_attempt,
           x.from_other_node, x.trace);
}
template <class Inspector>
auto inspect(Inspector& f, void_receipt& x) {
  return f(caf::meta::type_name("void_receipt"), x.reservation, x.from_other_node, x.trace);
}
template <class Inspector>
auto inspect(Inspector& f, receipt_answer& x) {
  return f(caf::meta::type_name("receipt_answer"), x.is_void, x.receipt_no, x.expected_delivery_at_ms,
           x.utc_offset_minutes);
}
template <class Inspector>
auto inspect(Inspector& f, placement_answer& x) {
  return f(caf::meta::type_name("placement_answer"), x.status, x.id, x.records, x.replayed, x.refused);
}

/// CAF 0.17 does not know std::optional: it travels as a flag and a value.
template <class T>
struct travelling_optional {
  bool present = false;
  T value{};

  explicit travelling_optional(const std::optional<T>& from)
      : present(from.has_value()), value(from.value_or(T{})) {}
  void into(std::optional<T>& to) { to = present ? std::optional<T>(std::move(value)) : std::nullopt; }
};

template <class Inspector>
auto inspect(Inspector& f, cancel_reservation& x) {
  travelling_optional of_user(x.of_user);
  const auto load = [&]() -> caf::error {
    of_user.into(x.of_user);
    return caf::none;
  };
  return f(caf::meta::type_name("cancel_reservation"), x.id, x.reason, of_user.present, of_user.value,
           x.trace, caf::meta::load_callback(load));
}

template <class Inspector>
auto inspect(Inspector& f, place_reservation& x) {
  auto& what = x.request.what;
  travelling_optional address(what.user_address);
  travelling_optional product(what.product_id);
  travelling_optional product_name(what.product_name);
  travelling_optional last_four(what.card_last_four);
  bool has_key = x.request.key.has_value();
  storage::idempotency_claim key = x.request.key.value_or(storage::idempotency_claim{});
  const auto load = [&]() -> caf::error {
    address.into(what.user_address);
    product.into(what.product_id);
    product_name.into(what.product_name);
    last_four.into(what.card_last_four);
    x.request.key = has_key ? std::optional(std::move(key)) : std::nullopt;
    return caf::none;
  };
  return f(caf::meta::type_name("place_reservation"), what.user_id, address.present, address.value,
           product.present, product.value, product_name.present, product_name.value, what.price.amount_minor,
           what.price.currency, last_four.present, last_four.value, x.request.card_number,
           x.request.payment_method, has_key, key.key, key.fingerprint, x.request.trace,
           caf::meta::load_callback(load));
}

// --- Local messages: these stay within the process. ---

/// To a shard, and on to the reservation: a command with the one who waits for its answer. Where it comes
/// from another node already, a shard that has left this one answers `elsewhere`; otherwise it is handed on.
struct placement_call {
  placement_request request;
  reply<placement_answer> to;
  bool from_other_node = false;
};
struct replay_call {
  replay_placement what;
  reply<placement_answer> to;
};
struct cancellation_call {
  cancel_reservation what;
  reply<cancellation_answer> to;
  bool from_other_node = false;
};

struct operation_call {
  operator_command what;
  reply<operation_answer> to;
  bool from_other_node = false;
};

/// To the root of the actors, and on to the breaker.
struct set_breaker {
  breaker_mode mode = breaker_mode::automatic;
};
/// To the root of the actors, and on to the projector.
struct rebuild_view {};

/// To the journal writer: entries wait in its intake.
struct entries_wait {};
/// The same, from a shard: answer by `entity_settled` when nothing of the entity is on its way any more.
struct settle_entity {
  storage::entity_id entity = 0;
};
struct entity_settled {
  storage::entity_id entity = 0;
};
/// To who has left an entry there: it is durable or refused. Without a verdict the journal has failed.
struct append_ended {
  std::uint64_t ticket = 0;
  std::optional<storage::append_verdict> verdict;
};

/// To the journal writer, from the journal: the batch under way is durable, or failed.
struct batch_written {
  std::shared_ptr<storage::journal_result<std::vector<storage::append_verdict>>> result;
};

/// To the projector: these rows are durable; in order for each shard.
struct durable_rows {
  struct row {
    storage::shard_id shard = 0;
    storage::position at = 0;
    storage::view_row content;
  };
  std::vector<row> rows;
};

/// To the projector, from the journal: records that it asked for.
struct records_read {
  std::shared_ptr<storage::journal_result<std::vector<storage::journal_record>>> result;
};

/// To the projector, from the journal: how far all shards go.
struct ends_read {
  std::shared_ptr<storage::journal_result<std::vector<storage::position>>> result;
};

/// To the projector, from the view.
struct view_opened {
  std::shared_ptr<storage::view_result<storage::checkpoints>> result;
};
struct view_written {
  bool succeeded = false;
};
struct view_published {
  bool succeeded = false;
};

/// To a reservation or the desk, from the journal: the entity's records.
struct entity_read {
  storage::entity_id entity = 0;
  std::shared_ptr<storage::journal_result<std::vector<storage::journal_record>>> result;
};

/// To a shard, from the journal: a page of its unfinished entities.
struct unfinished_listed {
  std::shared_ptr<storage::journal_result<std::vector<storage::entity_id>>> result;
};

/// To the engine or the desk, from the journal: the shards are claimed.
struct shards_claimed {
  std::shared_ptr<storage::journal_result<std::vector<storage::shard_claim>>> result;
  /// Counts the claims of who asked: what was claimed and has been lost since does not count.
  std::uint64_t round = 0;
};

/// To a shard: another node gets it. Come to an end, at the latest after this long.
struct close_shard {
  std::chrono::milliseconds within{0};
};
/// To the shard keeper, from a shard: all its reservations have left.
struct shard_closed {
  storage::shard_id shard = 0;
};
/// To the shard keeper, from a reservation: another node has claimed the shard since this epoch.
struct shard_refused {
  storage::shard_id shard = 0;
  storage::epoch owner_epoch = 0;
};
/// To a reservation: its shard goes to another node. Leave as soon as nobody waits for you; or now, and
/// whoever waits is told that it goes on without them.
struct leave_shard {
  bool now = false;
};
/// To a shard, from a reservation that does.
struct reservation_left {
  domain::reservation_id id = 0;
};

/// To the projector and to the receipt desk: whose rows and books are this node's, before it serves them
/// where it does; and are its no more.
struct shards_gained {
  std::vector<storage::shard_id> shards;
};
struct shards_lost {
  std::vector<storage::shard_id> shards;
};

/// To the shard keeper: this node can be reached there, or not and why.
struct node_published {
  std::shared_ptr<tl::expected<std::string, std::string>> address;
};
/// To the shard keeper, from the membership.
struct beat_answered {
  std::shared_ptr<storage::membership_result<storage::cluster_state>> result;
};
/// To the shard keeper: give everything back, and tell the latch when nothing is left.
struct hand_over {
  std::shared_ptr<latch> done;
};

/// To the forwarder: who owns what.
struct cluster_changed {
  std::shared_ptr<const storage::cluster_state> state;
};
/// To the forwarder, from the network: the gate of the node at this address, or null.
struct gate_found {
  std::string address;
  caf::strong_actor_ptr gate;
  std::string why_not;
};

/// To the gate, from a shard: the answer to a command of another node's.
struct gate_placed {
  std::uint64_t ticket = 0;
  placement_answer answer;
};
struct gate_cancelled {
  std::uint64_t ticket = 0;
  cancellation_answer answer;
};

struct gate_operated {
  std::uint64_t ticket = 0;
  operation_answer answer;
};

/// To a shard: this reservation has read its records.
struct reservation_loaded {
  domain::reservation_id id = 0;
  /// What its saga goes on under.
  tracing::trace_context trace = {};
};

/// To a shard: this reservation has nothing to do for now, and may be dropped where the shard has sent it
/// no more than it has heard.
struct reservation_rested {
  domain::reservation_id id = 0;
  /// Messages of the shard's, so far.
  std::uint64_t heard = 0;
};

/// To a shard: this reservation has nothing to do before its next try, and may be dropped on the same terms.
/// It has to be brought back then.
struct reservation_sleeps {
  domain::reservation_id id = 0;
  std::uint64_t heard = 0;
  step_retry until;
};
/// To a reservation, from its child: its next try is far off.
struct try_put_off {
  std::uint64_t attempt = 0;
  step_retry until;
};

/// To a shard: a reservation went down; to a reservation: its child did.
struct reservation_failed {
  domain::reservation_id id = 0;
  caf::error reason;
};
struct child_failed {
  std::uint64_t attempt = 0;
  caf::error reason;
};

/// To a reservation: those who wait for its placement or its cancellation have waited enough.
struct placement_wait_over {};
struct cancellation_wait_over {};

/// To a shard: a reservation has a waiting canceller, look after it when the wait ends.
struct cancellation_waits {
  domain::reservation_id id = 0;
};

/// To oneself, later.
struct tick {};
/// The same of a child that tries again: the wait behind so many tries is over.
struct retry_due {
  std::uint32_t tries = 0;
};
/// To the journal writer and to the projector, from themselves: the next write is due.
struct write_due {};
/// To a shard, later: bring back a reservation that went down.
struct respawn {
  domain::reservation_id id = 0;
};

/// To the breaker: calls to the provider. Answered by the provider's answers.
struct charge_call {
  payments::charge_request request;
};
struct settle_call {
  payments::settle_request request;
};
struct refund_call {
  payments::refund_request request;
};

/// To the breaker, from the provider: a call came back.
struct call_returned {
  std::uint64_t call = 0;
  std::variant<payments::charge_answer, payments::settle_answer, payments::refund_answer> answer;
};
/// To the breaker: somebody waits for a place, and there is one.
struct place_is_free {};

/// To a reservation, from the provider: what has come of a first try.
struct payment_answered {
  std::uint64_t attempt = 0;
  /// Otherwise the step has to be tried again. A charge is tried once: `unknown` is an outcome of it.
  bool known = true;
  domain::charge_result charge = domain::charge_result::unknown;
  /// The transaction, the refund, or the reason.
  std::string detail;
};

/// To a reservation, from its payment child.
struct payment_ended {
  std::uint64_t attempt = 0;
  domain::step step = domain::step::none;
  domain::charge_result charge = domain::charge_result::unknown;
  /// The transaction, the refund, or the reason.
  std::string detail;
  bool gave_up = false;
};

/// To a reservation, from its receipt child.
struct receipt_ended {
  std::uint64_t attempt = 0;
  receipt_answer answer;
};

}  // namespace holdfast::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::placement_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::replay_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::cancellation_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::operation_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::set_breaker)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::rebuild_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::gate_operated)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::entries_wait)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::append_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::settle_entity)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::entity_settled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::batch_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::durable_rows)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::records_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::ends_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::view_opened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::view_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::view_published)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::entity_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::unfinished_listed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::shards_claimed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::close_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::shard_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::shard_refused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::leave_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::reservation_left)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::shards_gained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::shards_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::node_published)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::beat_answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::hand_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::cluster_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::gate_found)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::gate_placed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::gate_cancelled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::reservation_loaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::reservation_rested)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::reservation_sleeps)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::try_put_off)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::reservation_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::child_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::write_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::placement_wait_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::cancellation_wait_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::cancellation_waits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::retry_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::respawn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::charge_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::settle_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::refund_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::payments::charge_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::payments::settle_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::payments::refund_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::call_returned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::place_is_free)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::payment_answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::payment_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::receipt_ended)
