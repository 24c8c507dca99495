#include "tests/chaos/recorded_reader.hpp"

#include <set>
#include <stdexcept>
#include <utility>

#include "storage/event_codec.hpp"
#include "tests/proof/names.hpp"
#include "tests/support/event_stream.hpp"

namespace holdfast::chaos {

namespace {

constexpr std::chrono::seconds told_within{60};

using event_key = std::pair<proof::reservation_id, std::uint64_t>;

/// What has to be told, by reservation and version.
std::set<event_key> published_in(const std::vector<proof::journal_line>& journal) {
  std::set<event_key> all;
  for (const auto& line : journal) {
    const auto events = storage::decode_reservation_events(line.record.record);
    if (!events) continue;
    auto version = line.record.first_sequence;
    for (const auto& event : *events) {
      if (!proof::published_name_of(event).empty()) all.emplace(line.record.entity, version);
      ++version;
    }
  }
  return all;
}

}  // namespace

recorded_reader::recorded_reader(recorder& into, const front& where) : into_(into), where_(where) {}

recorded_reader::~recorded_reader() {
  leave();
  if (thread_.joinable()) thread_.join();
}

void recorded_reader::begin() {
  thread_ = std::thread([this] { read(); });
}

void recorded_reader::read() {
  while (!leaving_) {
    testing::eventually([&] { return where_.port != 0 || leaving_; });
    const auto port = where_.port.load();
    if (port == 0) continue;
    try {
      read_one_stream(port);
    } catch (const testing::deadline_passed&) {
      // Nothing happens, which is no fault of the stream's.
    } catch (const std::runtime_error&) {
      // Refused, reset, or cut off in the middle.
    }
  }
}

void recorded_reader::read_one_stream(std::uint16_t port) {
  testing::event_stream stream(port, "/events?from=beginning", last_id_);
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

std::vector<proof::event_line> recorded_reader::told_of(
    const std::vector<proof::journal_line>& journal) const {
  const auto wanted = published_in(journal);
  testing::eventually(
      [&] {
        std::set<event_key> known;
        for (const auto& event : told()) known.emplace(event.reservation, event.version);
        return known.size() >= wanted.size();
      },
      told_within);
  return told();
}

}  // namespace holdfast::chaos
