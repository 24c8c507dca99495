// What happens to the server's process, and to the clock it goes by.
#include <signal.h>

#include "tests/chaos/failpoints.hpp"
#include "tests/chaos/faults.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;

constexpr int killed = 128 + SIGKILL;
/// Steps that come seldom are given up after this.
constexpr auto until_the_step = 1500ms;
constexpr std::int64_t furthest_jump_ms = std::chrono::milliseconds(72h).count();

void kill(scene& in) {
  note(in, "kill", "at random");
  in.at.kill();
  in.at.start_for_good();
}

void kill_twice(scene& in) {
  note(in, "kill-again", "soon after the start");
  in.at.kill();
  in.at.expect_exit(killed);
  if (in.at.start()) go_on_for(in, draw_time(in, 0ms, 60ms));
  in.at.kill();
  in.at.start_for_good();
}

/// The next start may meet the step too.
void kill_at(scene& in, const failpoint& point, const std::string& name) {
  in.at.faults().arm(point.where);
  in.at.expect_exit(killed);
  if (in.random() % 2 == 0) in.at.kill();
  if (in.at.serves() || in.at.start()) go_on_for(in, until_the_step);
  note(in, name,
       point.name + (in.at.faults().applied() > 0 ? ", hit: " : ", not met: ") + to_text(point.where));
  in.at.kill();
  in.at.faults().disarm();
  in.at.start_for_good();
}

void kill_at_step(scene& in) {
  kill_at(in, draw_failpoint(in.random), "failpoint");
}

void tear_tail(scene& in) {
  kill_at(in, draw_torn_tail(in.random), "torn-tail");
}

void pause(scene& in) {
  const auto time = draw_time(in, 20ms, 2000ms);
  note(in, "pause", std::to_string(time.count()) + " ms");
  in.at.pause();
  go_on_for(in, time);
  in.at.resume();
  go_on_for(in, 100ms);
}

void terminate(scene& in) {
  note(in, "terminate");
  in.at.terminate();
  in.at.start_for_good();
}

void jump(scene& in) {
  const auto offset = static_cast<std::int64_t>(in.random() % (2 * furthest_jump_ms)) - furthest_jump_ms;
  note(in, "clock-jump", std::to_string(offset) + " ms, and back");
  in.at.faults().set_clock_offset_ms(offset);
  go_on_for(in, draw_time(in, 50ms, 800ms));
  if (in.random() % 2 == 0) kill(in);
  in.at.faults().set_clock_offset_ms(0);
  go_on_for(in, 50ms);
}

}  // namespace

std::vector<fault> process_faults() {
  return {{"kill", kill},   {"kill-again", kill_twice}, {"failpoint", kill_at_step}, {"torn-tail", tear_tail},
          {"pause", pause}, {"terminate", terminate},   {"clock-jump", jump}};
}

}  // namespace holdfast::chaos
