// The nodes of a simulation, one or several, and what becomes of their processes: they start, crash within so
// many steps, end by themselves where the engine says that they have to, stand still, hand over, and are
// started again. It says whose turn it is among their actors, and what of the shards they serve.
//
// Refers to the servers, which must outlive it. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "tests/simulation/node.hpp"

namespace holdfast::simulation {

class fleet {
 public:
  explicit fleet(servers& all);
  ~fleet();
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;

  /// Called when a process is about to end: whoever waits for it is cut off.
  std::function<void(const node&)> on_end;

  void start();
  /// One that takes commands; null where none does.
  node* anyone() const;
  node& any() { return *places_[world_.random.below(places_.size())].who; }
  node& at(owner number) { return *places_[number - 1].who; }

  // --- The schedule ---

  /// Processes whose time has come end.
  void end_some();
  std::size_t ready() const;
  void run(std::size_t which);
  void run_loops();
  std::optional<moment> next_due() const;
  void advance_to(moment later);

  // --- Faults ---

  void crash_soon(owner which);
  void pause(owner which);
  void go_on(owner which);
  void hand_over(owner which);
  /// Everybody goes on, and nobody crashes any more but by itself.
  void end_faults();

  // --- What there is ---

  bool all_serve() const;
  std::vector<domain::reservation_id> parked() const;
  struct ownership {
    std::uint32_t without_owner = 0;
    std::uint32_t with_several = 0;
  };
  ownership shards() const;

 private:
  struct place {
    std::unique_ptr<node> who;
    std::optional<std::uint64_t> crash_at;
    /// The engine has said that its process has to end.
    bool ending = false;
  };

  void after(moment delay, std::function<void()> what);
  moment time_down();
  void begin_to_end(place& one);
  void crash(place& one);
  void end(place& one);
  void look_after_leaving(place& one, const std::string& name, moment give_up_at);

  world& world_;
  std::vector<place> places_;
};

}  // namespace holdfast::simulation
