// The whole engine on one thread and virtual time: CAF's test coordinator, journals in memory,
// a provider and a view that answer when the test lets them. Nothing runs unless run() or
// advance() is called, so a test sees every state in between.
#pragma once

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/engine_actor.hpp"
#include "actors/router.hpp"
#include "actors/type_registry.hpp"
#include "payments/provider.hpp"
#include "storage/event_codec.hpp"
#include "storage/memory_journal.hpp"
#include "storage/projection_progress.hpp"
#include "storage/view.hpp"

namespace holdfast::testing {

using job = std::function<void()>;

/// Calls to a port on their way to it. While it is silent they stay open.
class port_calls {
 public:
  explicit port_calls(std::deque<job>& jobs) : jobs_(jobs) {}

  void take(job call) { (silent_ ? open_ : jobs_).push_back(std::move(call)); }
  void silence() { silent_ = true; }
  void answer() {
    silent_ = false;
    for (auto& call : std::exchange(open_, {})) jobs_.push_back(std::move(call));
  }
  /// As a crash of its caller does.
  void lose() { open_.clear(); }

 private:
  std::deque<job>& jobs_;
  std::deque<job> open_;
  bool silent_ = false;
};

/// A provider that captures everything, unless the test says otherwise.
class scripted_provider final : public payments::provider {
 public:
  explicit scripted_provider(std::deque<job>& jobs) : jobs_(jobs) {}

  void charge(payments::charge_request request, std::function<void(payments::charge_answer)> done) override {
    charges.push_back(request);
    (answers_charges ? jobs_ : unanswered)
        .push_back(
            [this, request = std::move(request), done = std::move(done)] { done(on_charge(request)); });
  }
  void settle(payments::settle_request request, std::function<void(payments::settle_answer)> done) override {
    const auto id = request.reservation;
    settles.push_back(id);
    settle_traces.push_back(request.trace);
    jobs_.push_back([this, id, done = std::move(done)] { done(on_settle(id)); });
  }
  void refund(payments::refund_request request, std::function<void(payments::refund_answer)> done) override {
    refunds.push_back(request);
    jobs_.push_back(
        [this, request = std::move(request), done = std::move(done)] { done(on_refund(request)); });
  }

  void close() override {}

  /// The provider's own books: reservations with a capture that stands.
  std::map<domain::reservation_id, int> captured;

  payments::charge_answer capture(const payments::charge_request& request) {
    if (captured[request.reservation]++ > 0) captured[request.reservation] = 1;
    return {payments::charge_status::captured, "t-" + std::to_string(request.reservation), {}};
  }

  std::function<payments::charge_answer(const payments::charge_request&)> on_charge =
      [this](const auto& request) { return capture(request); };
  std::function<payments::settle_answer(domain::reservation_id)> on_settle =
      [this](domain::reservation_id id) -> payments::settle_answer {
    if (captured[id] > 0) return {payments::settle_status::captured, "t-" + std::to_string(id), {}};
    return {payments::settle_status::not_charged, {}, {}};
  };
  std::function<payments::refund_answer(const payments::refund_request&)> on_refund =
      [this](const payments::refund_request& request) -> payments::refund_answer {
    captured[request.reservation] = 0;
    return {payments::refund_status::refunded, "r-" + std::to_string(request.reservation), {}};
  };

  bool answers_charges = true;
  std::deque<job> unanswered;

  std::vector<payments::charge_request> charges;
  std::vector<domain::reservation_id> settles;
  std::vector<tracing::trace_context> settle_traces;
  std::vector<payments::refund_request> refunds;

 private:
  std::deque<job>& jobs_;
};

/// A view in memory that can be lost.
class memory_view_writer final : public storage::view_writer {
 public:
  explicit memory_view_writer(std::deque<job>& jobs) : calls_(jobs) {}

  void open(std::string store_id, storage::view_callback<storage::checkpoints> done) override {
    take([this, store_id, done] {
      if (!reachable) return done(tl::make_unexpected(storage::view_error::unavailable));
      if (store_id != store_id_) clear();
      store_id_ = store_id;
      done(checkpoints_);
    });
  }
  void write(std::vector<storage::view_row> written,
             std::vector<std::pair<storage::shard_id, storage::position>> reached,
             storage::view_callback<std::monostate> done) override {
    take([this, written = std::move(written), reached = std::move(reached), done] {
      if (!reachable || store_id_.empty()) return done(tl::make_unexpected(storage::view_error::unavailable));
      for (const auto& row : written) {
        if (rows[row.id].version < row.version) rows[row.id] = row;
      }
      for (const auto& [shard, at] : reached) checkpoints_[shard] = at;
      done(std::monostate{});
    });
  }
  void publish(storage::view_callback<std::monostate> done) override {
    take([this, done] {
      published = true;
      done(std::monostate{});
    });
  }

