#include "tests/simulation/simulation.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "storage/event_codec.hpp"
#include "tests/simulation/customers.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/simulated_journal.hpp"
#include "tests/simulation/simulated_provider.hpp"
#include "tests/simulation/simulated_view.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

namespace {

/// How long after the last fault everything has to be through: retries wait 19 s at most, and an
/// open breaker 5 s, a few times one after the other.
constexpr moment time_to_end = 300 * second;
/// At rest, whatever could still happen by itself has happened then: passivation, late landings.
constexpr moment time_to_calm_down = 12 * second;
constexpr moment look_every = second;
/// Nothing takes so many turns, unless it goes round in circles.
constexpr std::uint64_t most_steps = 3'000'000;
/// Until a process that has to end is gone.
constexpr std::uint64_t most_steps_to_end = 200;
constexpr moment longest_to_end = second;
/// Time goes on although somebody has something to do, as on a loaded machine, but not for long.
constexpr moment hastiest = 10 * millisecond;
constexpr moment forever = std::numeric_limits<moment>::max();
/// A process does not start in no time.
constexpr moment shortest_down = 50 * millisecond;
constexpr moment longest_down = 2 * second;
constexpr moment hours_down = 70 * 60 * second;
constexpr unsigned crash_within_steps_bits = 12;
constexpr std::uint32_t crash_again_percent = 15;

/// Shows every line of the engine's log to the watch, the debugging ones too, and keeps none.
class log_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit log_sink(world& in) : world_(in) {}

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    world_.cards.look("log", {line.payload.data(), line.payload.size()});
  }
  void flush_() override {}

  world& world_;
};

/// The process's log goes to the watch for as long as this lives.
class watched_log {
 public:
  explicit watched_log(world& in) : before_(spdlog::default_logger()) {
    auto watched = std::make_shared<spdlog::logger>("simulation", std::make_shared<log_sink>(in));
    watched->set_level(spdlog::level::debug);
    spdlog::set_default_logger(std::move(watched));
  }
  ~watched_log() { spdlog::set_default_logger(before_); }
  watched_log(const watched_log&) = delete;
  watched_log& operator=(const watched_log&) = delete;

 private:
  std::shared_ptr<spdlog::logger> before_;
};

class run {
 public:
  run(std::uint64_t seed, std::ostream* trace) : world_(plan(seed), trace) {}

  run_result go() {
    schedule_faults();
    node_.start();
    customers_.begin();
    while (!over_ && world_.steps < most_steps && step()) {
    }
    run_result result;
    result.history = tell();
    result.judged = proof::check(result.history);
    result.struck = world_.struck;
    result.steps = world_.steps;
    return result;
  }

 private:
  // --- Steps ---

  bool step() {
    if (node_.failed() && !ending_) begin_to_end();
    if (crash_at_ && world_.steps >= *crash_at_) crash();
    const auto actors = node_.ready();
    const auto others = world_.ready();
    const bool hasty = !world_.faults_over() && world_.random.chance(world_.drawn.hasty_percent);
    if (actors + others == 0) return let_time_pass(forever);
    if (hasty) {
      let_time_pass(hastiest);
      return true;
    }
    ++world_.steps;
    if (actors_turn(actors, others)) {
      node_.run(world_.random.below(actors));
    } else {
      world_.run_ready(world_.random.below(others));
      node_.run_loop();
    }
    return true;
  }

  bool actors_turn(std::size_t actors, std::size_t others) {
    constexpr std::uint32_t nearly_always = 97;
    if (actors == 0 || others == 0) return actors > 0;
    switch (world_.drawn.leaning) {
      case lean::none:
        return world_.random.below(actors + others) < actors;
      case lean::half:
        return world_.random.chance(50);
      case lean::actors:
        return world_.random.chance(nearly_always);
      case lean::ports:
        return !world_.random.chance(nearly_always);
    }
    return true;
  }

  /// To when somebody has something to do next, if that is no further off.
  bool let_time_pass(moment at_most) {
    auto due = world_.next_due();
    if (const auto timer = node_.next_due(); timer && (!due || *timer < *due)) due = timer;
    if (!due || *due - world_.now() > at_most) return false;
    const auto to = std::max(*due, world_.now());
    world_.advance_to(to);
    node_.advance_to(to);
    return true;
  }

  // --- Faults ---

  moment some_time() { return world_.random.between(0, world_.drawn.faults_until); }

  void at(moment when, std::function<void()> what) {
    world_.after(when - world_.now(), fate::outlives_crash, std::move(what));
  }

  /// Begins at some time and ends a while later.
  void schedule_window(fault what, std::function<void()> begin, std::function<void()> end,
                       moment longest_while) {
    if (!world_.drawn.has(what)) return;
    const auto from = some_time();
    const auto duration = world_.random.between(0, longest_while);
    faults_end_ = std::max(faults_end_, from + duration);
    at(from, [this, what, duration, begin = std::move(begin), end = std::move(end)] {
      // Steps that are ready come in any order: the end of all faults may have come first.
      if (world_.faults_over()) return;
      world_.note(what, "begins");
      begin();
      at(world_.now() + duration, [this, what, end] {
        world_.trace([&] { return std::string(name_of(what)) + " ends"; });
        end();
      });
    });
  }

