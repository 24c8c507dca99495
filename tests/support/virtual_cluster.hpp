// A cluster on one thread and virtual time: several engines under CAF's test coordinator on the same
// journals, view, provider and membership, and between them a network that can be cut. Nothing runs unless
// run() or advance() is called.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/engine_actor.hpp"
#include "actors/node_network.hpp"
#include "actors/router.hpp"
#include "actors/type_registry.hpp"
#include "storage/memory_membership.hpp"
#include "tests/support/virtual_engine.hpp"

namespace holdfast::testing {

/// The cables between nodes, by name. A message over a cut one is lost, and so is an answer.
class virtual_network {
 public:
  void cut(const std::string& from, const std::string& to) { cut_.insert({from, to}); }
  void cut_both_ways(const std::string& one, const std::string& other) {
    cut(one, other);
    cut(other, one);
  }
  void mend() { cut_.clear(); }
  bool passes(const std::string& from, const std::string& to) const { return !cut_.contains({from, to}); }

  std::map<std::string, actors::node_gate_actor> gates;

  /// As connections do that are silent for too long; those who watch them notice.
  void end_connections() {
    for (const auto& link : links_) caf::anon_send_exit(link, caf::exit_reason::remote_link_unreachable);
    links_.clear();
  }
  void connected(const actors::node_gate_actor& link) { links_.push_back(link); }

 private:
  std::vector<actors::node_gate_actor> links_;
  std::set<std::pair<std::string, std::string>> cut_;
};

/// One node's way to another's gate.
struct virtual_link_state {
  const virtual_network* network = nullptr;
  std::string from;
  std::string to;
  static inline const char* name = "virtual_link";

  template <class Answer, class Self, class Command>
  caf::typed_response_promise<Answer> carry(Self* self, const Command& command) {
    auto promise = self->template make_response_promise<Answer>();
    if (!network->passes(from, to)) return promise;
    self->request(network->gates.at(to), caf::infinite, command)
        .then([this, promise](Answer& answer) mutable {
          if (network->passes(to, from)) promise.deliver(std::move(answer));
        });
    return promise;
  }
};

inline actors::node_gate_actor::behavior_type virtual_link(
    actors::node_gate_actor::stateful_pointer<virtual_link_state> self, const virtual_network* network,
    const std::string& from, const std::string& to) {
  self->state.network = network;
  self->state.from = from;
  self->state.to = to;
  // As a connection does, it goes with its other end.
  self->monitor(network->gates.at(to));
  self->set_down_handler(
      [self](const caf::down_msg&) { self->quit(caf::exit_reason::remote_link_unreachable); });
  return {
      [self](const actors::place_reservation& what) {
        return self->state.carry<actors::placement_answer>(self, what);
      },
      [self](const actors::cancel_reservation& what) {
        return self->state.carry<actors::cancellation_answer>(self, what);
      },
      [self](const actors::operator_command& what) {
        return self->state.carry<actors::operation_answer>(self, what);
      },
      [self](const actors::issue_receipt& what) {
        return self->state.carry<actors::receipt_answer>(self, what);
      },
      [self](const actors::void_receipt& what) {
        return self->state.carry<actors::receipt_answer>(self, what);
      },
      [](const actors::gate_placed&) {},
      [](const actors::gate_cancelled&) {},
      [](const actors::gate_operated&) {},
  };
}

/// Answers later where it is told to.
class slow_membership final : public storage::memory_membership {
 public:
  using storage::memory_membership::memory_membership;

  void beat(storage::heartbeat what, storage::heartbeat_callback done) override {
    if (what.from.name != held_) return storage::memory_membership::beat(std::move(what), std::move(done));
    storage::memory_membership::beat(
        std::move(what), [this, done](auto state) { answers_.push_back([done, state] { done(state); }); });
  }
  /// What it answers to this one stays on its way.
  void hold_answers_to(std::string name) { held_ = std::move(name); }
  void release_answers() {
    held_.clear();
    for (const auto& answer : std::exchange(answers_, {})) answer();
  }

