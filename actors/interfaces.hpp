// The typed interfaces of all actors, a comment for each message. What a message means stands in
// messages.hpp; whoever implements one has a file of its name.
#pragma once

#include <caf/typed_actor.hpp>

#include "actors/messages.hpp"

namespace holdfast::actors {

/// Group commit over all shards of one journal.
using journal_writer_actor = caf::typed_actor<
    // Entries wait in its intake (journal_intake.hpp); time for those that nobody waits for.
    caf::reacts_to<entries_wait>, caf::reacts_to<write_due>,
    // The journal is through with the batch under way.
    caf::reacts_to<batch_written>,
    // Somebody has died, who may have left entries behind.
    caf::reacts_to<settle_entity>>;

/// Keeps the view equal to the fold of the journal.
using projector_actor = caf::typed_actor<
    // Shards whose rows are this node's to keep.
    caf::reacts_to<shards_gained>, caf::reacts_to<shards_lost>,
    // Rows that have just become durable.
    caf::reacts_to<durable_rows>,
    // Answers of the ports.
    caf::reacts_to<view_opened>, caf::reacts_to<view_written>, caf::reacts_to<view_published>,
    caf::reacts_to<records_read>, caf::reacts_to<ends_read>,
    // An operator wants the view made anew.
    caf::reacts_to<rebuild_view>,
    // Time to try again; time for the next write.
    caf::reacts_to<tick>, caf::reacts_to<write_due>>;

/// Circuit breaker and bulkhead in front of the payment provider.
using breaker_actor = caf::typed_actor<
    // Calls the provider, or answers at once that it must not be called.
    caf::replies_to<charge_call>::with<payments::charge_answer>,
    caf::replies_to<settle_call>::with<payments::settle_answer>,
    caf::replies_to<refund_call>::with<payments::refund_answer>,
    // The provider answered; a call that is none of its own has left its place.
    caf::reacts_to<call_returned>, caf::reacts_to<place_is_free>,
    // An operator holds it open or closed, or lets go of it.
    caf::reacts_to<set_breaker>,
    // Time to look through the queue.
    caf::reacts_to<tick>>;

/// The address of the receipt desk, which stays when the desk goes down and comes back.
using receipt_desk_actor = caf::typed_actor<
    // Issues or voids; answers when that is durable, or an error at once while the desk is away.
    caf::replies_to<issue_receipt>::with<receipt_answer>, caf::replies_to<void_receipt>::with<receipt_answer>,
    // The books that it keeps.
    caf::reacts_to<shards_gained>, caf::reacts_to<shards_lost>,
    // Time to bring the desk back.
    caf::reacts_to<tick>>;

/// Owner of the receipt entities and of their books, behind that address.
using receipt_clerk_actor = caf::typed_actor<
    caf::replies_to<issue_receipt>::with<receipt_answer>, caf::replies_to<void_receipt>::with<receipt_answer>,
    // The books that it keeps.
    caf::reacts_to<shards_gained>, caf::reacts_to<shards_lost>,
    // Answers of the journal.
    caf::reacts_to<append_ended>, caf::reacts_to<shards_claimed>, caf::reacts_to<entity_read>>;

/// One step of a payment that has to be tried again. Tells its reservation, then ends.
using payment_actor = caf::typed_actor<
    // Its wait is over; an operator does not want to wait for that.
    caf::reacts_to<retry_due>, caf::reacts_to<tick>>;

/// A receipt that the desk could not issue or void at the first try. Tells its reservation, then ends.
using receipt_actor = caf::typed_actor<caf::reacts_to<retry_due>, caf::reacts_to<tick>>;

/// One reservation. A new one begins with its placement: it answers when the outcome is known and durable, or
/// the wait is over.
using reservation_actor = caf::typed_actor<
    // What it has left in the journal's intake is durable or refused.
    caf::reacts_to<append_ended>,
    // Answers the outcome of its placement again.
    caf::reacts_to<replay_call>,
    // Cancels it; answers when payment and receipt are undone, or the wait is over.
    caf::reacts_to<cancellation_call>,
    // Does what an operator wants; answers when that is durable.
    caf::reacts_to<operation_call>,
    // Its shard goes to another node.
    caf::reacts_to<leave_shard>,
    // Its shard says that those who wait have waited enough.
    caf::reacts_to<placement_wait_over>, caf::reacts_to<cancellation_wait_over>,
    // Its records, when it comes back.
    caf::reacts_to<entity_read>,
    // The provider has answered its first try.
    caf::reacts_to<payment_answered>,
    // Its children are through, have to wait for long, or went down.
    caf::reacts_to<payment_ended>, caf::reacts_to<receipt_ended>, caf::reacts_to<try_put_off>,
    caf::reacts_to<child_failed>,
    // Time to start the next step again, after a child went down.
    caf::reacts_to<tick>>;

/// Owner of a shard's reservations.
using shard_actor = caf::typed_actor<
    // Routed to their reservation, which is spawned or brought back.
    caf::reacts_to<placement_call>, caf::reacts_to<replay_call>, caf::reacts_to<cancellation_call>,
    caf::reacts_to<operation_call>,
    // A reservation is back, has come to rest, sleeps until its next try, went down, or somebody waits for
    // its cancellation.
    caf::reacts_to<reservation_loaded>, caf::reacts_to<reservation_rested>,
    caf::reacts_to<reservation_sleeps>, caf::reacts_to<reservation_failed>,
    caf::reacts_to<cancellation_waits>,
    // Unfinished reservations to resume.
    caf::reacts_to<unfinished_listed>,
    // The shard goes to another node; a reservation has left because of that.
    caf::reacts_to<close_shard>, caf::reacts_to<reservation_left>,
    // Time to look at waits and alarms; to bring back one that went down.
    caf::reacts_to<tick>, caf::reacts_to<respawn>, caf::reacts_to<entity_settled>>;

/// Decides which shards this node serves, and starts and ends them.
using shard_keeper_actor = caf::typed_actor<
    // This node can be reached by others.
    caf::reacts_to<node_published>,
    // Answers of the membership and of the journal.
    caf::reacts_to<beat_answered>, caf::reacts_to<shards_claimed>,
    // A shard has no reservations any more; another node has claimed one, as a reservation has found.
    caf::reacts_to<shard_closed>, caf::reacts_to<shard_refused>,
    // This node ends.
    caf::reacts_to<hand_over>,
    // Time to renew the leases.
    caf::reacts_to<tick>>;

/// Brings commands on shards that are not here to the nodes that have them.
using forwarder_actor = caf::typed_actor<
    caf::reacts_to<placement_call>, caf::reacts_to<cancellation_call>, caf::reacts_to<operation_call>,
    // Once: an error where the node that keeps the book gives none.
    caf::replies_to<issue_receipt>::with<receipt_answer>, caf::replies_to<void_receipt>::with<receipt_answer>,
    // Who owns what; a node's gate.
    caf::reacts_to<cluster_changed>, caf::reacts_to<gate_found>,
    // Time to look at those that wait.
    caf::reacts_to<tick>>;

/// Where the commands of other nodes come in.
using node_gate_actor = caf::typed_actor<
    caf::replies_to<place_reservation>::with<placement_answer>,
    caf::replies_to<cancel_reservation>::with<cancellation_answer>,
    caf::replies_to<operator_command>::with<operation_answer>,
    // For the receipt desk.
    caf::replies_to<issue_receipt>::with<receipt_answer>, caf::replies_to<void_receipt>::with<receipt_answer>,
    // Answers from here.
    caf::reacts_to<gate_placed>, caf::reacts_to<gate_cancelled>, caf::reacts_to<gate_operated>>;

/// The root of the actors: starts them, and ends them with itself.
using engine_actor = caf::typed_actor<
    // This node ends: its shards go to others.
    caf::reacts_to<hand_over>,
    // An operator's wishes.
    caf::reacts_to<set_breaker>, caf::reacts_to<rebuild_view>>;

}  // namespace holdfast::actors
