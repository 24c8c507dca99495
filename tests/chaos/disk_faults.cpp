// What happens to the disk: it fills up, fails, is slow, or a byte of it flips.
#include <limits>

#include "tests/chaos/damage.hpp"
#include "tests/chaos/faults.hpp"
#include "tests/support/http_client.hpp"

namespace holdfast::chaos {

namespace {

using namespace std::chrono_literals;

constexpr int exit_of_a_failed_disk = 1;
constexpr std::uintmax_t most_left_free = 256 * 1024;
constexpr auto until_it_is_met = 1000ms;

/// The server may end at once, or not before it has to write more than is left.
void fill_up(scene& in) {
  const auto left = in.random() % most_left_free;
  note(in, "disk-full", std::to_string(left) + " bytes left");
  in.at.expect_exit(exit_of_a_failed_disk);
  in.disk->fill_up(left);
  go_on_for(in, draw_time(in, 100ms, 1000ms));
  // Starting on a full disk may fail, but not otherwise than by saying so.
  if (!in.at.serves()) in.at.start();
  go_on_for(in, 100ms);
  in.disk->make_room();
  if (in.at.serves()) in.at.kill();
  in.at.start_for_good();
}

/// A journal that can't be written must end the process: once it met the fault, and soon.
void fail(scene& in) {
  const char* journals[] = {"/reservations", "/receipts"};
  const disk_action errors[] = {disk_action::io_error, disk_action::no_space};
  const disk_fault fault{.folder = journals[in.random() % 2],
                         .file = ".log",
                         .step = in.random() % 2 == 0 ? disk_step::write : disk_step::sync,
                         .action = errors[in.random() % 2],
                         .first = 1 + in.random() % 20,
                         .count = in.random() % 2 == 0 ? 1 : std::numeric_limits<std::uint64_t>::max()};
  in.at.expect_exit(exit_of_a_failed_disk);
  in.at.faults().arm(fault);
  go_on_for(in, until_it_is_met);
  const bool met = in.at.faults().applied() > 0;
  note(in, "disk-error", to_text(fault) + (met ? "" : ", not met"));
  if (met && !testing::eventually([&] { return !in.at.serves(); })) {
    in.into.complain("the server went on after " + to_text(fault));
  }
  in.at.faults().disarm();
  in.at.kill();
  in.at.start_for_good();
}

/// The view can be lost at any time: orders go on without it. Started again it has to be whole.
void fail_view(scene& in) {
  const disk_fault fault{.folder = "/view",
                         .file = "",
                         .step = disk_step::write,
                         .action = in.random() % 2 == 0 ? disk_action::io_error : disk_action::no_space,
                         .first = 1 + in.random() % 20,
                         .count = 1 + in.random() % 5};
  in.at.faults().arm(fault);
  go_on_for(in, draw_time(in, 200ms, 800ms));
  note(in, "view-error", to_text(fault) + (in.at.faults().applied() > 0 ? "" : ", not met"));
  in.at.faults().disarm();
  in.at.terminate();
  in.at.start_for_good();
}

/// Of all files of the server: it has to write the rest.
void write_short(scene& in) {
  const disk_fault fault{.folder = in.at.data().string(),
                         .file = "",
                         .step = disk_step::write,
                         .action = disk_action::short_write,
                         .first = 1 + in.random() % 10,
                         .count = 1 + in.random() % 50};
  in.at.faults().arm(fault);
  go_on_for(in, draw_time(in, 200ms, 800ms));
  note(in, "short-write", to_text(fault));
  in.at.faults().disarm();
}

void be_slow(scene& in) {
  const disk_fault fault{.folder = in.random() % 2 == 0 ? "/reservations" : "/receipts",
                         .file = "",
                         .step = disk_step::sync,
                         .action = disk_action::stall,
                         .first = 1,
                         .count = 1 + in.random() % 10};
  note(in, "disk-slow", to_text(fault));
  in.at.faults().arm(fault);
  go_on_for(in, draw_time(in, 300ms, 1500ms));
  in.at.faults().disarm();
}

/// On a copy of what the server has left, so that the run goes on with what is whole.
void flip(scene& in) {
  in.random() % 2 == 0 ? in.at.kill() : in.at.terminate();
  const auto flipped = try_damaged_copy(in.at.data(), in.random);
  note(in, "flipped-byte", flipped.what + ": " + flipped.came_of_it);
  if (!flipped.wrong.empty()) in.into.complain(flipped.what + ": " + flipped.wrong);
  in.at.start_for_good();
}

}  // namespace

std::vector<fault> disk_faults() {
  return {{"disk-full", fill_up, false, true}, {"disk-error", fail},   {"view-error", fail_view},
          {"short-write", write_short},        {"disk-slow", be_slow}, {"flipped-byte", flip}};
}

}  // namespace holdfast::chaos
