#include "http/event_feed.hpp"

#include <pthread.h>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "http/event_frames.hpp"
#include "storage/blocking_journal.hpp"
#include "storage/event_codec.hpp"
#include "storage/event_replay.hpp"

namespace holdfast::http {

namespace {

using storage::journal_place;
using storage::journal_record;
using storage::position;
using storage::shard_id;
using clock = std::chrono::steady_clock;

/// Between two looks at how far the shards have come.
constexpr std::chrono::milliseconds look_interval{50};
/// Before the journal is tried again where it could not be read.
constexpr std::chrono::milliseconds failed_look_interval{1000};
/// Records that are read at once, of one shard.
constexpr std::uint32_t records_at_once = 64;

/// A reader, and up to where it was led.
struct follower {
  std::weak_ptr<event_reader> reader;
  /// Nothing before it has its place.
  std::optional<journal_place> at;
  bool live = false;
  /// Where it goes on reading older events.
  shard_id next_shard = 0;
};

/// What the feed's thread waits for: thread-safe.
class feed_signal {
 public:
  void nudge() {
    {
      const std::lock_guard lock(mutex_);
      nudged_ = true;
    }
    changed_.notify_one();
  }
  void wait_until(clock::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [this] { return nudged_; });
    nudged_ = false;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return nudged_; });
    nudged_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool nudged_ = false;
};

}  // namespace

class event_feed::implementation {
 public:
  implementation(storage::journal& journal, std::size_t readers_of_one)
      : store_id_(journal.store_id()),
        readers_of_one_(readers_of_one),
        journal_(journal),
        live_replay_(journal),
        older_replay_(journal),
        meter_(std::make_shared<event_stream_meter>()),
        signal_(std::make_shared<feed_signal>()),
        thread_([this] { run(); }) {}

  ~implementation() { stop(); }

  const std::string& store_id() const { return store_id_; }

