#include "tests/simulation/fleet.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::simulation {

namespace {

/// Until a process that has to end is gone.
constexpr std::uint64_t most_steps_to_end = 200;
constexpr moment longest_to_end = second;
/// A process does not start in no time.
constexpr moment shortest_down = 50 * millisecond;
constexpr moment longest_down = 2 * second;
constexpr unsigned crash_within_steps_bits = 12;
constexpr std::uint32_t crash_again_percent = 15;
/// As serve() does: so long it waits for its shards to be gone, and then for its customers.
constexpr moment longest_hand_over = 10 * second;
constexpr moment look_at_hand_over_every = 50 * millisecond;
constexpr moment longest_drain = second;

}  // namespace

fleet::fleet(servers& all) : world_(all.in) {
  for (owner number = 1; number <= world_.drawn.nodes; ++number) {
    places_.push_back({std::make_unique<node>(all, number), {}, false});
  }
}

/// All processes before the first node: each tells the others that it is gone.
fleet::~fleet() {
  for (auto& one : places_) one.who->crash();
}

void fleet::after(moment delay, std::function<void()> what) {
  world_.after(delay, nobody, std::move(what));
}

void fleet::start() {
  for (auto& one : places_) {
    const bool later = one.who->number > 1 && world_.drawn.has(fault::node_joins) && world_.random.chance(50);
    if (!later) {
      one.who->start();
      continue;
    }
    after(world_.random.between(0, world_.drawn.faults_until), [this, &one] {
      world_.note(fault::node_joins, "node " + std::to_string(one.who->number));
      one.who->start();
    });
  }
}

node* fleet::anyone() const {
  std::vector<node*> serving;
  for (const auto& one : places_) {
    if (one.who->serving()) serving.push_back(one.who.get());
  }
  if (serving.size() < 2) return serving.empty() ? nullptr : serving.front();
  return serving[world_.random.below(serving.size())];
}

// --- The schedule ---

void fleet::end_some() {
  for (auto& one : places_) {
    if (one.who->failed() && !one.ending && !one.who->paused()) begin_to_end(one);
    if (one.crash_at && world_.steps >= *one.crash_at) crash(one);
  }
}

std::size_t fleet::ready() const {
  std::size_t all = 0;
  for (const auto& one : places_) all += one.who->ready();
  return all;
}

void fleet::run(std::size_t which) {
  for (auto& one : places_) {
    const auto ready = one.who->ready();
    if (which < ready) return one.who->run(which);
    which -= ready;
  }
}

void fleet::run_loops() {
  for (auto& one : places_) one.who->run_loop();
}

std::optional<moment> fleet::next_due() const {
  std::optional<moment> first;
  for (const auto& one : places_) {
    const auto due = one.who->next_due();
    if (due && (!first || *due < *first)) first = due;
  }
  return first;
}

void fleet::advance_to(moment later) {
  for (auto& one : places_) one.who->advance_to(later);
}

// --- Faults ---

/// The process ends by itself, a while after it said that it has to.
void fleet::begin_to_end(place& one) {
  one.ending = true;
  const auto by_then = world_.steps + world_.random.below(most_steps_to_end);
  one.crash_at = std::min(one.crash_at.value_or(by_then), by_then);
  after(world_.random.between(0, longest_to_end), [this, &one] {
    if (one.ending) crash(one);
  });
}

void fleet::crash_soon(owner which) {
  auto& one = places_[which - 1];
  if (!one.who->running() || one.ending || world_.faults_over()) return;
  one.crash_at = world_.steps + static_cast<std::uint64_t>(world_.random.spread(crash_within_steps_bits));
}

moment fleet::time_down() {
  return world_.random.chance(50) ? shortest_down : world_.random.between(shortest_down, longest_down);
}

void fleet::crash(place& one) {
  if (one.who->running()) {
    const auto why = one.who->failed() ? " by itself" : "";
    world_.note(fault::crash, one.who->name() + why);
  }
  end(one);
}

void fleet::end(place& one) {
  one.crash_at.reset();
  one.ending = false;
  if (!one.who->running()) return;
  on_end(*one.who);
  one.who->crash();
  after(time_down(), [this, &one] {
    one.who->start();
    if (world_.random.chance(crash_again_percent)) crash_soon(one.who->number);
  });
}

void fleet::pause(owner which) {
  auto& who = at(which);
  if (who.running() && !who.paused()) who.pause();
}

void fleet::go_on(owner which) {
  if (at(which).paused()) at(which).go_on();
}

void fleet::hand_over(owner which) {
  auto& one = places_[which - 1];
  if (!one.who->serving() || one.who->leaving() || one.who->paused() || one.ending) return;
  world_.note(fault::node_hands_over, one.who->name());
  one.who->hand_over();
  look_after_leaving(one, one.who->name(), world_.now() + longest_hand_over);
}

void fleet::look_after_leaving(place& one, const std::string& name, moment give_up_at) {
  // It may have crashed meanwhile, or stand still.
  if (one.who->name() != name || !one.who->leaving()) return;
  if (one.who->paused() || (!one.who->handed_over() && world_.now() < give_up_at)) {
    return after(look_at_hand_over_every,
                 [this, &one, name, give_up_at] { look_after_leaving(one, name, give_up_at); });
  }
  one.who->leave();
  after(world_.random.between(0, longest_drain), [this, &one, name] {
    if (one.who->name() == name && one.who->leaving()) end(one);
  });
}

void fleet::end_faults() {
  for (auto& one : places_) {
    if (one.who->paused()) one.who->go_on();
    // One that was to come within so many steps, and has not.
    if (!one.ending) one.crash_at.reset();
  }
}

// --- What there is ---

bool fleet::all_serve() const {
  return std::all_of(places_.begin(), places_.end(), [](const auto& one) {
    return one.who->serving() && !one.who->failed() && !one.who->leaving();
  });
}

std::vector<domain::reservation_id> fleet::parked() const {
  std::set<domain::reservation_id> all;
  for (const auto& one : places_) {
    const auto some = one.who->parked();
    all.insert(some.begin(), some.end());
  }
  return {all.begin(), all.end()};
}

fleet::ownership fleet::shards() const {
  ownership seen;
  for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
    const auto owners = std::count_if(places_.begin(), places_.end(),
                                      [shard](const auto& one) { return one.who->owns(shard); });
    seen.without_owner += owners == 0 ? 1 : 0;
    seen.with_several += owners > 1 ? 1 : 0;
  }
  return seen;
}

}  // namespace holdfast::simulation
