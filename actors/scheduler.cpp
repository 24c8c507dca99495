#include "actors/scheduler.hpp"

#include <pthread.h>

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
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace holdfast::actors {

namespace {

using caf::resumable;

/// A loop with so many jobs of its own gives half of them to one that is idle.
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
    for (auto& one : loops) {
      auto& mine = *loops_.emplace_back(std::make_unique<loop>(*this, std::move(one)));
      // It may run when all this is gone, and then is nobody's.
      mine.run_soon([id = id_, &mine] { here = {id, &mine}; });
    }
    if (!urgent_.empty()) call_in(*loops_.front(), lock);
  }

  void run_first(resumable* job) { first_ = job; }

  void push(resumable* job) {
    if (here.first == id_) return push_here(*here.second, job);
    std::unique_lock lock(mutex_);
    urgent_.push_back(job);
    urgent_count_ = urgent_.size();
    if (working_ > 0) return;
    if (!loops_.empty()) call_in(*loops_.front(), lock);
  }

  std::size_t count() {
    const std::lock_guard lock(mutex_);
    std::size_t all = urgent_.size() + shared_.size();
    for (const auto& one : loops_) all += one->left_over;
    return all;
  }

  /// Waits until no loop works any more, and forgets what is left.
  void close() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return working_ == 0; });
    const auto left = std::exchange(urgent_, {});
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
    /// Its thread's alone.
    std::deque<resumable*> jobs;
    /// It has been called in, and has not found everything empty since. Changed under the lock.
    std::atomic<bool> working = false;
    /// How many jobs its last turn left, for whoever asks.
    std::atomic<std::size_t> left_over = 0;
  };

  /// Where an actor has made others ready, or a handler of the loop's own has.
  void push_here(loop& mine, resumable* job) {
    job == first_ ? mine.jobs.push_front(job) : mine.jobs.push_back(job);
    if (!mine.working) {
      std::unique_lock lock(mutex_);
      if (!mine.working) return call_in(mine, lock);
    }
    if (mine.jobs.size() >= jobs_worth_a_second_loop && working_ < loops_.size()) share(mine);
  }

  /// With an idle loop, if there still is one.
  void share(loop& mine) {
    std::unique_lock lock(mutex_);
    const auto idle =
        std::find_if(loops_.begin(), loops_.end(), [](const auto& one) { return !one->working; });
    if (idle == loops_.end()) return;
    const auto half = mine.jobs.end() - static_cast<std::ptrdiff_t>(mine.jobs.size() / 2);
    shared_.insert(shared_.end(), half, mine.jobs.end());
    shared_count_ = shared_.size();
    mine.jobs.erase(half, mine.jobs.end());
    call_in(**idle, lock);
  }

  void call_in(loop& helper, std::unique_lock<std::mutex>& lock) {
    helper.working = true;
    ++working_;
    lock.unlock();
    helper.run_soon([this, &helper] { work(helper); });
  }

  void work(loop& mine) {
    // Now, and not only when it has nothing else to do: both loops may be busy for long.
    if (shared_count_ > 0) take_shared(mine);
    const auto until = std::chrono::steady_clock::now() + longest_turn;
    do {
      for (int done = 0; done < jobs_at_once; ++done) {
        auto* job = next(mine);
        if (job == nullptr) return;
        run(job, mine);
      }
      mine.left_over = mine.jobs.size();
    } while (std::chrono::steady_clock::now() < until);
    mine.run_soon([this, &mine] { work(mine); });
  }

  /// Null where there is none: then this loop is called in again for the next.
  resumable* next(loop& mine) {
    if (urgent_count_ == 0 && !mine.jobs.empty()) return take(mine.jobs);
    const std::lock_guard lock(mutex_);
    if (!urgent_.empty()) {
      auto* job = take(urgent_);
      urgent_count_ = urgent_.size();
      return job;
    }
    if (mine.jobs.empty()) {
      mine.jobs.swap(shared_);
      shared_count_ = 0;
    }
    if (!mine.jobs.empty()) return take(mine.jobs);
    mine.working = false;
    mine.left_over = 0;
    if (--working_ == 0) idle_.notify_all();
    return nullptr;
  }

  void take_shared(loop& mine) {
    const std::lock_guard lock(mutex_);
    mine.jobs.insert(mine.jobs.end(), shared_.begin(), shared_.end());
    shared_.clear();
    shared_count_ = 0;
  }

  static resumable* take(std::deque<resumable*>& from) {
    auto* job = from.front();
    from.pop_front();
    return job;
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
  /// Guards what follows, but for what a loop's thread alone changes.
  std::mutex mutex_;
  std::condition_variable idle_;
  /// From other threads: what the journals, the provider and the view have answered. Before all others.
  std::deque<resumable*> urgent_;
  std::atomic<std::size_t> urgent_count_ = 0;
  /// Given to whichever loop comes first.
  std::deque<resumable*> shared_;
  std::atomic<std::size_t> shared_count_ = 0;
  /// Lives as long as the system serves, so that no other is taken for it.
  std::atomic<resumable*> first_ = nullptr;
  std::vector<std::unique_ptr<loop>> loops_;
  std::atomic<std::size_t> working_ = 0;

  /// The loop whose thread this is, and whose loop: a thread may outlive both.
  static inline thread_local std::pair<std::uint64_t, loop*> here{0, nullptr};
  static inline std::atomic<std::uint64_t> last_id = 0;
  const std::uint64_t id_ = ++last_id;
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
  std::size_t count() { return jobs_.count(); }
  void enqueue(resumable* job) override { jobs_.push(job); }
  caf::actor_clock& clock() noexcept override { return clock_; }

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new lent_coordinator(system);
  }

 protected:
  void start() override {
    ticker_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "timers");
      ticking_.run_dispatch_loop();
    });
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

std::size_t ready_actors(caf::actor_system& system) {
  auto* lent = dynamic_cast<lent_coordinator*>(&system.scheduler());
  return lent == nullptr ? 0 : lent->count();
}

}  // namespace holdfast::actors