  /// As SIGSTOP does: calls stay open until resume().
  void pause() { calls_.silence(); }
  void resume() { calls_.answer(); }

  /// As a crash of its caller does.
  void lose_open_calls() { calls_.lose(); }

  /// As FLUSHALL does.
  void flush() {
    clear();
    store_id_.clear();
  }

  std::map<storage::entity_id, storage::view_row> rows;
  bool reachable = true;
  bool published = false;

 private:
  void take(job call) { calls_.take(std::move(call)); }
  void clear() {
    rows.clear();
    checkpoints_.assign(storage::shard_count, 0);
    published = false;
  }

  port_calls calls_;
  std::string store_id_;
  storage::checkpoints checkpoints_ = storage::checkpoints(storage::shard_count, 0);
};

class virtual_engine {
 public:
  explicit virtual_engine(actors::engine_options with = {}) : virtual_engine(nullptr, with) {}
  /// With another provider than the scripted one; it has to outlive the engine.
  explicit virtual_engine(payments::provider* instead, actors::engine_options with = {})
      : options(with), instead_(instead) {
    // What nobody waits for comes at once too, as if time went by.
    options.journal_put_off = {};
    start();
    run();
  }
  ~virtual_engine() { crash(); }
  virtual_engine(const virtual_engine&) = delete;
  virtual_engine& operator=(const virtual_engine&) = delete;

  /// One actor's turn, or one port's answer if no actor is ready; false if there is neither.
  bool step() {
    ++steps;
    if (coordinator_->try_run_once()) {
      // As the product's scheduler does: each spawn makes CAF's logger that of the thread.
      caf::logger::set_current_actor_system(nullptr);
      return true;
    }
    if (jobs.empty()) return false;
    auto next = std::move(jobs.front());
    jobs.pop_front();
    next();
    return true;
  }
  /// Runs actors and ports until nobody has anything to do now.
  void run() {
    while (step()) {
    }
  }
  /// Only the actors: calls to ports stay open.
  void run_actors() {
    while (coordinator_->try_run_once()) {
    }
  }
  /// Lets virtual time pass in small grains, and runs what each wakes.
  void advance(std::chrono::milliseconds by) {
    constexpr std::chrono::milliseconds grain(50);
    for (auto left = by; left.count() > 0; left -= std::min(left, grain)) {
      elapsed_ += std::min(left, grain);
      coordinator_->advance_time(std::min(left, grain));
      run();
    }
  }
  /// The same, but calls to ports stay open.
  void pass_time_for_actors(std::chrono::milliseconds by) {
    constexpr std::chrono::milliseconds grain(50);
    for (auto left = by; left.count() > 0; left -= std::min(left, grain)) {
      advance_clock_only(std::min(left, grain));
      run_actors();
    }
  }
  /// Lets virtual time pass, and runs nothing yet.
  void advance_clock_only(std::chrono::milliseconds by) {
    elapsed_ += by;
    coordinator_->advance_time(by);
  }
  actors::breaker_figures breaker() const { return around_->breaker->figures(); }
  actors::parked_reservations parked() const { return around_->parked->read(10); }
  /// But for what the facade counts.
  actors::engine_figures figures() const {
    return around_->meters->read(coordinator_->clock().now(), options.journal_patience);
  }

  /// Ends the actors; calls to ports that are open are lost, as in a crash.
  void crash() {
    if (!system_) return;
    caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
    front_ = nullptr;
    router_.reset();
    run_actors();
    jobs.clear();
    reservation_calls_.lose();
    receipt_calls_.lose();
    view.lose_open_calls();
    around_.reset();
    system_.reset();
  }
  /// Starts on what is in the journals.
  void start() {
    config_ = std::make_unique<caf::actor_system_config>();
    actors::register_messages(*config_);
    config_->set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(*config_);
    coordinator_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
    progress = std::make_unique<storage::projection_progress>();
    actors::engine_ports ports{reservations,
                               receipts,
                               view,
                               *progress,
                               instead_ ? *instead_ : provider,
                               [this] {
                                 before_clock();
                                 return now();
                               },
                               [this](domain::timestamp paid_at) {
                                 before_delivery_date();
                                 return delivery_date(paid_at);
                               },
                               [this](std::string message) { fatal.push_back(std::move(message)); }};
    ports.tracer = tracer;
    around_ = std::make_shared<actors::surroundings>(actors::surroundings{ports, options});
    front_ = system_->spawn(actors::engine_front, actors::surroundings_ptr(around_),
                            actors::started_callback([this](auto started) {
                              if (started) router_.emplace(std::move(*started));
                            }));
  }
  void restart() {
    crash();
    start();
    run();
  }

