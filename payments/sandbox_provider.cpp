#include "payments/sandbox_provider.hpp"

#include <pthread.h>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "payments/sandbox_calls.hpp"

namespace holdfast::payments {

namespace {

using steady = std::chrono::steady_clock;

/// A ledger's line is about this long: to make room in the bank before reading it.
constexpr std::uint64_t usual_line_bytes = 64;

template <class Answer>
struct reply {
  std::function<void(Answer)> done;
  Answer answer;
};

/// What is to happen at a time: an answer arrives or a charge lands.
using happening = std::variant<reply<charge_answer>, reply<settle_answer>, reply<refund_answer>, late_charge>;

struct timer {
  steady::time_point due;
  /// Of two that are due together the one set first goes first.
  std::uint64_t order = 0;
  happening what;
};
bool later(const timer& a, const timer& b) {
  return a.due != b.due ? a.due > b.due : a.order > b.order;
}

template <class Answer>
Answer unknown(std::string why) {
  Answer answer;
  answer.reason = std::move(why);
  return answer;
}

domain::timestamp wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

class sandbox_provider::implementation {
 public:
  explicit implementation(sandbox_options options)
      : options_(std::move(options)),
        bank_(options_.seed, [this](const bank_record& record) { ledger_.add(record); }),
        ledger_(
            options_.folder, [this](std::uint64_t bytes) { bank_.reserve(bytes / usual_line_bytes); },
            [this](const bank_record& record) { bank_.restore(record); }) {
    if (ledger_.lines_skipped() != 0) {
      spdlog::warn("the sandbox's ledger has {} lines that don't parse", ledger_.lines_skipped());
    }
    bank_.turn(options_.knobs);
    thread_ = std::thread([this] { run(); });
  }

  ~implementation() { close(); }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  /// Decides. An answer that takes no time is given here, any other by the thread.
  template <class Answer, class Request>
  void call(const Request& request, std::function<void(Answer)> done) {
    auto answer = decide<Answer>(request, done);
    if (answer) done(std::move(*answer));
  }

  void turn(const sandbox_knobs& knobs) {
    const std::lock_guard lock(mutex_);
    bank_.turn(knobs);
  }
  sandbox_knobs knobs() const {
    const std::lock_guard lock(mutex_);
    return bank_.knobs();
  }
  const std::filesystem::path& folder() const { return options_.folder; }

 private:
  // --- On the caller's thread ---

  /// The answer, where it takes no time; otherwise it is given to `done` when it arrives or the time is
  /// out, whichever is first.
  template <class Answer, class Request>
  std::optional<Answer> decide(const Request& request, std::function<void(Answer)>& done) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return unknown<Answer>("closed");
    if (timers_.size() >= most_open_calls) return unknown<Answer>("too_many_calls");
    // What the disk has not taken must not be told as known, and nothing is decided before it has.
    if (disk_is_behind_ && !write_ledger()) return unknown<Answer>("ledger_not_writable");
    auto from_bank = ask_bank(request);
    if (!write_ledger()) return unknown<Answer>("ledger_not_writable");
    if (from_bank.answer && from_bank.delay.count() == 0) return std::move(from_bank.answer);

    const auto arrived = steady::now();
    const auto deadline = arrived + options_.timeout;
    const auto arrival = arrived + from_bank.delay;
    const bool in_time = from_bank.answer && arrival <= deadline;
    set_timer(
        in_time ? arrival : deadline,
        reply<Answer>{std::move(done), in_time ? std::move(*from_bank.answer) : unknown<Answer>("time_out")});
    return std::nullopt;
  }

  charge_reply ask_bank(const charge_request& request) {
    auto reply = payments::charge(bank_, request, wall_clock());
    if (reply.late) set_timer(steady::now() + reply.late->after, std::move(*reply.late));
    return reply;
  }
  bank_reply<settle_answer> ask_bank(const settle_request& request) {
    return payments::settle(bank_, request, wall_clock());
  }
  bank_reply<refund_answer> ask_bank(const refund_request& request) {
    return payments::refund(bank_, request, wall_clock());
  }

  bool write_ledger() {
    const bool written = ledger_.flush();
    if (!written && !disk_is_behind_) spdlog::error("the sandbox's ledger can't be written");
    disk_is_behind_ = !written;
    return written;
  }

  void set_timer(steady::time_point due, happening what) {
    timers_.push_back({due, next_order_++, std::move(what)});
    std::push_heap(timers_.begin(), timers_.end(), later);
    if (timers_.front().order == next_order_ - 1) wake_.notify_one();
  }

  // --- The thread: what takes time ---

  void run() {
    ::pthread_setname_np(::pthread_self(), "sandbox");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (timers_.empty()) {
        wake_.wait(lock);
      } else if (const auto due = timers_.front().due; due > steady::now()) {
        // A copy: callers set timers while this waits, and the wait looks at its time again afterwards.
        wake_.wait_until(lock, due);
      } else {
        deliver_what_is_due(lock);
      }
    }
    const auto open = std::exchange(timers_, {});
    lock.unlock();
    for (auto& each : open) deliver(each.what, "closed");
  }

  void deliver_what_is_due(std::unique_lock<std::mutex>& lock) {
    std::vector<happening> due;
    const auto now = steady::now();
    while (!timers_.empty() && timers_.front().due <= now) {
      std::pop_heap(timers_.begin(), timers_.end(), later);
      due.push_back(std::move(timers_.back().what));
      timers_.pop_back();
      if (const auto* late = std::get_if<late_charge>(&due.back())) bank_.land(*late, wall_clock());
    }
    const bool written = write_ledger();
    lock.unlock();
    for (const auto& each : due) deliver(each, written ? "" : "ledger_not_writable");
    // Callbacks go before the next wait: who was called may wait for them to go.
    due.clear();
    lock.lock();
  }

  template <class Answer>
  static void tell(const reply<Answer>& reply, const char* unknown_because) {
    const bool known = *unknown_because == '\0';
    reply.done(known ? reply.answer : unknown<Answer>(unknown_because));
  }
  static void tell(const late_charge&, const char*) {}
  static void deliver(const happening& what, const char* unknown_because) {
    std::visit([&](const auto& each) { tell(each, unknown_because); }, what);
  }

  const sandbox_options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;

  // Behind the mutex.
  sandbox_bank bank_;
  sandbox_ledger ledger_;
  std::vector<timer> timers_;
  std::uint64_t next_order_ = 0;
  bool disk_is_behind_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

sandbox_provider::sandbox_provider(sandbox_options options)
    : implementation_(std::make_unique<implementation>(std::move(options))) {}

sandbox_provider::~sandbox_provider() = default;

void sandbox_provider::close() {
  implementation_->close();
}

void sandbox_provider::charge(charge_request request, std::function<void(charge_answer)> done) {
  implementation_->call(request, std::move(done));
}

void sandbox_provider::settle(settle_request request, std::function<void(settle_answer)> done) {
  implementation_->call(request, std::move(done));
}

void sandbox_provider::refund(refund_request request, std::function<void(refund_answer)> done) {
  implementation_->call(request, std::move(done));
}

void sandbox_provider::turn(const sandbox_knobs& knobs) {
  implementation_->turn(knobs);
}

sandbox_knobs sandbox_provider::knobs() const {
  return implementation_->knobs();
}

std::vector<ledger_entry> sandbox_provider::ledger() const {
  return ledger_entries(implementation_->folder());
}

}  // namespace holdfast::payments
