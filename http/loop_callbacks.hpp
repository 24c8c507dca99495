// Brings answers that other threads give back to one event loop. Whoever waits is kept here, on
// the loop; the callback that goes out holds only a ticket, so that neither an answer that comes
// late nor one that never comes touches a request, a connection or a loop that is gone.
//
// Threading: construct, expect, waiting and destroy on the loop's thread, or while it doesn't run;
// destroy before the loop. The callbacks may be called on any thread, at any time, once each.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace holdfast::http {

template <class Answer>
class loop_callbacks {
 public:
  explicit loop_callbacks(boost::asio::io_context& loop) : desk_(std::make_shared<desk>(loop)) {}
  ~loop_callbacks() { desk_->close(); }
  loop_callbacks(const loop_callbacks&) = delete;
  loop_callbacks& operator=(const loop_callbacks&) = delete;

  /// A callback for another thread; `done` gets its answer on the loop, while this lives.
  std::function<void(Answer)> expect(std::function<void(Answer)> done) {
    const auto ticket = desk_->keep(std::move(done));
    return [desk = desk_, ticket](Answer answer) { desk->post(desk, ticket, std::move(answer)); };
  }

  /// How many answers are still expected. Bounded by who calls expect().
  std::size_t waiting() const { return desk_->waiting(); }

 private:
  class desk {
   public:
    explicit desk(boost::asio::io_context& loop) : loop_(&loop) {}

    std::size_t keep(std::function<void(Answer)> done) {
      if (free_.empty()) {
        waiting_.push_back(std::move(done));
        return waiting_.size() - 1;
      }
      const auto ticket = free_.back();
      free_.pop_back();
      waiting_[ticket] = std::move(done);
      return ticket;
    }

    void post(const std::shared_ptr<desk>& self, std::size_t ticket, Answer answer) {
      const std::lock_guard lock(mutex_);
      if (loop_ == nullptr) return;
      boost::asio::post(*loop_, [self, ticket, answer = std::move(answer)]() mutable {
        self->deliver(ticket, std::move(answer));
      });
    }

    void close() {
      {
        const std::lock_guard lock(mutex_);
        loop_ = nullptr;
      }
      waiting_.clear();
      free_.clear();
    }

    std::size_t waiting() const { return waiting_.size() - free_.size(); }

   private:
    void deliver(std::size_t ticket, Answer answer) {
      if (ticket >= waiting_.size()) return;
      const auto done = std::exchange(waiting_[ticket], nullptr);
      free_.push_back(ticket);
      done(std::move(answer));
    }

    std::mutex mutex_;
    /// Null once closed. Guarded by the mutex, so that no post overlaps the end of the loop.
    boost::asio::io_context* loop_;
    /// By ticket; used on the loop only.
    std::vector<std::function<void(Answer)>> waiting_;
    std::vector<std::size_t> free_;
  };

  std::shared_ptr<desk> desk_;
};

}  // namespace holdfast::http
