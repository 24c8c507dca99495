// The facade of the actors: what the HTTP front end, other nodes and the test harnesses use.
// It owns the actor system, admits a bounded number of commands, and knows how to start, drain
// and stop. No CAF type shows here.
//
// Threading: the actors run on event loops that are lent to it (see start()). place() and cancel()
// may be called from any thread, until stop() begins; their callbacks are called exactly once,
// mostly on one of these loops, and must not block.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/card.hpp"
#include "domain/reservation.hpp"
#include "storage/journal.hpp"
#include "storage/membership.hpp"
#include "tracing/trace_context.hpp"

namespace holdfast::storage {
class projection_progress;
class view_writer;
}  // namespace holdfast::storage
namespace holdfast::payments {
class provider;
}
namespace holdfast::tracing {
class tracer;
}

namespace holdfast::actors {

/// Everything the engine needs from outside. The ports must outlive it.
struct engine_ports {
  storage::journal& reservations;
  /// The receipt desk's own database.
  storage::journal& receipts;
  storage::view_writer& view;
  storage::projection_progress& progress;
  payments::provider& provider;
  std::function<domain::timestamp()> clock;
  /// When a reservation that was paid then is to be delivered.
  std::function<domain::zoned_timestamp(domain::timestamp paid_at)> delivery_date;
  /// The journal failed: the process has to end with this message and replay. Called once.
  std::function<void(std::string message)> on_fatal;
  /// Null for a node that owns every shard by itself.
  storage::membership* membership = nullptr;
  /// Where spans of what is done go; null for nowhere.
  tracing::tracer* tracer = nullptr;
};

/// Certificates of the nodes, as PEM files: without them nodes talk in the clear.
struct node_certificates {
  std::string certificate;
  std::string key;
  /// Whose certificates are accepted, in both directions.
  std::string authority;
};

/// How this node takes part in a cluster. Of no meaning without engine_ports::membership.
struct node_options {
  /// Unique among all nodes, and among all runs of one.
  std::string name;
  /// Where other nodes reach it: an IP address, and a port or 0 for any free one.
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::optional<node_certificates> certificates;
  /// One that owns no reservations takes commands for those that do.
  storage::member_roles roles{};
  /// How often it renews its leases and looks who owns what.
  std::chrono::milliseconds beat_interval{200};
  /// A shard that is given to another node waits so long for those that its customers wait for; one where
  /// nobody waits goes at once.
  std::chrono::milliseconds hand_over_wait{200};
};

/// What keeps the memory of one shard bounded. Smaller ones are for tests, which reach them sooner.
struct shard_bounds {
  /// Reservations in memory at once. Commands that would need more are `overloaded`.
  std::size_t residents = 4096;
  /// Unfinished reservations that are read at once, 2 at least; further ones follow, as long as at least
  /// half of the residents' places are free.
  std::uint32_t resume_window = 64;
  /// Reservations that wait out of memory for their next try, each with its alarm. Further ones leave memory
  /// all the same, and are found again among the unfinished.
  std::size_t sleepers = 16'384;
  /// How many of them are brought back within a tenth of a second at most: customers come first.
  std::uint32_t wakes_at_once = 4;
  /// When those that left memory without an alarm are taken up again.
  std::chrono::seconds come_back_after{10};
};

struct engine_options {
  std::chrono::milliseconds payment_wait{5000};
  std::chrono::milliseconds cancel_wait{2000};
  /// From which call on the breaker takes a payment call for slow: 75 % of this.
  std::chrono::milliseconds payment_timeout{620};
  /// A journal that has been busy with one batch for longer stands still: new commands are `unavailable`
  /// at once, until it goes on.
  std::chrono::milliseconds journal_patience{1000};
  /// The least time between two writes to the view: what becomes durable meanwhile is written as
  /// one batch, each row in its latest version.
  std::chrono::milliseconds view_interval{20};
  /// The least time between two batches of a journal where nobody waits for any entry of the second:
  /// receipts, and what comes of them.
  std::chrono::milliseconds journal_put_off{5};
  shard_bounds shards{};
  node_options node{};
};

/// An event loop that the actors may run on: runs the task soon, on the loop's thread. May be called
/// from any thread.
using lent_loop = std::function<void(std::function<void()> task)>;

struct placement_request {
  domain::order what;
  domain::secret card_number;
  domain::secret payment_method;
  std::optional<storage::idempotency_claim> key;
  /// The request's: its saga goes on under it.
  tracing::trace_context trace = {};
};

enum class placement_status : std::uint8_t {
  /// Decided one way or the other: `records` end at the version that decided it.
  decided,
  /// The payment is still unknown when the wait ends; it goes on by itself.
  in_progress,
  /// The same key's first request is under way.
  key_in_use,
  /// The key was used with other fields.
  key_reused,
  /// Not admitted: nothing was recorded.
  overloaded,
  /// The journal did not take it, or not in time, or its owner went down: no card is charged for it. A retry
  /// with the same key tells what has become of it.
  unavailable,
  /// The domain refused it: see `refused`. Nothing was recorded.
  rejected,
  /// Between nodes only: the shard is not this node's. Nothing was recorded.
  elsewhere
};

struct placement_answer {
  placement_status status = placement_status::unavailable;
  domain::reservation_id id = 0;
  /// The reservation's records (storage/event_codec.hpp) at the version the answer is about.
  std::string records;
  /// Whether this repeats the answer of an earlier request with the same key.
  bool replayed = false;
  domain::rejection refused = domain::rejection::none;
};

enum class cancellation_status : std::uint8_t {
  /// Reservation, payment and receipt are cancelled.
  done,
  /// It takes longer than the wait and goes on by itself.
  in_progress,
  unknown_reservation,
  overloaded,
  /// The journal did not take it, or not in time: whether it is cancelled a repetition tells.
  unavailable,
  /// Between nodes only: the shard is not this node's.
  elsewhere
};

struct cancellation_answer {
  cancellation_status status = cancellation_status::unavailable;
};

/// What an operator wants done with one reservation, and why: see domain::intervene.
struct operator_command {
  domain::reservation_id id = 0;
  domain::operator_action action = domain::operator_action::none;
  std::string who;
  std::string why;
  std::uint64_t seen_version = 0;
  tracing::trace_context trace = {};
};

enum class operation_status : std::uint8_t {
  /// It is durable, and the reservation goes on.
  recorded,
  /// There was nothing to do: it is not parked, is being cancelled already, or has gone on since it was seen.
  unchanged,
  unknown_reservation,
  /// The domain refused it: a name or a reason is missing or too long.
  rejected,
  overloaded,
  /// The journal did not take it, or not in time: a repetition tells.
  unavailable,
  /// Between nodes only: the shard is not this node's.
  elsewhere
};

struct operation_answer {
  operation_status status = operation_status::unavailable;
};

/// Whether the circuit breaker follows the provider or an operator.
enum class breaker_mode : std::uint8_t { automatic, open, closed };

/// A step that is tried again and again, as this node's memory knows it.
struct retried_step {
  domain::step step = domain::step::none;
  /// So far, all without an outcome.
  std::uint32_t tries = 0;
  /// What the last one said, empty where nothing.
  std::string last_answer;
  domain::timestamp next_try_at;
};

/// The circuit breaker as operators see it.
struct breaker_figures {
  enum class state : std::uint8_t { closed, open, half_open };
  state now = state::closed;
  /// An operator holds it there.
  bool held = false;
  std::uint32_t window_calls = 0;
  std::uint32_t window_failed = 0;
  std::uint32_t window_slow = 0;
  std::uint32_t calls_under_way = 0;
  /// Calls that the breaker refused since the start, and those that found no place in the bulkhead in time.
  std::uint64_t not_permitted = 0;
  std::uint64_t without_place = 0;
  /// Calls that ended since the start. The slow ones are among the others too; of the lost ones no end was
  /// heard.
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t slow = 0;
  std::uint64_t lost = 0;
};

/// A reservation whose step had no outcome for too long, and which waits for an operator.
struct parked_reservation {
  domain::reservation_id id = 0;
  domain::timestamp since;
  std::string why;
};
struct parked_reservations {
  /// By id.
  std::vector<parked_reservation> first;
  std::size_t total = 0;
};

/// The cluster as this node sees it.
struct cluster_figures {
  /// Whether there is one; all else is 0 where not.
  bool clustered = false;
  /// Whether the store of the membership has answered within the lease.
  bool in_touch = false;
  std::uint32_t members = 0;
  std::uint32_t shards_owned = 0;
  /// Shards that no node has.
  std::uint32_t shards_without_owner = 0;
  std::uint64_t beats_answered = 0;
  std::uint64_t beats_failed = 0;
  /// The greatest epoch of a shard that came to this node: as often some shard has changed its owner.
  std::uint64_t newest_epoch = 0;
  /// Shards that came to this node, and that left it.
  std::uint64_t shards_gained = 0;
  std::uint64_t shards_lost = 0;
  /// Commands handed to other nodes, and those of them that had to be asked again.
  std::uint64_t commands_forwarded = 0;
  std::uint64_t commands_asked_again = 0;
};

struct engine_figures;

class engine {
 public:
  engine(engine_ports ports, engine_options options);
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Claims the shards, starts the actors and resumes what is unfinished. Returns when commands
  /// are served, and reads too if the view is there and has caught up within half a second; or
  /// with a message that says what failed. A node that joins others has shards by then, or has waited for
  /// some for 2 s. The actors run on these loops, at least one, which have to run until end_threads() has
  /// returned.
  std::optional<std::string> start(std::vector<lent_loop> loops);

