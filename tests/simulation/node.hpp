// The engine's process in a simulation, one of several where there is a cluster: every actor under CAF's test
// coordinator, with the reader that answers GETs, on ports of the simulation. It is started, paused, told to
// hand over and crashed; which actor has its turn, and when time goes on, is for the simulation to say.
//
// Refers to the world and what is in it, which must outlive it. One thread.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/engine_actor.hpp"
#include "actors/router.hpp"
#include "http/reader.hpp"
#include "storage/projection_progress.hpp"
#include "tests/simulation/simulated_journal.hpp"
#include "tests/simulation/simulated_leases.hpp"
#include "tests/simulation/simulated_network.hpp"
#include "tests/simulation/simulated_provider.hpp"
#include "tests/simulation/simulated_view.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

/// What outlives every node.
struct servers {
  explicit servers(world& in);

  world& in;
  journal_store reservations;
  journal_store receipts;
  view_rows view;
  provider_books provider;
  storage::memory_membership leases;
  simulated_network network;
};

class node {
 public:
  /// Numbered from 1.
  node(servers& all, owner number);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  void start();
  /// kill -9: whoever waits hears nothing.
  void crash();
  bool running() const { return system_ != nullptr; }
  /// Commands are taken.
  bool serving() const { return router_.has_value(); }
  /// The engine has said that its process has to end.
  bool failed() const { return running() && failed_; }
  /// The process stands still, and its clock goes on.
  void pause();
  void go_on();
  bool paused() const { return paused_; }
  /// It ends: its shards go to others.
  void hand_over();
  /// None is left.
  bool handed_over() const { return leaving_ && leaving_->wait_for(std::chrono::milliseconds(0)); }
  bool leaving() const { return leaving_ != nullptr; }
  /// The cluster forgets it.
  void leave();

  // --- The schedule ---

  std::size_t ready();
  void run(std::size_t which);
  /// Lets the readers' event loop bring answers to its requests.
  void run_loop();
  std::optional<moment> next_due();
  void advance_to(moment later);

  // --- What customers and operators use ---

  void place(actors::placement_request request, std::function<void(actors::placement_answer)> done);
  void cancel(domain::reservation_id id, std::function<void(actors::cancellation_answer)> done);
  void operate(actors::operator_command what, std::function<void(actors::operation_answer)> done);
  void read(domain::reservation_id id, std::function<void(http::read_answer)> done);
  void list(storage::view_callback<storage::view_page> done);
  std::vector<domain::reservation_id> parked() const;
  bool owns(storage::shard_id shard) const { return progress_ && progress_->owned(shard); }

  const owner number;
  /// Of its process.
  const std::string& name() const { return name_; }
  simulated_journal reservations;
  simulated_journal receipts;
  simulated_leases leases;
  network_port network;

  void jump_clock(std::chrono::milliseconds by) { clock_offset_ += by; }
  domain::timestamp wall_clock() const;

 private:
  caf::scheduler::test_coordinator& coordinator();
  actors::engine_ports ports();
  actors::engine_options options() const;
  void when_awake(std::function<void()> ask);
  void drop_calls();
  void forget_calls();
  domain::timestamp tell_time();
  domain::zoned_timestamp tell_delivery_date(domain::timestamp paid_at);

  world& world_;
  simulated_view view_;
  simulated_provider provider_;
  std::string name_;
  /// Processes so far.
  std::uint32_t runs_ = 0;
  std::chrono::milliseconds clock_offset_{0};

  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> loop_stays_{loop_.get_executor()};
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<actors::surroundings> around_;
  std::unique_ptr<storage::projection_progress> progress_;
  std::shared_ptr<http::reservation_reader> reader_;
  actors::engine_actor front_;
  std::optional<actors::router> router_;
  /// The moment of the actors' clock at the start, and its own.
  moment started_at_ = 0;
  caf::actor_clock::time_point clock_started_at_;
  bool failed_ = false;
  bool going_down_ = false;
  bool paused_ = false;
  /// Open when it has handed over; null while it does not end.
  std::shared_ptr<actors::latch> leaving_;
};

}  // namespace holdfast::simulation