  domain::timestamp now() const {
    return domain::timestamp(std::chrono::milliseconds(1'795'000'000'000)) + elapsed_ - set_back_by_;
  }
  /// The wall clock alone, as an operator does.
  void set_clock_back(std::chrono::milliseconds by) { set_back_by_ += by; }
  std::size_t running_actors() { return system_->registry().running(); }

  /// Answers arrive in the returned place once they are given.
  std::shared_ptr<std::optional<actors::placement_answer>> place(actors::placement_request request) {
    auto answer = std::make_shared<std::optional<actors::placement_answer>>();
    router_->place(std::move(request), [answer](auto a) { *answer = std::move(a); });
    return answer;
  }
  std::shared_ptr<std::optional<actors::cancellation_answer>> cancel(
      domain::reservation_id id, std::optional<std::uint64_t> of_user = {},
      const tracing::trace_context& trace = {}) {
    auto answer = std::make_shared<std::optional<actors::cancellation_answer>>();
    router_->cancel({id, domain::cancel_reason::customer, of_user, trace},
                    [answer](auto a) { *answer = std::move(a); });
    return answer;
  }
  std::shared_ptr<std::optional<actors::operation_answer>> operate(actors::operator_command what) {
    auto answer = std::make_shared<std::optional<actors::operation_answer>>();
    router_->operate(std::move(what), [answer](auto a) { *answer = a; });
    return answer;
  }
  void set_breaker(actors::breaker_mode mode) { caf::anon_send(front_, actors::set_breaker{mode}); }
  void rebuild_view() { caf::anon_send(front_, actors::rebuild_view{}); }
  std::optional<actors::retried_step> retried(domain::reservation_id id) const {
    return around_->retries->find(id);
  }

  /// The fold of what the journal has of it.
  domain::reservation stored(domain::reservation_id id) {
    std::string records;
    auto kept = std::move(jobs);
    jobs.clear();
    reservations.read_entity(id, [&](auto result) {
      for (const auto& record : result.value()) records += record.record;
    });
    for (; !jobs.empty(); jobs.pop_front()) jobs.front()();
    jobs = std::move(kept);
    return storage::fold_reservation(records).value();
  }

  std::deque<job> jobs;
  actors::engine_options options;
  storage::memory_journal reservations{[this](job next) { reservation_calls_.take(std::move(next)); },
                                       "reservations"};
  storage::memory_journal receipts{[this](job next) { receipt_calls_.take(std::move(next)); }, "receipts"};
  scripted_provider provider{jobs};
  memory_view_writer view{jobs};
  std::unique_ptr<storage::projection_progress> progress;
  std::vector<std::string> fatal;
  /// Where spans go, from the next start on.
  tracing::tracer* tracer = nullptr;
  /// Turns taken so far: the work that was done.
  std::size_t steps = 0;
  /// Called by the actors that ask for the time or the date: may throw.
  std::function<void()> before_clock = [] {};
  std::function<void()> before_delivery_date = [] {};
  std::function<domain::zoned_timestamp(domain::timestamp)> delivery_date = [](domain::timestamp paid_at) {
    return domain::zoned_timestamp{paid_at + std::chrono::days(21), std::chrono::minutes(540)};
  };
  /// The receipt desk's journal gives no answer: its calls stay open, and are lost in a crash.
  void silence_receipts() { receipt_calls_.silence(); }
  void let_receipts_answer() { receipt_calls_.answer(); }
  /// That of the reservations. stored() waits for it, too.
  void silence_reservations() { reservation_calls_.silence(); }
  void let_reservations_answer() { reservation_calls_.answer(); }

 private:
  port_calls reservation_calls_{jobs};
  port_calls receipt_calls_{jobs};
  payments::provider* instead_ = nullptr;
  std::chrono::milliseconds elapsed_{0};
  std::chrono::milliseconds set_back_by_{0};
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* coordinator_ = nullptr;
  std::shared_ptr<actors::surroundings> around_;
  actors::engine_actor front_;
  std::optional<actors::router> router_;
};

/// A placement as a customer sends it.
inline actors::placement_request a_placement(std::optional<storage::idempotency_claim> key = {}) {
  actors::placement_request request;
  request.what.user_id = 7;
  request.what.user_address = "seoul";
  request.what.product_name = "fold";
  request.what.price = {1'300'000, "KRW"};
  request.what.card_last_four = "1234";
  request.card_number = domain::secret("1234123412341234");
  request.key = std::move(key);
  return request;
}

}  // namespace holdfast::testing
