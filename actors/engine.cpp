#include "actors/engine.hpp"

#include <algorithm>
#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include "actors/caf_network.hpp"
#include "actors/engine_actor.hpp"
#include "actors/figures.hpp"
#include "actors/router.hpp"
#include "actors/scheduler.hpp"
#include "actors/type_registry.hpp"
#include "payments/provider.hpp"
#include "storage/membership.hpp"

namespace holdfast::actors {

namespace {

/// Commands under way at once; further ones are `overloaded`. CAF's mailboxes have no bound of
/// their own, so this is what bounds them all.
///
/// A placement waits for the processor, two syncs and the payment, so these many are what bounds its
/// time under overload: 4,096 are a quarter of a second of what a node of two processors can do. A slow
/// provider does not fill the places: the bulkhead has fewer, and refuses after a moment.
constexpr std::uint32_t largest_placements = 4096;
/// By itself: a cancellation waits for the receipt desk too, and those who wait for that must not keep
/// others from placing.
constexpr std::uint32_t largest_cancellations = 4096;
/// Operators' commands, which must get through where customers don't.
constexpr std::uint32_t largest_operations = 1024;

/// A start waits this long for a view that has caught up, so that reads are answered as soon as
/// writes are; one that is out of reach or has to be rebuilt must not keep writes waiting.
constexpr std::chrono::milliseconds longest_wait_for_view{500};

/// A node that joins waits this long for its first shards, which the others give it within a few heartbeats:
/// all that it took without any would be work for them, on top of what they have.
constexpr std::chrono::milliseconds longest_wait_for_shards{2000};

/// The membership has this long to forget a node that ends; then its leases run out by themselves.
constexpr std::chrono::milliseconds longest_farewell{500};

struct system_config : caf::actor_system_config {
  explicit system_config(const engine_ports& ports, const node_options& node) {
    register_messages(*this);
    use_lent_loops(*this);
    if (ports.membership != nullptr) caf_network::prepare(*this, node);
  }
};

/// Counts commands of a kind that are under way, and lets somebody wait for the last. Thread-safe.
class admission {
 public:
  explicit admission(std::uint32_t largest) : largest_(largest) {}

  bool admit() {
    // Counted before it looks: whoever closes then sees it, or it sees that it is closed.
    if (under_way_.fetch_add(1) < largest_ && !closed_) return true;
    leave();
    count_refusal();
    return false;
  }
  /// Also of those admitted, whose shard was full.
  void count_refusal() { refused_.fetch_add(1, std::memory_order_relaxed); }
  command_figures figures() const { return {std::min(under_way_.load(), largest_), refused_.load()}; }
  void leave() {
    if (under_way_.fetch_sub(1) != 1 || !closed_) return;
    std::lock_guard lock(mutex_);
    empty_.notify_all();
  }
  void open() { closed_ = false; }
  void close() { closed_ = true; }
  bool wait_until_empty(std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    return empty_.wait_until(lock, until, [this] { return under_way_ == 0; });
  }

 private:
  const std::uint32_t largest_;
  std::atomic<std::uint32_t> under_way_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<bool> closed_{true};
  std::mutex mutex_;
  std::condition_variable empty_;
};

}  // namespace

class engine::implementation {
 public:
  implementation(engine_ports ports, engine_options options)
      : config_(ports, options.node),
        system_(std::make_unique<caf::actor_system>(config_)),
        around_(std::make_shared<surroundings>(once(std::move(ports)), options)) {
    if (!clustered(*around_)) return;
    network_.emplace(*system_, around_->options.node);
    around_->network = &*network_;
  }

  ~implementation() {
    stop();
    end_threads();
  }

  std::optional<std::string> start(std::vector<lent_loop> loops) {
    lend_loops(*system_, std::move(loops));
    auto promise = std::make_shared<std::promise<tl::expected<router, std::string>>>();
    auto starting = promise->get_future();
    // Theirs alone: it is broken when they go down.
    front_ = system_->spawn(engine_front, surroundings_ptr(around_),
                            started_callback([promise = std::move(promise)](auto started) {
                              promise->set_value(std::move(started));
                            }));
    // Its parts end with it, so nothing would serve any more.
    front_->attach_functor([fatal = around_->ports.on_fatal](const caf::error& reason) {
      if (reason && reason != caf::exit_reason::user_shutdown) fatal("the engine's front went down");
    });
    try {
      auto started = starting.get();
      if (!started) return std::move(started.error());
      router_.emplace(std::move(*started));
    } catch (const std::future_error&) {
      return "the engine went down while it started; the log says why";
    }
    placements_->open();
    cancellations_->open();
    operations_->open();
    if (clustered(*around_) && around_->options.node.roles.reservation) {
      around_->first_shard_served->wait_for(longest_wait_for_shards);
    }
    around_->view_published->wait_for(longest_wait_for_view);
    return std::nullopt;
  }

  void place(placement_request request, std::function<void(placement_answer)> done) {
    if (!placements_->admit())
      return done({placement_status::overloaded, 0, {}, false, domain::rejection::none});
    router_->place(std::move(request), leaving(placements_, std::move(done)));
  }

  void cancel(domain::reservation_id id, std::function<void(cancellation_answer)> done,
              std::optional<std::uint64_t> of_user, const tracing::trace_context& trace) {
    if (!cancellations_->admit()) return done({cancellation_status::overloaded});
    router_->cancel({id, domain::cancel_reason::customer, of_user, trace},
                    leaving(cancellations_, std::move(done)));
  }

