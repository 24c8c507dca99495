#include "actors/scheduler.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <caf/actor_cast.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/execution_unit.hpp>
#include <caf/logger.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace holdfast::actors {

namespace {

using caf::resumable;

/// So many jobs wait before another loop is called in to help.
constexpr std::size_t jobs_worth_a_second_loop = 16;
/// How long a loop does jobs before it looks after its sockets again, where there are so many. Under
/// overload the sockets bring more work than can be done, so the actors have to have the larger share.
constexpr std::chrono::milliseconds longest_turn{4};
/// Jobs between two looks at the clock.
constexpr int jobs_at_once = 64;

/// Jobs that are ready, and the loops that do them. Thread-safe.
class ready_jobs {
 public:
  explicit ready_jobs(caf::actor_system& system) : system_(system) {}

  void lend(std::vector<lent_loop> loops) {
    std::unique_lock lock(mutex_);
    for (auto& one : loops) loops_.push_back(std::make_unique<loop>(*this, std::move(one)));
    if (!jobs_.empty()) call_in(*loops_.front(), lock);
  }

  void run_first(resumable* job) {
    const std::lock_guard lock(mutex_);
    first_.push_back(job);
  }

  void push(resumable* job) {
    std::unique_lock lock(mutex_);
    const bool first = std::find(first_.begin(), first_.end(), job) != first_.end();
    first ? jobs_.push_front(job) : jobs_.push_back(job);
    if (auto* helper = whom_to_call()) call_in(*helper, lock);
  }

  /// Waits until no loop works any more, and forgets what is left.
  void close() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return working_ == 0; });
    const auto left = std::exchange(jobs_, {});
    lock.unlock();
    for (auto* job : left) caf::scheduler::abstract_coordinator::cleanup_and_release(job);
  }

 private:
  /// A lent loop, and what the actors that run on it send through.
  class loop final : public caf::execution_unit {
   public:
    loop(ready_jobs& jobs, lent_loop soon)
        : execution_unit(&jobs.system_), owner(jobs), run_soon(std::move(soon)) {}
    void exec_later(resumable* job) override { owner.push(job); }

    ready_jobs& owner;
    const lent_loop run_soon;
    /// It has been called in, and has not found the queue empty since.
    bool working = false;
    /// Nobody's before it works for the first time.
    std::thread::id thread;
  };

  /// This thread's loop where it does not work yet; another only where it would help.
  loop* whom_to_call() {
    loop* idle = nullptr;
    for (const auto& one : loops_) {
      if (one->working) continue;
      if (one->thread == std::this_thread::get_id()) return one.get();
      if (idle == nullptr) idle = one.get();
    }
    const bool enough_help = working_ > 0 && jobs_.size() < jobs_worth_a_second_loop;
    return enough_help ? nullptr : idle;
  }

  void call_in(loop& helper, std::unique_lock<std::mutex>& lock) {
    helper.working = true;
    ++working_;
    lock.unlock();
    helper.run_soon([this, &helper] { work(helper); });
  }

  void work(loop& mine) {
    const auto until = std::chrono::steady_clock::now() + longest_turn;
    do {
      for (int done = 0; done < jobs_at_once; ++done) {
        auto* job = next(mine);
        if (job == nullptr) return;
        run(job, mine);
      }
    } while (std::chrono::steady_clock::now() < until);
    mine.run_soon([this, &mine] { work(mine); });
  }

  /// Null where there is none: then this loop is called in again for the next.
  resumable* next(loop& mine) {
    const std::lock_guard lock(mutex_);
    mine.thread = std::this_thread::get_id();
    if (!jobs_.empty()) {
      auto* job = jobs_.front();
      jobs_.pop_front();
      return job;
    }
    mine.working = false;
    if (--working_ == 0) idle_.notify_all();
    return nullptr;
  }

  void run(resumable* job, loop& mine) {
    const auto result = job->resume(&mine, std::numeric_limits<std::size_t>::max());
    if (result == resumable::resume_later) {
      push(job);
    } else {
      caf::intrusive_ptr_release(job);
    }
    // Each spawn makes CAF's logger that of the thread: it would look up the actor at every turn
    // although it logs nothing, and keep the system from its end.
    caf::logger::set_current_actor_system(nullptr);
  }

  caf::actor_system& system_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<resumable*> jobs_;
  /// A handful at most. They live as long as the system serves, so that no other is taken for them.
  std::vector<resumable*> first_;
  std::vector<std::unique_ptr<loop>> loops_;
  std::size_t working_ = 0;
};

