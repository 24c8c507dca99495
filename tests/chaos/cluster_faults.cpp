#include "tests/chaos/cluster_faults.hpp"

#include <array>
#include <memory>
#include <stdexcept>
#include <utility>

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using under_way = std::optional<fault_under_way>;

milliseconds draw_between(cluster_scene& in, milliseconds least, milliseconds most) {
  return least + milliseconds(in.random() % static_cast<std::uint64_t>((most - least).count() + 1));
}

std::size_t draw_node(cluster_scene& in) {
  return in.random() % cluster_size;
}

std::string text_of(std::size_t node) {
  return "node " + std::to_string(node + 1);
}

void tell(cluster_scene& in, const std::string& name, const std::string& detail, milliseconds time) {
  in.into.add_fault(name, detail + ", " + std::to_string(time.count()) + " ms");
}

// --- Nodes ---

under_way kill(cluster_scene& in) {
  const auto node = draw_node(in);
  const auto time = draw_between(in, 0ms, 3500ms);
  tell(in, "kill", text_of(node), time);
  in.at.hold_down(node, true);
  in.at.kill(node);
  return {{.lasts = time, .end = [&at = in.at, node] { at.hold_down(node, false); }}};
}

under_way pause_for(cluster_scene& in, const std::string& name, milliseconds time) {
  const auto node = draw_node(in);
  tell(in, name, text_of(node), time);
  in.at.pause(node);
  return {{.lasts = time, .end = [&at = in.at, node] { at.resume(node); }}};
}

under_way pause_beyond_lease(cluster_scene& in) {
  return pause_for(in, "pause-beyond-lease", draw_between(in, chaos_lease + 200ms, chaos_lease + 3500ms));
}

under_way pause_shortly(cluster_scene& in) {
  return pause_for(in, "pause", draw_between(in, 50ms, chaos_lease));
}

// --- The network ---

struct ways {
  bool in = true;
  bool out = true;
  std::string text;
};

ways draw_ways(cluster_scene& in) {
  const std::array<ways, 3> all{
      {{true, true, "both ways"}, {true, false, "hears nothing"}, {false, true, "says nothing"}}};
  return all[in.random() % all.size()];
}

std::set<cut> cuts_from(const std::vector<std::string>& addresses, const ways& which) {
  std::set<cut> all;
  for (const auto& address : addresses) {
    if (which.in) all.insert({direction::in, address});
    if (which.out) all.insert({direction::out, address});
  }
  return all;
}

under_way cut_off(cluster_scene& in, const std::string& name, std::size_t node, const ways& which,
                  const std::vector<std::string>& addresses) {
  const auto time = draw_between(in, 300ms, chaos_lease + 4000ms);
  std::string from;
  for (const auto& each : addresses) from += " " + each;
  tell(in, name, text_of(node) + " from" + from + ", " + which.text, time);
  const cuts cut{{node, cuts_from(addresses, which)}};
  in.at.add(cut);
  return {{.lasts = time, .end = [&at = in.at, cut] { at.lift(cut); }}};
}

std::string draw_neighbour(cluster_scene& in, std::size_t node) {
  return cluster_network::address((node + 1 + in.random() % (cluster_size - 1)) % cluster_size);
}

std::vector<std::string> all_others(std::size_t node) {
  std::vector<std::string> all{address_of(shared_service::postgres), address_of(shared_service::redis),
                               address_of(shared_service::provider)};
  for (std::size_t other = 0; other < cluster_size; ++other) {
    if (other != node) all.push_back(cluster_network::address(other));
  }
  return all;
}

under_way cut_two_nodes(cluster_scene& in) {
  const auto node = draw_node(in);
  return cut_off(in, "cut-two-nodes", node, {true, true, "both ways"}, {draw_neighbour(in, node)});
}

under_way cut_one_way(cluster_scene& in) {
  const auto node = draw_node(in);
  const bool hears = in.random() % 2 == 0;
  return cut_off(in, "cut-one-way", node, {!hears, hears, hears ? "says nothing" : "hears nothing"},
                 {draw_neighbour(in, node)});
}

under_way cut_from_all(cluster_scene& in) {
  const auto node = draw_node(in);
  const auto which = draw_ways(in);
  return cut_off(in, "cut-from-all", node, which, all_others(node));
}

under_way cut_from_postgres(cluster_scene& in) {
  const auto node = draw_node(in);
  const auto which = draw_ways(in);
  return cut_off(in, "cut-from-postgres", node, which, {address_of(shared_service::postgres)});
}

