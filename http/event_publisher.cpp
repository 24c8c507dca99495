#include "http/event_publisher.hpp"

#include <pthread.h>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/event_document.hpp"
#include "storage/blocking_journal.hpp"
#include "storage/event_codec.hpp"
#include "storage/event_replay.hpp"
#include "storage/journal_place.hpp"
#include "storage/redis_event_stream.hpp"

namespace holdfast::http {

namespace {

using storage::redis_event_stream;

/// Between two looks at how far the shards have come.
constexpr std::chrono::milliseconds publishing_interval{50};
/// Before another try, where Redis or the journal is away or another node is ahead.
constexpr std::chrono::milliseconds publishing_retry_interval{1000};
/// Records of one shard that are read at once, and events that one step takes, or a record's more.
constexpr std::uint32_t published_records_at_once = 64;
constexpr std::size_t events_of_a_step = 128;

}  // namespace

class event_publisher::implementation {
 public:
  implementation(storage::journal& journal, const event_publisher_options& options, publishing_meter& meter)
      : store_id_(journal.store_id()),
        journal_(journal),
        replay_(journal),
        stream_(options.redis, store_id_, options.length),
        meter_(meter),
        thread_([this] { run(); }) {}

  ~implementation() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  enum class step : std::uint8_t { more_to_do, all_done, not_now };

  void run() {
    ::pthread_setname_np(::pthread_self(), "events out");
    for (auto did = step::more_to_do; wait_after(did);) did = publish_some();
  }

  /// False once it is to stop.
  bool wait_after(step did) {
    const auto time = did == step::more_to_do ? std::chrono::milliseconds::zero()
                      : did == step::all_done ? publishing_interval
                                              : publishing_retry_interval;
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
  }

  step publish_some() {
    const bool was_placed = place_.has_value();
    const bool placed = was_placed || find_place();
    // Behind the place, which another node may have moved just now: it is at no later end than these.
    const auto ends = journal_.read_ends();
    if (!ends) {
      if (!was_placed) place_.reset();
      return unreadable(ends.error().message);
    }
    if (placed && !was_placed) go_back_to(*ends);
    // Also where Redis is away: the stream falls behind.
    meter_.looked(*ends);
    if (!placed) return step::not_now;
    auto next = *place_;
    std::vector<storage::stream_entry> entries;
    for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
      while (next[shard] < (*ends)[shard] && entries.size() < events_of_a_step) {
        if (!gather(shard, next[shard], entries)) return step::not_now;
      }
    }
    return next == *place_ ? step::all_done : add(std::move(next), entries);
  }

  bool find_place() {
    const auto text = stream_.read_place();
    if (!text) return fails(publishing_obstacle::redis, "Redis: " + stream_.failure());
    place_ = text->empty() ? storage::journal_place(storage::shard_count, 0)
                           : storage::journal_place_of(*text, store_id_);
    text_ = *text;
    if (!place_) return fails(publishing_obstacle::redis, "the place that the stream remembers is none");
    meter_.at(*place_);
    return true;
  }

  /// What comes in the place of what a journal has lost is to be published, too.
  void go_back_to(const std::vector<storage::position>& ends) {
    const auto before = *place_;
    for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard) {
      (*place_)[shard] = std::min((*place_)[shard], ends[shard]);
    }
    if (*place_ == before) return;
    spdlog::error(
        "the journal has lost its end: events were published that it does not have; going on at its end");
    meter_.at(*place_);
  }

  bool gather(storage::shard_id shard, storage::position& at, std::vector<storage::stream_entry>& entries) {
    const auto records = journal_.read_shard(shard, at + 1, published_records_at_once);
    if (!records) return fails(records.error().message);
    // A store that has lost its end, as a replica may that has taken over: not to be asked without a pause.
    if (records->empty()) return fails("it lacks records that it has told of");
    for (const auto& record : *records) {
      if (entries.size() >= events_of_a_step) break;
      const auto replayed = replay_.replay(record, [&](const auto& event, const domain::reservation& after) {
        const auto type = published_type(event);
        if (!type) return;
        entries.push_back({event_id(record.entity, after.version), published_types[*type],
                           event_json(*type, record.entity, event, after, storage::trace_of(record.record))});
      });
      if (!replayed) return fails(replayed.error().message);
      at = record.at;
    }
    return true;
  }

  step add(storage::journal_place next, const std::vector<storage::stream_entry>& entries) {
    auto text = storage::to_text(next, store_id_);
    switch (stream_.add(text_, text, entries)) {
      case redis_event_stream::outcome::written:
        if (std::exchange(failing_, false)) spdlog::info("events are published again");
        place_ = std::move(next);
        text_ = std::move(text);
        meter_.at(*place_);
        meter_.wrote(entries.size());
        return step::more_to_do;
      case redis_event_stream::outcome::overtaken:
        place_ = std::nullopt;
        return step::not_now;
      case redis_event_stream::outcome::unavailable:
        fails(publishing_obstacle::redis, "Redis: " + stream_.failure());
        return step::not_now;
    }
    return step::not_now;
  }

  step unreadable(const std::string& why) {
    fails(why);
    return step::not_now;
  }

  /// Of the journal. False.
  bool fails(const std::string& why) {
    return fails(publishing_obstacle::journal, "the journal can't be read: " + why);
  }

  /// False.
  bool fails(publishing_obstacle what, const std::string& why) {
    place_ = std::nullopt;
    meter_.failed(what);
    if (!std::exchange(failing_, true)) {
      spdlog::warn("events are not published for now, and will be: {}", why);
    }
    return false;
  }

  const std::string store_id_;
  storage::blocking_journal journal_;
  storage::event_replay replay_;
  redis_event_stream stream_;
  publishing_meter& meter_;
  /// As the stream remembers it; nothing where it has to be asked.
  std::optional<storage::journal_place> place_;
  std::string text_;
  bool failing_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  // Last, so that it finds everything else.
  std::thread thread_;
};

event_publisher::event_publisher(storage::journal& journal, const event_publisher_options& options,
                                 publishing_meter& meter)
    : implementation_(std::make_unique<implementation>(journal, options, meter)) {}

event_publisher::~event_publisher() = default;

void event_publisher::stop() {
  implementation_->stop();
}

}  // namespace holdfast::http