  void operate(operator_command what, std::function<void(operation_answer)> done) {
    if (!operations_->admit()) return done({operation_status::overloaded});
    router_->operate(std::move(what), leaving(operations_, std::move(done)));
  }
  bool set_breaker(breaker_mode mode) { return tell_front(actors::set_breaker{mode}); }
  bool rebuild_view() { return tell_front(actors::rebuild_view{}); }
  std::optional<retried_step> retried(domain::reservation_id id) const { return around_->retries->find(id); }

  breaker_figures breaker() const { return around_->breaker->figures(); }
  parked_reservations parked(std::size_t at_most) const { return around_->parked->read(at_most); }
  bool journal_stands_still() const {
    return around_->meters->reservations.busy_for_longer_than(around_->options.journal_patience,
                                                              std::chrono::steady_clock::now());
  }

  engine_figures figures() const {
    auto seen = around_->meters->read(std::chrono::steady_clock::now(), around_->options.journal_patience);
    seen.breaker = breaker();
    seen.cluster = cluster();
    seen.placements = placements_->figures();
    seen.cancellations = cancellations_->figures();
    seen.parked = parked(0).total;
    seen.ready_actors = ready_actors(*system_);
    return seen;
  }

  cluster_figures cluster() const { return around_->cluster->read(); }

  bool hand_over(std::chrono::milliseconds at_most) {
    if (!clustered(*around_) || !front_) return true;
    const auto done = std::make_shared<latch>();
    caf::anon_send(front_, actors::hand_over{done});
    return done->wait_for(at_most);
  }

  bool drain(std::chrono::milliseconds at_most) {
    placements_->close();
    cancellations_->close();
    operations_->close();
    const auto until = std::chrono::steady_clock::now() + at_most;
    return placements_->wait_until_empty(until) && cancellations_->wait_until_empty(until) &&
           operations_->wait_until_empty(until);
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    drain(std::chrono::milliseconds(0));
    *around_->stopping = true;
    caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
    front_ = nullptr;
    router_.reset();
    system_->await_all_actors_done();
    around_->breaker->close();
    // Nobody is left who could use an answer: it must not be waited for.
    around_->ports.provider.close();
    around_->ports.reservations.close();
    around_->ports.receipts.close();
    leave_cluster();
    around_->calls->wait_for_none();
  }

  void end_threads() { system_.reset(); }

 private:
  /// Requests come before the front is there: who is admitted finds it.
  template <class Message>
  bool tell_front(Message what) {
    if (!operations_->admit()) return false;
    caf::anon_send(front_, std::move(what));
    operations_->leave();
    return true;
  }

  void leave_cluster() {
    if (!clustered(*around_)) return;
    const auto left = std::make_shared<latch>();
    around_->ports.membership->leave(around_->options.node.name, [left](const auto&) { left->open(); });
    left->wait_for(longest_farewell);
    around_->ports.membership->close();
  }

  /// The process ends once, whoever finds the first reason.
  static engine_ports once(engine_ports ports) {
    ports.on_fatal = [reported = std::make_shared<std::atomic<bool>>(false),
                      report = std::move(ports.on_fatal)](std::string message) {
      if (!reported->exchange(true)) report(std::move(message));
    };
    return ports;
  }

  /// Hands on the answer of an admitted command, and leaves.
  template <class Answer>
  static std::function<void(Answer)> leaving(std::shared_ptr<admission> gate,
                                             std::function<void(Answer)> done) {
    return [gate = std::move(gate), done = std::move(done)](Answer answer) {
      if (answer.status == decltype(answer.status)::overloaded) gate->count_refusal();
      done(std::move(answer));
      gate->leave();
    };
  }

  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::optional<caf_network> network_;
  std::shared_ptr<surroundings> around_;
  std::shared_ptr<admission> placements_ = std::make_shared<admission>(largest_placements);
  std::shared_ptr<admission> cancellations_ = std::make_shared<admission>(largest_cancellations);
  std::shared_ptr<admission> operations_ = std::make_shared<admission>(largest_operations);
  engine_actor front_;
  std::optional<router> router_;
  bool stopped_ = false;
};

engine::engine(engine_ports ports, engine_options options)
    : implementation_(std::make_unique<implementation>(std::move(ports), options)) {}
engine::~engine() = default;

std::optional<std::string> engine::start(std::vector<lent_loop> loops) {
  return implementation_->start(std::move(loops));
}
void engine::place(placement_request request, std::function<void(placement_answer)> done) {
  implementation_->place(std::move(request), std::move(done));
}
void engine::cancel(domain::reservation_id id, std::function<void(cancellation_answer)> done,
                    std::optional<std::uint64_t> of_user, const tracing::trace_context& trace) {
  implementation_->cancel(id, std::move(done), of_user, trace);
}
void engine::operate(operator_command what, std::function<void(operation_answer)> done) {
  implementation_->operate(std::move(what), std::move(done));
}
bool engine::set_breaker(breaker_mode mode) {
  return implementation_->set_breaker(mode);
}
bool engine::rebuild_view() {
  return implementation_->rebuild_view();
}
std::optional<retried_step> engine::retried(domain::reservation_id id) const {
  return implementation_->retried(id);
}
breaker_figures engine::breaker() const {
  return implementation_->breaker();
}
parked_reservations engine::parked(std::size_t at_most) const {
  return implementation_->parked(at_most);
}
bool engine::journal_stands_still() const {
  return implementation_->journal_stands_still();
}
engine_figures engine::figures() const {
  return implementation_->figures();
}
cluster_figures engine::cluster() const {
  return implementation_->cluster();
}
bool engine::hand_over(std::chrono::milliseconds at_most) {
  return implementation_->hand_over(at_most);
}
bool engine::drain(std::chrono::milliseconds at_most) {
  return implementation_->drain(at_most);
}
void engine::stop() {
  implementation_->stop();
}
void engine::end_threads() {
  implementation_->end_threads();
}

}  // namespace holdfast::actors