under_way cut_from_redis(cluster_scene& in) {
  const auto node = draw_node(in);
  const auto which = draw_ways(in);
  return cut_off(in, "cut-from-redis", node, which, {address_of(shared_service::redis)});
}

under_way cut_from_provider(cluster_scene& in) {
  const auto node = draw_node(in);
  const auto which = draw_ways(in);
  return cut_off(in, "cut-from-provider", node, which, {address_of(shared_service::provider)});
}

/// Cut and joined again and again.
under_way flap(cluster_scene& in) {
  using clock = cluster::clock;
  struct link {
    cuts what;
    bool down = false;
    clock::time_point next{};
  };
  const auto node = draw_node(in);
  const auto time = draw_between(in, 2000ms, 6000ms);
  const auto half = draw_between(in, 80ms, 700ms);
  tell(in, "flap", text_of(node) + " from all, every " + std::to_string(half.count()) + " ms", time);
  auto one = std::make_shared<link>();
  one->what = {{node, cuts_from(all_others(node), {})}};
  auto turn = [&at = in.at, one](bool down) {
    if (std::exchange(one->down, down) == down) return;
    down ? at.add(one->what) : at.lift(one->what);
  };
  return {{.lasts = time,
           .end = [turn] { turn(false); },
           .goes_on =
               [one, turn, half] {
                 if (clock::now() < one->next) return true;
                 one->next = clock::now() + half;
                 turn(!one->down);
                 return true;
               }}};
}

// --- What nodes share ---

under_way stop_postgres(cluster_scene& in) {
  if (!in.at.has_postgres()) return std::nullopt;
  const auto time = draw_between(in, 100ms, 4000ms);
  tell(in, "postgres-stop", "at once", time);
  in.at.stop_postgres();
  return {{.lasts = time, .end = [&at = in.at] { at.start_postgres(); }}};
}

under_way pause_postgres(cluster_scene& in) {
  if (!in.at.has_postgres()) return std::nullopt;
  const auto time = draw_between(in, 100ms, 4000ms);
  tell(in, "postgres-pause", "with all its connections", time);
  in.at.pause_postgres();
  return {{.lasts = time, .end = [&at = in.at] { at.resume_postgres(); }}};
}

under_way terminate_backends(cluster_scene& in) {
  if (!in.at.has_postgres()) return std::nullopt;
  in.into.add_fault("postgres-terminate", "all backends");
  in.at.terminate_backends();
  return fault_under_way{};
}

under_way flush_redis(cluster_scene& in) {
  if (!in.at.redis().running()) return std::nullopt;
  in.into.add_fault("redis-flush", "");
  in.at.redis().flush();
  return fault_under_way{};
}

under_way kill_redis(cluster_scene& in) {
  if (!in.at.redis().running()) return std::nullopt;
  const auto time = draw_between(in, 0ms, 2500ms);
  tell(in, "redis-kill", "down", time);
  in.at.redis().kill();
  return {{.lasts = time, .end = [&at = in.at] {
             if (!at.redis().start()) throw std::runtime_error("redis-server does not start again");
           }}};
}

}  // namespace

under_way restart_in_turn(cluster_scene& in) {
  struct progress {
    std::size_t node = 0;
    bool told = false;
    int starts = 0;
  };
  constexpr milliseconds longest = 40s;
  in.into.add_fault("rolling-restart", "by SIGTERM");
  auto now = std::make_shared<progress>();
  return {{.lasts = longest, .goes_on = [&at = in.at, now] {
             if (now->node == cluster_size) return false;
             if (!std::exchange(now->told, true)) {
               now->starts = at.starts(now->node);
               at.tell_to_end(now->node);
             }
             if (at.starts(now->node) > now->starts && at.is_ready(now->node))
               *now = {now->node + 1, false, 0};
             return true;
           }}};
}

std::vector<cluster_fault> all_cluster_faults() {
  return {{"kill", kill},
          {"pause-beyond-lease", pause_beyond_lease},
          {"pause", pause_shortly},
          {"cut-two-nodes", cut_two_nodes},
          {"cut-one-way", cut_one_way},
          {"cut-from-all", cut_from_all},
          {"cut-from-postgres", cut_from_postgres},
          {"cut-from-redis", cut_from_redis},
          {"cut-from-provider", cut_from_provider},
          {"flap", flap},
          {"postgres-stop", stop_postgres},
          {"postgres-pause", pause_postgres},
          {"postgres-terminate", terminate_backends},
          {"redis-flush", flush_redis},
          {"redis-kill", kill_redis},
          {"rolling-restart", restart_in_turn}};
}

}  // namespace holdfast::chaos