 private:
  std::string held_;
  std::vector<std::function<void()>> answers_;
};

class virtual_cluster {
 public:
  static constexpr std::chrono::milliseconds lease{5000};

  class node final : public actors::node_network {
   public:
    node(virtual_cluster& in, std::string name, storage::member_roles roles)
        : name(std::move(name)), cluster_(in) {
      actors::engine_options options = in.options;
      options.node.name = this->name;
      options.node.roles = roles;
      around_ = std::make_shared<actors::surroundings>(actors::surroundings{ports(), options});
      around_->network = this;
      front_ = in.system_->spawn(actors::engine_front, actors::surroundings_ptr(around_),
                                 actors::started_callback([this](auto started) {
                                   if (started) router_.emplace(std::move(*started));
                                 }));
    }

    void publish(const actors::node_gate_actor& gate,
                 std::function<void(tl::expected<std::string, std::string>)> done) override {
      cluster_.network.gates[name] = gate;
      done(name);
    }
    void find(const std::string& address,
              std::function<void(tl::expected<actors::node_gate_actor, std::string>)> done) override {
      auto& network = cluster_.network;
      if (!network.gates.contains(address) || !network.passes(name, address)) {
        return done(tl::unexpected("no way from " + name + " to " + address));
      }
      const auto link = cluster_.system_->spawn(virtual_link, &network, name, address);
      network.connected(link);
      done(link);
    }

    /// Commands are taken.
    bool serving() const { return router_.has_value(); }
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
    std::shared_ptr<actors::latch> hand_over() {
      auto done = std::make_shared<actors::latch>();
      caf::anon_send(front_, actors::hand_over{done});
      return done;
    }
    actors::cluster_figures figures() const { return around_->cluster->read(); }
    actors::parked_reservations parked() const { return around_->parked->read(10); }
    actors::saga_figures sagas() const { return around_->meters->sagas.read(); }
    std::optional<actors::retried_step> retried(domain::reservation_id id) const {
      return around_->retries->find(id);
    }

    /// Which of the shards it serves.
    std::set<storage::shard_id> serves() const {
      std::set<storage::shard_id> shards;
      for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
        if (progress.owned(shard)) shards.insert(shard);
      }
      return shards;
    }

    /// kill -9: whoever waits hears nothing, and nobody hears from it.
    void kill() {
      caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
      front_ = nullptr;
      router_.reset();
      for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) progress.left(shard);
    }
    /// It ends as serve() does once its shards are handed over.
    void end() {
      kill();
      cluster_.membership.leave(name, [](const auto&) {});
    }

    const std::string name;
    storage::projection_progress progress{[this] { return cluster_.coordinator_->clock().now(); }};
    std::vector<std::string> fatal;

   private:
    actors::engine_ports ports() {
      actors::engine_ports ports{
          cluster_.reservations,
          cluster_.receipts,
          cluster_.view,
          progress,
          cluster_.provider,
          [this] { return cluster_.now(); },
          [](domain::timestamp paid_at) {
            return domain::zoned_timestamp{paid_at + std::chrono::days(21), std::chrono::minutes(540)};
          },
          [this](std::string message) { fatal.push_back(std::move(message)); }};
      ports.membership = &cluster_.membership;
      return ports;
    }

