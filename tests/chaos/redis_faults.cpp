// What happens to Redis.
#include "tests/chaos/faults.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;

void kill(scene& in) {
  const auto time = draw_time(in, 0ms, 1500ms);
  note(in, "redis-kill", "for " + std::to_string(time.count()) + " ms");
  in.at.redis()->kill();
  go_on_for(in, time);
  if (!in.at.redis()->start()) throw std::runtime_error("redis-server does not start again");
}

void pause(scene& in) {
  const auto time = draw_time(in, 20ms, 2500ms);
  note(in, "redis-pause", std::to_string(time.count()) + " ms");
  in.at.redis()->pause();
  go_on_for(in, time);
  in.at.redis()->resume();
}

void flush(scene& in) {
  note(in, "redis-flush");
  in.at.redis()->flush();
  go_on_for(in, draw_time(in, 0ms, 500ms));
}

void cut_off(scene& in) {
  note(in, "redis-cut-off", "all connections");
  in.at.redis()->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  go_on_for(in, draw_time(in, 0ms, 300ms));
}

}  // namespace

std::vector<fault> redis_faults() {
  return {{"redis-kill", kill, true},
          {"redis-pause", pause, true},
          {"redis-flush", flush, true},
          {"redis-cut-off", cut_off, true}};
}

}  // namespace holdfast::chaos