  void place(placement_request request, std::function<void(placement_answer)> done);
  /// Where `of_user` is given, another customer's reservation is unknown.
  void cancel(domain::reservation_id id, std::function<void(cancellation_answer)> done,
              std::optional<std::uint64_t> of_user = {}, const tracing::trace_context& trace = {});

  /// Done by the node that owns the reservation. Answered when it is durable.
  void operate(operator_command what, std::function<void(operation_answer)> done);
  /// Of this node. False where it takes no commands, since it starts or ends: then nothing is done.
  bool set_breaker(breaker_mode mode);
  /// Clears the view and makes it anew from the journal; readers are told that it is unavailable meanwhile.
  /// False as above.
  bool rebuild_view();
  /// Nothing where this node tries nothing again for it.
  std::optional<retried_step> retried(domain::reservation_id id) const;

  breaker_figures breaker() const;
  parked_reservations parked(std::size_t at_most) const;
  cluster_figures cluster() const;
  /// Whether new commands are `unavailable`, since the journal stands still.
  bool journal_stands_still() const;
  /// See figures.hpp.
  engine_figures figures() const;

  /// Gives this node's shards to others, and waits until they have gone, at most this long; commands are
  /// taken on, for the new owners. True if none is left, or there is no cluster.
  bool hand_over(std::chrono::milliseconds at_most);

  /// Refuses new commands and waits until those admitted are answered, at most this long.
  /// True if all were.
  bool drain(std::chrono::milliseconds at_most);

  /// Ends all actors and closes the journals; unfinished sagas go on at the next start. Idempotent.
  void stop();

  /// Behind stop(). In a cluster CAF waits for the other ends of its connections, too, and a node that is cut
  /// off, or stands still, never closes them: bound the wait by the end of the process. Idempotent.
  void end_threads();

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::actors