  void schedule_faults() {
    faults_end_ = world_.drawn.faults_until;
    for (std::uint32_t i = 0; i < world_.drawn.crashes; ++i) {
      at(some_time(), [this] { crash_soon(); });
    }
    const bool silent = world_.random.chance(50);
    schedule_window(
        fault::provider_down, [this, silent] { provider_.go_down(silent); },
        [this] { provider_.come_back(); }, 20 * second);
    if (world_.drawn.has(fault::provider_down_for_hours)) schedule_hours_down(silent);
    schedule_window(
        fault::view_down, [this] { view_.go_down(); }, [this] { view_.come_back(); }, 5 * second);
    schedule_window(
        fault::view_flushed, [this] { view_.flush(); }, [] {}, second);
    if (world_.drawn.has(fault::clock_jumps)) at(some_time(), [this] { jump_clock(); });
    at(faults_end_, [this] { end_faults(); });
  }

  /// Long enough for reservations to be parked.
  void schedule_hours_down(bool silent) {
    const auto from = some_time();
    faults_end_ = std::max(faults_end_, from + hours_down);
    at(from, [this, silent] {
      if (world_.faults_over()) return;
      world_.note(fault::provider_down_for_hours, "begins");
      provider_.go_down(silent);
    });
  }

  void jump_clock() {
    if (world_.faults_over()) return;
    const auto by = world_.random.between(1, 3'600'000) * (world_.random.chance(50) ? 1 : -1);
    world_.note(fault::clock_jumps, std::to_string(by) + " ms");
    node_.jump_clock(std::chrono::milliseconds(by));
  }

  /// The process ends by itself, a while after it said that it has to.
  void begin_to_end() {
    ending_ = true;
    const auto by_then = world_.steps + world_.random.below(most_steps_to_end);
    crash_at_ = std::min(crash_at_.value_or(by_then), by_then);
    at(world_.now() + world_.random.between(0, longest_to_end), [this] {
      if (ending_) crash();
    });
  }

  void crash_soon() {
    if (!node_.running() || ending_ || world_.faults_over()) return;
    crash_at_ = world_.steps + static_cast<std::uint64_t>(world_.random.spread(crash_within_steps_bits));
  }

  void crash() {
    crash_at_.reset();
    ending_ = false;
    if (!node_.running()) return;
    world_.note(fault::crash, node_.failed() ? "by itself" : "");
    customers_.cut_off();
    node_.crash();
    const auto down_for =
        world_.random.chance(50) ? shortest_down : world_.random.between(shortest_down, longest_down);
    at(world_.now() + down_for, [this] {
      node_.start();
      if (world_.random.chance(crash_again_percent)) crash_soon();
    });
  }

  // --- The end ---

  void end_faults() {
    world_.trace([] { return std::string("faults end"); });
    world_.end_faults();
    // One that was to come within so many steps, and has not.
    if (!ending_) crash_at_.reset();
    provider_.come_back();
    view_.come_back();
    deadline_ = world_.now() + time_to_end;
    look();
  }

  bool all_through() {
    if (!node_.serving() || node_.failed() || !customers_.done()) return false;
    const auto parked = node_.parked();
    const auto unfinished = reservations_.unfinished();
    return std::includes(parked.begin(), parked.end(), unfinished.begin(), unfinished.end());
  }

  void look() {
    if (!all_through() && world_.now() < deadline_) return at(world_.now() + look_every, [this] { look(); });
    at(world_.now() + time_to_calm_down, [this] {
      if (std::exchange(audited_, true)) {
        over_ = true;
        return;
      }
      deadline_ = world_.now() + time_to_end;
      customers_.audit(ids_journalled());
      look();
    });
  }

  std::vector<domain::reservation_id> ids_journalled() const {
    std::set<domain::reservation_id> ids;
    for (const auto& line : reservations_.lines()) ids.insert(line.record.entity);
    return {ids.begin(), ids.end()};
  }

  proof::history tell() {
    proof::history all;
    all.facts.producer = "simulation";
    all.facts.seed = world_.drawn.seed;
    all.facts.replay = "scripts/simulate --seed " + std::to_string(world_.drawn.seed) + " --trace";
    all.facts.engine_epoch_ms = node_.wall_clock().time_since_epoch().count() - world_.now() / millisecond;
    all.facts.at_rest = true;
    all.facts.serves = node_.serving() && !node_.failed();
    all.facts.has_ledger = true;
    all.facts.has_receipts = true;
    all.facts.has_view = true;
    all.facts.has_parked = true;
    all.facts.may_park = world_.drawn.has(fault::provider_down_for_hours);
    all.facts.has_calls = true;
    all.operations = customers_.operations;
    all.ledger = provider_.ledger;
    all.calls = provider_.calls;
    all.reservations = reservations_.lines();
    all.receipts = receipts_.lines();
    for (const auto& [id, row] : view_.rows()) {
      const auto state = storage::fold_reservation(row.records).value();
      all.view.push_back(
          {{id, row.version, state.status, state.payment, state.receipt, state.receipt_no}, row.records});
    }
    all.parked = node_.parked();
    for (const auto& line : all.reservations) world_.cards.look("journal", line.record.record);
    for (const auto& line : all.receipts) world_.cards.look("receipts", line.record.record);
    for (const auto& row : all.view) world_.cards.look("view", row.records);
    all.canaries = world_.cards.searches();
    all.faults = world_.faults;
    return all;
  }

  world world_;
  watched_log log_{world_};
  simulated_journal reservations_{world_, "reservations"};
  simulated_journal receipts_{world_, "receipts"};
  simulated_view view_{world_};
  simulated_provider provider_{world_};
  node node_{world_, reservations_, receipts_, view_, provider_};
  customers customers_{world_, node_};
  std::optional<std::uint64_t> crash_at_;
  /// The engine has said that its process has to end.
  bool ending_ = false;
  moment faults_end_ = 0;
  moment deadline_ = 0;
  bool audited_ = false;
  bool over_ = false;
};

}  // namespace

run_result simulate(std::uint64_t seed, std::ostream* trace) {
  return run(seed, trace).go();
}

}  // namespace holdfast::simulation