    virtual_cluster& cluster_;
    std::shared_ptr<actors::surroundings> around_;
    actors::engine_actor front_;
    std::optional<actors::router> router_;
  };

  explicit virtual_cluster(actors::engine_options with = {}) : options(with) {
    // What nobody waits for comes at once too, as if time went by.
    options.journal_put_off = {};
    actors::register_messages(config_);
    config_.set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(config_);
    coordinator_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }
  ~virtual_cluster() {
    for (auto& one : nodes_) one->kill();
    network.gates.clear();
    run_actors();
    jobs.clear();
    held_.clear();
    nodes_.clear();
    system_.reset();
  }
  virtual_cluster(const virtual_cluster&) = delete;
  virtual_cluster& operator=(const virtual_cluster&) = delete;

  /// The reference stays when it ends.
  node& start(const std::string& name, storage::member_roles roles = {}) {
    nodes_.push_back(std::make_unique<node>(*this, name, roles));
    run();
    return *nodes_.back();
  }

  /// As a crash: its connections go down, and its leases run out.
  void kill(node& one) {
    one.kill();
    network.gates.erase(one.name);
    silenced_.insert(one.name);
    membership.cut_off(silenced_);
    run();
  }
  /// The store of the membership does not hear these nodes.
  void silence(std::set<std::string> names) {
    auto all = silenced_;
    all.merge(names);
    membership.cut_off(all);
  }

  bool step() {
    if (!coordinator_->try_run_once()) {
      if (jobs.empty()) return false;
      auto next = std::move(jobs.front());
      jobs.pop_front();
      next();
    }
    caf::logger::set_current_actor_system(nullptr);
    if (after_step) after_step();
    return true;
  }
  void run() {
    while (step()) {
    }
  }
  /// Only the actors: calls to ports stay open.
  void run_actors() {
    while (coordinator_->try_run_once()) {
    }
  }
  void advance(std::chrono::milliseconds by) {
    constexpr std::chrono::milliseconds grain(25);
    for (auto left = by; left.count() > 0; left -= std::min(left, grain)) {
      elapsed_ += std::min(left, grain);
      coordinator_->advance_time(std::min(left, grain));
      run();
    }
  }
  /// Until it holds, in grains of time; how long that took. Nothing within `at_most`: that long.
  std::chrono::milliseconds advance_until(const std::function<bool()>& holds,
                                          std::chrono::milliseconds at_most) {
    std::chrono::milliseconds passed(0);
    while (!holds() && passed < at_most) {
      advance(std::chrono::milliseconds(25));
      passed += std::chrono::milliseconds(25);
    }
    return passed;
  }
  std::chrono::milliseconds elapsed() const { return elapsed_; }
  domain::timestamp now() const {
    return domain::timestamp(std::chrono::milliseconds(1'795'000'000'000)) + elapsed_;
  }

  /// The fold of what the journal has of it.
  domain::reservation stored(domain::reservation_id id) {
    std::string records;
    read([&] {
      reservations.read_entity(id, [&](auto result) {
        for (const auto& record : result.value()) records += record.record;
      });
    });
    return storage::fold_reservation(records).value();
  }
  /// Runs what the calls in it ask of the journals, and nothing else.
  void read(const std::function<void()>& calls) {
    auto kept = std::exchange(jobs, {});
    calls();
    for (; !jobs.empty(); jobs.pop_front()) jobs.front()();
    jobs = std::move(kept);
  }

  std::deque<job> jobs;
  actors::engine_options options;
  storage::memory_journal reservations{
      [this](job next) { (held_journal_ == &reservations ? held_ : jobs).push_back(std::move(next)); },
      "reservations"};
  storage::memory_journal receipts{
      [this](job next) { (held_journal_ == &receipts ? held_ : jobs).push_back(std::move(next)); },
      "receipts"};
  scripted_provider provider{jobs};
  memory_view_writer view{jobs};
  slow_membership membership{lease, [this] { return storage::memory_membership::time_point{} + elapsed_; }};
  virtual_network network;
  /// One of the journals does nothing for now, and then everything in order.
  void hold(const storage::memory_journal& journal) { held_journal_ = &journal; }
  void release_journal() {
    held_journal_ = nullptr;
    for (auto& call : std::exchange(held_, {})) jobs.push_back(std::move(call));
  }

  /// Called behind every turn.
  std::function<void()> after_step;

 private:
  const storage::memory_journal* held_journal_ = nullptr;
  std::deque<job> held_;
  std::chrono::milliseconds elapsed_{0};
  std::set<std::string> silenced_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* coordinator_ = nullptr;
  std::vector<std::unique_ptr<node>> nodes_;
};

}  // namespace holdfast::testing