/// Hands everything to the ticking clock but what it need not know.
class quiet_clock final : public caf::actor_clock {
 public:
  explicit quiet_clock(caf::actor_clock& clock) : clock_(clock) {}

  void set_ordinary_timeout(time_point at, caf::abstract_actor* self, caf::atom_value type,
                            std::uint64_t id) override {
    remember(self);
    clock_.set_ordinary_timeout(at, self, type, id);
  }
  void set_multi_timeout(time_point at, caf::abstract_actor* self, caf::atom_value type,
                         std::uint64_t id) override {
    remember(self);
    clock_.set_multi_timeout(at, self, type, id);
  }
  void set_request_timeout(time_point at, caf::abstract_actor* self, caf::message_id id) override {
    remember(self);
    clock_.set_request_timeout(at, self, id);
  }
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override {
    clock_.cancel_ordinary_timeout(self, type);
  }
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override {
    clock_.cancel_request_timeout(self, id);
  }
  void cancel_timeouts(caf::abstract_actor* self) override {
    if (had_timeouts_[slot_of(self)]) clock_.cancel_timeouts(self);
  }
  void schedule_message(time_point at, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override {
    clock_.schedule_message(at, std::move(receiver), std::move(content));
  }
  void schedule_message(time_point at, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override {
    clock_.schedule_message(at, std::move(target), std::move(sender), std::move(content));
  }
  void cancel_all() override { clock_.cancel_all(); }

 private:
  static std::size_t slot_of(const caf::abstract_actor* self) { return self->id() % slots; }
  void remember(const caf::abstract_actor* self) { had_timeouts_[slot_of(self)] = true; }

  /// Actors that share a slot are taken for one another, which costs a wake-up at worst.
  static constexpr std::size_t slots = 4096;

  caf::actor_clock& clock_;
  std::array<std::atomic<bool>, slots> had_timeouts_{};
};

class lent_coordinator final : public caf::scheduler::abstract_coordinator {
 public:
  explicit lent_coordinator(caf::actor_system& system)
      : abstract_coordinator(system), jobs_(system), clock_(ticking_) {}

  void lend(std::vector<lent_loop> loops) { jobs_.lend(std::move(loops)); }

  void run_first(resumable* job) { jobs_.run_first(job); }
  void enqueue(resumable* job) override { jobs_.push(job); }
  caf::actor_clock& clock() noexcept override { return clock_; }

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new lent_coordinator(system);
  }

 protected:
  void start() override {
    ticker_ = std::thread([this] { ticking_.run_dispatch_loop(); });
    abstract_coordinator::start();
  }
  void stop() override {
    stop_actors();
    ticking_.cancel_dispatch_loop();
    ticker_.join();
    jobs_.close();
  }

 private:
  ready_jobs jobs_;
  caf::detail::thread_safe_actor_clock ticking_;
  quiet_clock clock_;
  std::thread ticker_;
};

}  // namespace

void use_lent_loops(caf::actor_system_config& config) {
  config.load<lent_coordinator>();
}

void lend_loops(caf::actor_system& system, std::vector<lent_loop> loops) {
  dynamic_cast<lent_coordinator&>(system.scheduler()).lend(std::move(loops));
}

void run_first(caf::actor_system& system, const caf::actor& one) {
  auto* job = dynamic_cast<resumable*>(caf::actor_cast<caf::abstract_actor*>(one));
  auto* lent = dynamic_cast<lent_coordinator*>(&system.scheduler());
  if (job != nullptr && lent != nullptr) lent->run_first(job);
}

}  // namespace holdfast::actors
