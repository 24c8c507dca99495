#include "http/event_reader.hpp"

#include <boost/asio/post.hpp>

#include <utility>

#include "http/event_frames.hpp"

namespace holdfast::http {

event_reader::event_reader(boost::asio::io_context& loop, event_query wants, stream_owner owner,
                           std::shared_ptr<event_stream_meter> meter, std::function<void()> has_room)
    : loop_(loop),
      wants_(std::move(wants)),
      owner_(std::move(owner)),
      meter_(std::move(meter)),
      has_room_(std::move(has_room)) {
  meter_->began();
}

event_reader::~event_reader() {
  if (!over_) meter_->ended(stream_end::left);
}

// --- For the session ---

void event_reader::start(std::function<void()> wake) {
  wake_ = std::move(wake);
}

void event_reader::take(std::string& out, std::size_t bytes) {
  std::unique_lock lock(mutex_);
  const bool had_room = waiting_bytes_ < enough_waiting_event_bytes;
  const auto until = out.size() + bytes;
  while (!waiting_.empty() && out.size() < until) {
    out += *waiting_.front();
    waiting_bytes_ -= waiting_.front()->size();
    waiting_.pop_front();
  }
  const bool has_room = waiting_bytes_ < enough_waiting_event_bytes;
  lock.unlock();
  if (has_room && !had_room) has_room_();
}

bool event_reader::over() const {
  const std::lock_guard lock(mutex_);
  return over_ && waiting_.empty();
}

void event_reader::keep_alive(std::string& out) {
  const std::lock_guard lock(mutex_);
  const bool is_new = waiting_.empty() && reached_id_ != told_id_;
  out += heartbeat_frame(is_new ? std::string_view(*reached_id_) : std::string_view());
  if (is_new) told_id_ = reached_id_;
}

void event_reader::end() {
  const std::lock_guard lock(mutex_);
  close(stream_end::draining,
        "This server ends. Come back with the last id as Last-Event-ID, nothing is lost.");
}

void event_reader::abandon() {
  const std::lock_guard lock(mutex_);
  if (!over_) meter_->ended(stream_end::left);
  abandoned_ = over_ = true;
  waiting_.clear();
  waiting_bytes_ = 0;
}

// --- For the feed ---

bool event_reader::gone() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

void event_reader::check_owner() {
  if (!owner_.still_known || owner_.still_known()) return;
  const std::lock_guard lock(mutex_);
  close(stream_end::credential_over,
        "The credential that this stream was asked for with has expired or was taken away. Come back with "
        "another one, and with the last id as Last-Event-ID.");
}

bool event_reader::has_room() const {
  const std::lock_guard lock(mutex_);
  return waiting_bytes_ < enough_waiting_event_bytes;
}

void event_reader::add(frame what) {
  const std::lock_guard lock(mutex_);
  if (!over_) put(std::move(what));
}

void event_reader::add_live(frame what) {
  const std::lock_guard lock(mutex_);
  if (over_) return;
  if (waiting_bytes_ + what->size() > largest_waiting_event_bytes) {
    return close(stream_end::too_slow,
                 "More waits to be read than is kept for a reader. Come back with the last id as "
                 "Last-Event-ID, nothing is lost.");
  }
  put(std::move(what));
}

void event_reader::reached(frame id) {
  const std::lock_guard lock(mutex_);
  reached_id_ = std::move(id);
}

// --- With the mutex held ---

void event_reader::put(frame what) {
  waiting_bytes_ += what->size();
  waiting_.push_back(std::move(what));
  wake_later();
}

void event_reader::close(stream_end why, std::string_view detail) {
  if (over_) return;
  put(std::make_shared<const std::string>(closing_frame(name_of(why), detail)));
  over_ = true;
  meter_->ended(why);
}

/// With the mutex held, since a session that has abandoned this may be gone, and its loop with it.
void event_reader::wake_later() {
  if (waking_ || abandoned_) return;
  waking_ = true;
  boost::asio::post(loop_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex_);
      self->waking_ = false;
      if (self->abandoned_) return;
    }
    if (self->wake_) self->wake_();
  });
}

}  // namespace holdfast::http