  tl::expected<std::shared_ptr<event_reader>, stream_bound> open(boost::asio::io_context& loop,
                                                                 event_query wants, stream_owner owner) {
    std::shared_ptr<event_reader> reader;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(open_, [](const auto& one) { return is_gone(one); });
      if (const auto full = bound_met_by(owner.name)) {
        meter_->refused(*full);
        return tl::unexpected(*full);
      }
      reader = std::make_shared<event_reader>(loop, std::move(wants), std::move(owner), meter_,
                                              [signal = signal_] { signal->nudge(); });
      open_.push_back(reader);
      fresh_.push_back({.reader = reader, .at = {}});
    }
    signal_->nudge();
    return reader;
  }

  event_stream_figures figures() const { return meter_->read(); }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    signal_->nudge();
    if (thread_.joinable()) thread_.join();
  }

 private:
  static bool is_gone(const std::weak_ptr<event_reader>& reader) {
    const auto one = reader.lock();
    return !one || one->gone();
  }

  /// With the mutex held, and those that are gone forgotten.
  std::optional<stream_bound> bound_met_by(const std::string& owner) const {
    if (stopping_ || open_.size() >= largest_event_readers) return stream_bound::node;
    if (owner.empty()) return std::nullopt;
    const auto theirs = std::count_if(open_.begin(), open_.end(), [&](const auto& each) {
      const auto one = each.lock();
      return one && one->owner() == owner;
    });
    if (static_cast<std::size_t>(theirs) < readers_of_one_) return std::nullopt;
    return stream_bound::principal;
  }

  // --- The thread ---

  void run() {
    ::pthread_setname_np(::pthread_self(), "events in");
    while (take_fresh()) {
      check_owners();
      if (followers_.empty()) {
        end_ = std::nullopt;
        signal_->wait();
        continue;
      }
      const auto next_look = clock::now() + look_interval;
      if (!follow()) {
        signal_->wait_until(clock::now() + failed_look_interval);
      } else if (!lead_older_until(next_look)) {
        signal_->wait_until(next_look);
      }
    }
  }

  /// False once it has been stopped.
  bool take_fresh() {
    const std::lock_guard lock(mutex_);
    std::erase_if(followers_, [](const auto& one) { return is_gone(one.reader); });
    std::move(fresh_.begin(), fresh_.end(), std::back_inserter(followers_));
    fresh_.clear();
    return !stopping_;
  }

  void check_owners() {
    if (clock::now() < next_owner_check_) return;
    next_owner_check_ = clock::now() + owner_check_interval;
    for (const auto& one : followers_) {
      if (const auto reader = one.reader.lock()) reader->check_owner();
    }
  }

  /// Gives what is new to all live readers, and those that have just come their places. False where the
  /// journal can't be read.
  bool follow() {
    const auto ends = journal_.read_ends();
    if (!ends) return failed(ends.error());
    // That may have taken long.
    check_owners();
    if (!end_) set_end(*ends);
    for (shard_id shard = 0; shard < storage::shard_count; ++shard) {
      while ((*end_)[shard] < (*ends)[shard]) {
        if (!follow_shard(shard)) return false;
      }
    }
    for (auto& one : followers_) {
      if (!one.at) place(one);
    }
    lost_ = false;
    return true;
  }

  void set_end(journal_place place) {
    end_ = std::move(place);
    end_id_ = id_of(*end_);
  }

  bool follow_shard(shard_id shard) {
    auto& end = (*end_)[shard];
    const auto records = journal_.read_shard(shard, end + 1, records_at_once);
    if (!records) return failed(records.error());
    // A store that has lost its end, as a replica may that has taken over: not to be asked without a pause.
    if (records->empty()) return failed(storage::journal_error{"it lacks records that it has told of"});
    for (const auto& record : *records) {
      const auto replayed = tell(record, live_replay_, *end_, [&](const telling& event) {
        for (const auto& one : followers_) {
          if (one.live) give(one, event, &event_reader::add_live);
        }
      });
      if (!replayed) return failed(replayed.error());
    }
    end_id_ = id_of(*end_);
    for (const auto& one : followers_) {
      const auto reader = one.live ? one.reader.lock() : nullptr;
      if (reader) reader->reached(end_id_);
    }
    return true;
  }

  void place(follower& one) {
    const auto reader = one.reader.lock();
    if (!reader) return;
    one.at = reader->wants().from.value_or(*end_);
    // What a store has lost can't be shown: it goes on behind the end that there is.
    for (shard_id shard = 0; shard < storage::shard_count; ++shard) {
      (*one.at)[shard] = std::min((*one.at)[shard], (*end_)[shard]);
    }
    one.live = one.at == end_;
    const auto id = one.live ? end_id_ : id_of(*one.at);
    reader->add(std::make_shared<const std::string>(opening_frame(*id)));
  }

  // --- Readers of older events ---

  /// In turn, as long as there is time. False where nobody can be given more before something changes.
  bool lead_older_until(clock::time_point until) {
    bool any = true;
    while (any && clock::now() < until) {
      any = false;
      for (auto& one : followers_) {
        const auto reader = one.live ? nullptr : one.reader.lock();
        if (!reader || !reader->has_room()) continue;
        if (!lead(one, *reader)) return false;
        any = true;
      }
    }
    return any;
  }

  bool lead(follower& one, event_reader& reader) {
    auto& at = *one.at;
    while (at[one.next_shard] == (*end_)[one.next_shard]) {
      one.next_shard = static_cast<shard_id>((one.next_shard + 1) % storage::shard_count);
      if (at != *end_) continue;
      one.live = true;
      return true;
    }
    const auto shard = one.next_shard;
    const auto left = (*end_)[shard] - at[shard];
    const auto count = static_cast<std::uint32_t>(std::min<position>(left, records_at_once));
    const auto records = journal_.read_shard(shard, at[shard] + 1, count);
    if (!records) return failed(records.error());
    for (const auto& record : *records) {
      const auto replayed = tell(record, older_replay_, at,
                                 [&](const telling& event) { give(one, event, &event_reader::add); });
      if (!replayed) return failed(replayed.error());
    }
    reader.reached(id_of(at));
    one.live = at == *end_;
    one.next_shard = static_cast<shard_id>((shard + 1) % storage::shard_count);
    return true;
  }

  // --- Events ---

  /// One event while it is given to its readers; its text is made when the first of them wants it.
  struct telling {
    event_type type;
    std::uint64_t user_id;
    const std::function<event_reader::frame()>& text;
  };

  /// Moves the place behind the record.
  template <class Give>
  storage::journal_result<std::monostate> tell(const journal_record& record, storage::event_replay& replay,
                                               journal_place& at, Give give_event) {
    const auto replayed = replay.replay(record, [&](const auto& event, const domain::reservation& after) {
      const auto type = published_type(event);
      if (!type) return;
      event_reader::frame made;
      const std::function<event_reader::frame()> text = [&] {
        if (!made) made = frame_of(*type, record, at, event, after);
        return made;
      };
      give_event(telling{*type, after.what.user_id, text});
    });
    if (replayed) at[record.shard] = record.at;
    return replayed;
  }

  /// Within a record an event's id is that of the place before the record: who resumes there is told all of
  /// its events again.
  event_reader::frame frame_of(event_type type, const journal_record& record, const journal_place& before,
                               const domain::reservation_event& event,
                               const domain::reservation& after) const {
    auto place = before;
    const auto last_version = record.first_sequence + record.event_count - 1;
    if (after.version == last_version) place[record.shard] = record.at;
    return std::make_shared<const std::string>(
        event_frame(storage::to_text(place, store_id_), published_types[type],
                    event_json(type, record.entity, event, after, storage::trace_of(record.record))));
  }

  static void give(const follower& to, const telling& event, void (event_reader::*add)(event_reader::frame)) {
    const auto reader = to.reader.lock();
    if (!reader || !reader->wants().filter.takes(event.type, event.user_id)) return;
    ((*reader).*add)(event.text());
  }

  event_reader::frame id_of(const journal_place& place) const {
    return std::make_shared<const std::string>(storage::to_text(place, store_id_));
  }

  bool failed(const storage::journal_error& error) {
    if (!lost_) spdlog::warn("the events can't be read and wait until they can: {}", error.message);
    lost_ = true;
    return false;
  }

  const std::string store_id_;
  const std::size_t readers_of_one_;

  // Of the thread only.
  storage::blocking_journal journal_;
  storage::event_replay live_replay_;
  storage::event_replay older_replay_;
  std::vector<follower> followers_;
  /// Up to where all live readers were given everything; nothing while there is no reader.
  std::optional<journal_place> end_;
  event_reader::frame end_id_;
  bool lost_ = false;
  clock::time_point next_owner_check_{};

  std::mutex mutex_;
  std::vector<std::weak_ptr<event_reader>> open_;
  std::vector<follower> fresh_;
  bool stopping_ = false;

  const std::shared_ptr<event_stream_meter> meter_;
  const std::shared_ptr<feed_signal> signal_;
  // Last, so that it finds everything else.
  std::thread thread_;
};

event_feed::event_feed(storage::journal& journal, std::size_t readers_of_one)
    : implementation_(std::make_unique<implementation>(journal, readers_of_one)) {}

event_feed::~event_feed() = default;

const std::string& event_feed::store_id() const {
  return implementation_->store_id();
}
tl::expected<std::shared_ptr<event_reader>, stream_bound> event_feed::open(boost::asio::io_context& loop,
                                                                           event_query wants,
                                                                           stream_owner owner) {
  return implementation_->open(loop, std::move(wants), std::move(owner));
}
event_stream_figures event_feed::figures() const {
  return implementation_->figures();
}
void event_feed::stop() {
  implementation_->stop();
}

}  // namespace holdfast::http
