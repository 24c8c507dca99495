#include "actors/scheduler.hpp"

#include <array>
#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace holdfast::actors {

namespace {

using caf::resumable;

/// So many jobs wait before another worker is woken for them.
constexpr std::size_t jobs_worth_a_wake_up = 4;

class quiet_sharing : public caf::policy::unprofiled {
 public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<resumable*> jobs;
    std::size_t sleeping = 0;
    /// Of those that slept: told to wake up, but not awake yet.
    std::size_t woken = 0;
    std::size_t ended = 0;
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, resumable* job) {
    auto& data = d(self);
    const std::lock_guard lock(data.mutex);
    data.jobs.push_back(job);
    const bool nobody_awake = data.sleeping + data.ended == self->num_workers();
    if (nobody_awake || enough_jobs(data)) wake_one(data);
  }
  template <class Worker>
  void external_enqueue(Worker* self, resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void resume_job_later(Worker* self, resumable* job) {
    central_enqueue(self->parent(), job);
  }

  template <class Worker>
  resumable* dequeue(Worker* self) {
    auto& data = d(self->parent());
    std::unique_lock lock(data.mutex);
    while (data.jobs.empty()) {
      ++data.sleeping;
      data.wake.wait(lock, [&] { return data.woken > 0; });
      --data.woken;
    }
    auto* job = data.jobs.front();
    data.jobs.pop_front();
    if (enough_jobs(data)) wake_one(data);
    return job;
  }

  template <class Worker>
  void before_shutdown(Worker* self) {
    auto& data = d(self->parent());
    const std::lock_guard lock(data.mutex);
    ++data.ended;
    // What is left must not wait for the one that goes.
    if (!data.jobs.empty()) wake_one(data);
  }

  template <class Worker, class Use>
  void foreach_resumable(Worker*, Use) {}
  template <class Coordinator, class Use>
  void foreach_central_resumable(Coordinator* self, Use use) {
    auto& data = d(self);
    const std::lock_guard lock(data.mutex);
    for (auto* job : data.jobs) use(job);
    data.jobs.clear();
  }

 private:
  static bool enough_jobs(const coordinator_data& data) { return data.jobs.size() >= jobs_worth_a_wake_up; }

  static void wake_one(coordinator_data& data) {
    if (data.sleeping == 0) return;
    --data.sleeping;
    ++data.woken;
    data.wake.notify_one();
  }
};

/// Hands everything to the scheduler's clock but what it need not know. Its own queue, which it
/// has from its base, stays empty.
class quiet_clock final : public caf::detail::thread_safe_actor_clock {
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

class quiet_coordinator final : public caf::scheduler::coordinator<quiet_sharing> {
 public:
  using super = caf::scheduler::coordinator<quiet_sharing>;

  explicit quiet_coordinator(caf::actor_system& system) : super(system), clock_(super::clock()) {}

  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new quiet_coordinator(system);
  }

 private:
  quiet_clock clock_;
};

}  // namespace

void use_quiet_scheduler(caf::actor_system_config& config) {
  config.load<quiet_coordinator>();
}

}  // namespace holdfast::actors
