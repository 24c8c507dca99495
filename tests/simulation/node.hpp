// The engine's process in a simulation: every actor under CAF's test coordinator, with the reader
// that answers GETs, on ports of the simulation. It is started and crashed; which actor has its
// turn, and when time goes on, is for the simulation to say.
//
// Refers to world and ports, which must outlive it. One thread.
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
#include "tests/simulation/simulated_provider.hpp"
#include "tests/simulation/simulated_view.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

class node {
 public:
  node(world& in, simulated_journal& reservations, simulated_journal& receipts, simulated_view& view,
       simulated_provider& provider);
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

  // --- The schedule ---

  std::size_t ready();
  void run(std::size_t which);
  /// Lets the readers' event loop bring answers to its requests.
  void run_loop() { loop_.poll(); }
  std::optional<moment> next_due();
  void advance_to(moment later);

  // --- What customers and operators use ---

  void place(actors::placement_request request, std::function<void(actors::placement_answer)> done);
  void cancel(domain::reservation_id id, std::function<void(actors::cancellation_answer)> done);
  void read(domain::reservation_id id, std::function<void(http::read_answer)> done);
  void list(storage::view_callback<storage::view_page> done);
  std::vector<domain::reservation_id> parked() const;

  void jump_clock(std::chrono::milliseconds by) { clock_offset_ += by; }
  domain::timestamp wall_clock() const;

 private:
  caf::scheduler::test_coordinator& coordinator();
  actors::engine_ports ports();
  domain::timestamp tell_time();
  domain::zoned_timestamp tell_delivery_date(domain::timestamp paid_at);

  world& world_;
  simulated_journal& reservations_;
  simulated_journal& receipts_;
  simulated_view& view_;
  simulated_provider& provider_;
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
};

}  // namespace holdfast::simulation
