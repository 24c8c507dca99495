// Brings a real payment adapter, with threads and sockets of its own, under the virtual engine:
// its answers wait here until the test lets them in, between two steps of the engine.
//
// Threading: the calls and take_one() belong to the test's thread; answers may come on any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "payments/provider.hpp"

namespace holdfast::testing {

class provider_bridge final : public payments::provider {
 public:
  /// Asked for the adapter at each call, since it may have been replaced.
  explicit provider_bridge(std::function<payments::provider&()> adapter) : adapter_(std::move(adapter)) {}

  void charge(payments::charge_request request, std::function<void(payments::charge_answer)> done) override {
    if (down_) return;
    ++charges;
    adapter_().charge(std::move(request), arriving(std::move(done)));
  }
  void settle(payments::settle_request request, std::function<void(payments::settle_answer)> done) override {
    if (down_) return;
    ++settles;
    adapter_().settle(std::move(request), arriving(std::move(done)));
  }
  void refund(payments::refund_request request, std::function<void(payments::refund_answer)> done) override {
    if (down_) return;
    ++refunds;
    adapter_().refund(std::move(request), arriving(std::move(done)));
  }
  void close() override {}

  /// Waits for an answer and moves it to the engine's jobs. False where no call is out.
  bool take_one(std::deque<std::function<void()>>& jobs) {
    std::unique_lock lock(desk_->mutex);
    if (waiting_.empty()) return false;
    if (!desk_->some.wait_for(lock, std::chrono::seconds(30), [&] { return !desk_->arrived.empty(); })) {
      throw std::runtime_error("the provider does not call back");
    }
    auto [ticket, answer] = std::move(desk_->arrived.front());
    desk_->arrived.pop_front();
    lock.unlock();
    waiting_.erase(ticket);
    jobs.push_back(std::move(answer));
    return true;
  }

  std::size_t calls_out() const { return waiting_.size(); }

  /// As a crash does: what is answered from now on to earlier calls is lost, and further calls are
  /// dropped, until restart().
  void crash() {
    down_ = true;
    waiting_.clear();
    // The adapter may still hold callbacks of the old one.
    desk_ = std::make_shared<desk>();
  }
  void restart() { down_ = false; }

  int charges = 0;
  int settles = 0;
  int refunds = 0;

 private:
  struct desk {
    std::mutex mutex;
    std::condition_variable some;
    std::deque<std::pair<std::uint64_t, std::function<void()>>> arrived;
  };

  /// The engine's callback stays on this side, so that crash() lets go of it.
  template <class Answer>
  std::function<void(Answer)> arriving(std::function<void(Answer)> done) {
    const auto ticket = ++last_ticket_;
    auto kept = std::make_shared<std::function<void(Answer)>>(std::move(done));
    waiting_[ticket] = kept;
    return [ticket, desk = desk_, weak = std::weak_ptr(kept)](Answer answer) {
      auto callback = weak.lock();
      if (!callback) return;
      const std::lock_guard lock(desk->mutex);
      desk->arrived.emplace_back(ticket, [callback, answer = std::move(answer)] { (*callback)(answer); });
      desk->some.notify_one();
    };
  }

  std::function<payments::provider&()> adapter_;
  std::shared_ptr<desk> desk_ = std::make_shared<desk>();
  std::map<std::uint64_t, std::shared_ptr<void>> waiting_;
  std::uint64_t last_ticket_ = 0;
  bool down_ = false;
};

}  // namespace holdfast::testing
