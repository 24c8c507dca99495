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
#include <vector>

#include "storage/event_codec.hpp"
#include "tests/simulation/customers.hpp"
#include "tests/simulation/event_follower.hpp"
#include "tests/simulation/fleet.hpp"
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
/// Time goes on although somebody has something to do, as on a loaded machine, but not for long.
constexpr moment hastiest = 10 * millisecond;
constexpr moment forever = std::numeric_limits<moment>::max();
constexpr moment hours_down = 70 * 60 * second;
/// What may strike a cluster several times.
constexpr std::int64_t most_windows = 4;
constexpr moment longest_pause = 12 * second;
constexpr moment longest_cut = 8 * second;
constexpr std::int64_t largest_skew_ms = 600'000;

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
    nodes_.on_end = [this](const node& who) { customers_.cut_off(who); };
    schedule_faults();
    nodes_.start();
    customers_.begin();
    while (!over_ && world_.steps < most_steps && step()) {
      events_.look();
    }
    events_.read_to_the_end();
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
    nodes_.end_some();
    const auto actors = nodes_.ready();
    const auto others = world_.ready();
    const bool hasty = !world_.faults_over() && world_.random.chance(world_.drawn.hasty_percent);
    if (actors + others == 0) return let_time_pass(forever);
    if (hasty) {
      let_time_pass(hastiest);
      return true;
    }
    ++world_.steps;
    if (actors_turn(actors, others)) {
      nodes_.run(world_.random.below(actors));
    } else {
      world_.run_ready(world_.random.below(others));
      nodes_.run_loops();
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
    if (const auto timer = nodes_.next_due(); timer && (!due || *timer < *due)) due = timer;
    if (!due || *due - world_.now() > at_most) return false;
    const auto to = std::max(*due, world_.now());
    world_.advance_to(to);
    nodes_.advance_to(to);
    return true;
  }

  // --- Faults ---

  moment some_time() { return world_.random.between(0, world_.drawn.faults_until); }

  void at(moment when, std::function<void()> what) {
    world_.after(when - world_.now(), nobody, std::move(what));
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
      at(some_time(), [this] { nodes_.crash_soon(nodes_.any().number); });
    }
    const bool silent = world_.random.chance(50);
    schedule_window(
        fault::provider_down, [this, silent] { servers_.provider.go_down(silent); },
        [this] { servers_.provider.come_back(); }, 20 * second);
    if (world_.drawn.has(fault::provider_down_for_hours)) schedule_hours_down(silent);
    schedule_window(
        fault::view_down, [this] { servers_.view.go_down(); }, [this] { servers_.view.come_back(); },
        5 * second);
    schedule_window(
        fault::view_flushed, [this] { servers_.view.flush(); }, [] {}, second);
    if (world_.drawn.has(fault::clock_jumps)) at(some_time(), [this] { jump_clock(); });
    if (world_.drawn.clustered()) schedule_cluster_faults();
    at(faults_end_, [this] { end_faults(); });
  }

  void schedule_cluster_faults() {
    if (world_.drawn.has(fault::clock_skew)) skew_clocks();
    for (owner each = 1; each <= world_.drawn.nodes; ++each) {
      nodes_.at(each).reservations.on_written = [this, each] { pause_behind_append(each); };
    }
    for (auto i = world_.random.between(1, most_windows); i > 0; --i) {
      const auto one = nodes_.any().number;
      auto other = nodes_.any().number;
      if (other == one) other = one % world_.drawn.nodes + 1;
      schedule_window(
          fault::node_paused, [this, one] { nodes_.pause(one); }, [this, one] { nodes_.go_on(one); },
          longest_pause);
      schedule_journal_cut(one);
      schedule_leases_away(one);
      schedule_link_cut(one, other);
      if (world_.drawn.has(fault::node_hands_over)) at(some_time(), [this, one] { nodes_.hand_over(one); });
    }
  }

  /// What a window seldom meets: its record is durable, and it goes on from there when others have its
  /// shards.
  void pause_behind_append(owner one) {
    if (nodes_.at(one).paused() || pauses_behind_appends_ == most_windows) return;
    if (!world_.strikes(fault::node_paused, "behind its append")) return;
    ++pauses_behind_appends_;
    nodes_.pause(one);
    at(world_.now() + world_.random.between(0, longest_pause), [this, one] { nodes_.go_on(one); });
  }

  void schedule_journal_cut(owner of) {
    const auto until = [this, of](moment when) {
      nodes_.at(of).reservations.cut_off_until(when);
      nodes_.at(of).receipts.cut_off_until(when);
    };
    schedule_window(
        fault::journal_cut_off, [this, until] { until(world_.now() + longest_cut); }, [until] { until(0); },
        longest_cut);
  }

  /// For one node, or for all of them.
  void schedule_leases_away(owner one) {
    std::vector<owner> whom{one};
    if (world_.random.chance(30)) {
      for (owner each = 1; each <= world_.drawn.nodes; ++each) whom.push_back(each);
    }
    schedule_window(
        fault::leases_unreachable,
        [this, whom] {
          for (const auto each : whom) nodes_.at(each).leases.go_down();
        },
        [this, whom] {
          for (const auto each : whom) nodes_.at(each).leases.come_back();
        },
        longest_cut);
  }

  void schedule_link_cut(owner from, owner to) {
    const bool both_ways = world_.random.chance(50);
    auto& network = servers_.network;
    schedule_window(
        fault::link_cut,
        [&network, from, to, both_ways] {
          network.cut(from, to);
          if (both_ways) network.cut(to, from);
        },
        [&network, from, to] {
          network.mend(from, to);
          network.mend(to, from);
        },
        longest_cut);
  }

  void skew_clocks() {
    for (owner each = 1; each <= world_.drawn.nodes; ++each) {
      const auto by = world_.random.between(-largest_skew_ms, largest_skew_ms);
      world_.note(fault::clock_skew, "node " + std::to_string(each) + " by " + std::to_string(by) + " ms");
      nodes_.at(each).jump_clock(std::chrono::milliseconds(by));
    }
  }

  /// Long enough for reservations to be parked.
  void schedule_hours_down(bool silent) {
    const auto from = some_time();
    faults_end_ = std::max(faults_end_, from + hours_down);
    at(from, [this, silent] {
      if (world_.faults_over()) return;
      world_.note(fault::provider_down_for_hours, "begins");
      servers_.provider.go_down(silent);
    });
  }

  void jump_clock() {
    if (world_.faults_over()) return;
    const auto by = world_.random.between(1, 3'600'000) * (world_.random.chance(50) ? 1 : -1);
    auto& who = nodes_.any();
    world_.note(fault::clock_jumps, std::to_string(by) + " ms");
    who.jump_clock(std::chrono::milliseconds(by));
  }

  // --- The end ---

  void end_faults() {
    world_.trace([] { return std::string("faults end"); });
    world_.end_faults();
    nodes_.end_faults();
    servers_.provider.come_back();
    servers_.view.come_back();
    deadline_ = world_.now() + time_to_end;
    look();
  }

  bool all_through() {
    if (!nodes_.all_serve() || !customers_.done() || !all_owned()) return false;
    const auto parked = nodes_.parked();
    const auto unfinished = servers_.reservations.unfinished();
    return std::includes(parked.begin(), parked.end(), unfinished.begin(), unfinished.end());
  }

  bool all_owned() const {
    const auto shards = nodes_.shards();
    return shards.without_owner + shards.with_several == 0;
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
    for (const auto& line : servers_.reservations.lines()) ids.insert(line.record.entity);
    return {ids.begin(), ids.end()};
  }

  proof::history tell() {
    proof::history all;
    all.facts.producer = "simulation";
    all.facts.seed = world_.drawn.seed;
    all.facts.replay = "scripts/simulate --seed " + std::to_string(world_.drawn.seed) + " --trace";
    all.facts.engine_epoch_ms =
        nodes_.at(1).wall_clock().time_since_epoch().count() - world_.now() / millisecond;
    all.facts.at_rest = true;
    all.facts.serves = nodes_.all_serve();
    all.facts.has_ledger = true;
    all.facts.has_receipts = true;
    all.facts.has_view = true;
    all.facts.has_parked = true;
    all.facts.may_park = world_.drawn.has(fault::provider_down_for_hours);
    all.facts.has_calls = true;
    all.facts.event_readers = 1;
    all.facts.has_claims = true;
    const auto shards = nodes_.shards();
    all.facts.shards_without_owner = shards.without_owner;
    all.facts.shards_with_several_owners = shards.with_several;
    all.operations = customers_.operations;
    all.ledger = servers_.provider.ledger;
    all.calls = servers_.provider.calls;
    all.reservations = servers_.reservations.lines();
    all.receipts = servers_.receipts.lines();
    all.reservation_claims = servers_.reservations.claims();
    all.receipt_claims = servers_.receipts.claims();
    for (const auto& [id, row] : servers_.view.rows()) {
      const auto state = storage::fold_reservation(row.records).value();
      all.view.push_back(
          {{id, row.version, state.status, state.payment, state.receipt, state.receipt_no}, row.records});
    }
    all.parked = nodes_.parked();
    all.events = events_.told();
    for (const auto& line : all.reservations) world_.cards.look("journal", line.record.record);
    for (const auto& line : all.receipts) world_.cards.look("receipts", line.record.record);
    for (const auto& row : all.view) world_.cards.look("view", row.records);
    all.canaries = world_.cards.searches();
    all.faults = world_.faults;
    return all;
  }

  world world_;
  watched_log log_{world_};
  servers servers_{world_};
  fleet nodes_{servers_};
  customers customers_{world_, nodes_, servers_.reservations};
  event_follower events_{world_, servers_.reservations};
  moment faults_end_ = 0;
  std::int64_t pauses_behind_appends_ = 0;
  moment deadline_ = 0;
  bool audited_ = false;
  bool over_ = false;
};

}  // namespace

run_result simulate(std::uint64_t seed, std::ostream* trace) {
  return run(seed, trace).go();
}

}  // namespace holdfast::simulation
