// What the payment provider does, by its knobs, and what happens to its process. Half of what knobs do
// lasts, so that other faults meet it.
#include <signal.h>

#include "tests/chaos/faults.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;

void turn(scene& in, const char* name, const std::string& knobs) {
  const bool lasts = in.random() % 2 == 0;
  note(in, name, knobs + (lasts ? ", lasting" : ""));
  in.at.provider_has(knobs);
  go_on_for(in, draw_time(in, 100ms, 1000ms));
  if (!lasts) in.at.heal_provider();
}

void be_slow(scene& in) {
  turn(in, "provider-slow", R"({"latency":"20ms-250ms"})");
}
void fail(scene& in) {
  turn(in, "provider-fail", R"({"failRate":0.2})");
}
void hang(scene& in) {
  turn(in, "provider-hang", R"({"hangAfterChargeRate":0.2})");
}
void land_late(scene& in) {
  turn(in, "provider-late", R"({"landsLateRate":0.2,"landsLateAfter":"250ms"})");
}
void forget(scene& in) {
  turn(in, "provider-forget", R"({"forgetKeysRate":0.5,"hangAfterChargeRate":0.1,"failRate":0.1})");
}
void decline(scene& in) {
  turn(in, "provider-decline", R"({"declineRate":0.5})");
}
void fail_refunds(scene& in) {
  turn(in, "provider-refund", R"({"refundFailures":3})");
}

void be_out(scene& in) {
  const auto time = draw_time(in, 50ms, 2000ms);
  note(in, "provider-outage", std::to_string(time.count()) + " ms");
  in.at.provider_has(R"({"outage":true})");
  go_on_for(in, time);
  in.at.provider_has(R"({"outage":false})");
}

void kill(scene& in) {
  const auto time = draw_time(in, 0ms, 1000ms);
  note(in, "provider-kill", "for " + std::to_string(time.count()) + " ms");
  in.at.provider().kill();
  go_on_for(in, time);
  in.at.provider().restart();
}

void pause(scene& in) {
  const auto time = draw_time(in, 50ms, 1500ms);
  note(in, "provider-pause", std::to_string(time.count()) + " ms");
  in.at.provider().process().send(SIGSTOP);
  go_on_for(in, time);
  in.at.provider().process().send(SIGCONT);
}

}  // namespace

std::vector<fault> provider_faults() {
  return {{"provider-slow", be_slow},        {"provider-fail", fail},     {"provider-hang", hang},
          {"provider-late", land_late},      {"provider-forget", forget}, {"provider-decline", decline},
          {"provider-refund", fail_refunds}, {"provider-outage", be_out}, {"provider-kill", kill},
          {"provider-pause", pause}};
}

}  // namespace holdfast::chaos
