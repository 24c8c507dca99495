// One client of /events: the feed puts events in, the client's session takes them out and writes them.
// What waits in between is bounded. A client that follows events as they happen and falls behind is told so
// by a last event and let go; it resumes by its Last-Event-ID. One that reads older events is only given
// more when it has room, so it is never too slow.
//
// Ownership: shared by the session and, weakly, by the feed. Threading: what body_stream declares is for the
// session's loop, the rest for the feed's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "http/body_stream.hpp"
#include "http/event_query.hpp"
#include "http/event_stream_meter.hpp"
#include "http/stream_owner.hpp"

namespace holdfast::http {

/// Of one reader, in bytes: what may wait to be written.
inline constexpr std::size_t largest_waiting_event_bytes = 1024 * 1024;
/// With less than this a reader of older events is given more.
inline constexpr std::size_t enough_waiting_event_bytes = 256 * 1024;

class event_reader final : public body_stream, public std::enable_shared_from_this<event_reader> {
 public:
  using frame = std::shared_ptr<const std::string>;

  /// `has_room` is called, on the loop, when a reader of older events may be given more.
  event_reader(boost::asio::io_context& loop, event_query wants, stream_owner owner,
               std::shared_ptr<event_stream_meter> meter, std::function<void()> has_room);
  ~event_reader() override;

  // --- For the session ---

  void start(std::function<void()> wake) override;
  void take(std::string& out, std::size_t bytes) override;
  bool over() const override;
  /// With the place where it is a new one, and nothing before it waits.
  void keep_alive(std::string& out) override;
  void end() override;
  void abandon() override;

  // --- For the feed ---

  const event_query& wants() const { return wants_; }
  const std::string& owner() const { return owner_.name; }
  /// Ends it where its owner's credential is over.
  void check_owner();
  /// It is to be forgotten.
  bool gone() const;
  bool has_room() const;
  /// Whatever its bounds.
  void add(frame what);
  /// Ends it where it is too slow.
  void add_live(frame what);
  /// The client has been shown everything up to here that it wants.
  void reached(frame id);

 private:
  void put(frame what);
  void close(stream_end why, std::string_view detail);
  void wake_later();

  boost::asio::io_context& loop_;
  const event_query wants_;
  const stream_owner owner_;
  const std::shared_ptr<event_stream_meter> meter_;
  const std::function<void()> has_room_;
  /// Of the session, used on the loop only.
  std::function<void()> wake_;
  frame told_id_;

  mutable std::mutex mutex_;
  std::deque<frame> waiting_;
  std::size_t waiting_bytes_ = 0;
  frame reached_id_;
  bool waking_ = false;
  bool over_ = false;
  bool abandoned_ = false;
};

}  // namespace holdfast::http
