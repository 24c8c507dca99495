#include "tests/chaos/recorded_reader.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "tests/support/event_stream.hpp"

namespace holdfast::chaos {

namespace {

/// A node that stands still says nothing, not even that it ends.
constexpr std::chrono::milliseconds patience{3'000};
constexpr std::chrono::milliseconds before_the_next_stream{20};

}  // namespace

recorded_reader::recorded_reader(recorder& into, fronts where) : into_(into), fronts_(std::move(where)) {}

recorded_reader::~recorded_reader() {
  leave();
  if (thread_.joinable()) thread_.join();
}

void recorded_reader::begin() {
  thread_ = std::thread([this] { read(); });
}

void recorded_reader::read() {
  for (std::size_t turn = 0; !leaving_; ++turn) {
    const auto& at = *fronts_[turn % fronts_.size()];
    try {
      if (at.port != 0) read_one_stream(at);
    } catch (const testing::deadline_passed&) {
      // Nothing happens, which is no fault of the stream's.
    } catch (const std::runtime_error&) {
      // Refused, reset, or cut off in the middle.
    }
    testing::eventually([&] { return leaving_.load(); }, before_the_next_stream);
  }
}

void recorded_reader::read_one_stream(const front& at) {
  testing::header_list headers;
  if (!at.key.empty()) headers.emplace_back("Authorization", "Bearer " + at.key);
  testing::event_stream stream(at.port, "/events?from=beginning", last_id_, headers, at.address, patience);
  ++streams_;
  last_id_ = stream.last_id();
  while (auto event = stream.next()) {
    if (event->type == "StreamEnded") continue;
    last_id_ = stream.last_id();
    const std::lock_guard lock(mutex_);
    told_.push_back({.reservation = event->reservation(),
                     .version = event->version(),
                     .type = event->type,
                     .reader = 0,
                     .at = into_.now()});
  }
}

std::vector<proof::event_line> recorded_reader::told() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

}  // namespace holdfast::chaos
