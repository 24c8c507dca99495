#include "payments/sandbox_provider.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>

#include "payments/sandbox_calls.hpp"

namespace holdfast::payments {

namespace {

using steady = std::chrono::steady_clock;

/// A ledger's line is about this long: to make room in the bank before reading it.
constexpr std::uint64_t usual_line_bytes = 64;

template <class Request, class Answer>
struct call {
  using answer_type = Answer;
  Request request;
  std::function<void(Answer)> done;
  steady::time_point arrived;
};
using charge_call = call<charge_request, charge_answer>;
using settle_call = call<settle_request, settle_answer>;
using refund_call = call<refund_request, refund_answer>;
using any_call = std::variant<charge_call, settle_call, refund_call>;

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
            [this](const bank_record& record) { bank_.restore(record); }),
        knobs_(options_.knobs) {
    if (ledger_.lines_skipped() != 0) {
      spdlog::warn("the sandbox's ledger has {} lines that don't parse", ledger_.lines_skipped());
    }
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

  template <class Call>
  void submit(Call call) {
    using answer_type = typename Call::answer_type;
    std::string refusal;
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && open_calls_ < most_open_calls) {
        ++open_calls_;
        queue_.emplace_back(std::move(call));
        if (!sleeping_) return;
        sleeping_ = false;
      } else {
        refusal = stopping_ ? "closed" : "too_many_calls";
      }
    }
    if (refusal.empty()) return wake_.notify_one();
    call.done(unknown<answer_type>(std::move(refusal)));
  }

  void turn(const sandbox_knobs& knobs) {
    const std::lock_guard lock(mutex_);
    knobs_ = knobs;
  }
  sandbox_knobs knobs() const {
    const std::lock_guard lock(mutex_);
    return knobs_;
  }
  const std::filesystem::path& folder() const { return options_.folder; }

 private:
  void run() {
    std::vector<any_call> batch;
    while (wait_for_work(batch)) {
      for (auto& each : batch) {
        std::visit([this](auto& call) { process(call); }, each);
      }
      batch.clear();
      take_what_is_due(steady::now());
      finish_batch();
    }
    answer_all_as_unknown(batch);
  }

  /// False when it is time to stop.
  bool wait_for_work(std::vector<any_call>& batch) {
    std::unique_lock lock(mutex_);
    open_calls_ -= std::exchange(closed_calls_, 0);
    while (queue_.empty() && !stopping_) {
      sleeping_ = true;
      if (timers_.empty()) {
        wake_.wait(lock);
      } else if (wake_.wait_until(lock, timers_.front().due) == std::cv_status::timeout) {
        break;
      }
    }
    sleeping_ = false;
    batch.swap(queue_);
    bank_.turn(knobs_);
    return !stopping_;
  }

  void process(charge_call& call) {
    if (disk_is_behind_) return answer(call, {unknown<charge_answer>("ledger_not_writable"), {}});
    auto reply = payments::charge(bank_, call.request, wall_clock());
    if (reply.late) {
      set_timer(steady::now() + reply.late->after, std::move(*reply.late));
      --closed_calls_;
    }
    answer(call, std::move(reply));
  }
  void process(settle_call& call) {
    if (disk_is_behind_) return answer(call, {unknown<settle_answer>("ledger_not_writable"), {}});
    answer(call, payments::settle(bank_, call.request, wall_clock()));
  }
  void process(refund_call& call) {
    if (disk_is_behind_) return answer(call, {unknown<refund_answer>("ledger_not_writable"), {}});
    answer(call, payments::refund(bank_, call.request, wall_clock()));
  }

  /// At once where there is no latency; otherwise when the answer arrives or the time is out,
  /// whichever is first.
  template <class Call, class Answer = typename Call::answer_type>
  void answer(Call& call, bank_reply<Answer> from_bank) {
    const auto deadline = call.arrived + options_.timeout;
    const auto arrival = call.arrived + from_bank.delay;
    if (!from_bank.answer || arrival > deadline) {
      set_timer(deadline, reply<Answer>{std::move(call.done), unknown<Answer>("time_out")});
    } else if (from_bank.delay.count() == 0) {
      due_.emplace_back(reply<Answer>{std::move(call.done), std::move(*from_bank.answer)});
    } else {
      set_timer(arrival, reply<Answer>{std::move(call.done), std::move(*from_bank.answer)});
    }
  }

  void set_timer(steady::time_point due, happening what) {
    timers_.push_back({due, next_order_++, std::move(what)});
    std::push_heap(timers_.begin(), timers_.end(), later);
  }

  void take_what_is_due(steady::time_point now) {
    while (!timers_.empty() && timers_.front().due <= now) {
      std::pop_heap(timers_.begin(), timers_.end(), later);
      if (auto* late = std::get_if<late_charge>(&timers_.back().what)) {
        bank_.land(*late, wall_clock());
        ++closed_calls_;
      } else {
        due_.push_back(std::move(timers_.back().what));
      }
      timers_.pop_back();
    }
  }

  /// Writes, then answers. What the disk did not take must not be told as known.
  void finish_batch() {
    const bool written = ledger_.flush();
    if (!written && !disk_is_behind_) spdlog::error("the sandbox's ledger can't be written");
    disk_is_behind_ = !written;
    auto due = std::exchange(due_, {});
    closed_calls_ += static_cast<std::int64_t>(due.size());
    for (auto& each : due) deliver(each, written ? "" : "ledger_not_writable");
    due.clear();
    due_.swap(due);
  }

  void answer_all_as_unknown(std::vector<any_call>& never_decided) {
    for (auto& each : never_decided) {
      std::visit([](auto& call) { call.done(unknown<answer_of<decltype(call)>>("closed")); }, each);
    }
    for (auto& each : timers_) deliver(each.what, "closed");
  }

  template <class CallReference>
  using answer_of = typename std::remove_reference_t<CallReference>::answer_type;

  template <class Answer>
  static void tell(reply<Answer>& reply, const char* unknown_because) {
    const bool known = *unknown_because == '\0';
    reply.done(known ? std::move(reply.answer) : unknown<Answer>(unknown_because));
  }
  static void tell(late_charge&, const char*) {}
  static void deliver(happening& what, const char* unknown_because) {
    std::visit([&](auto& each) { tell(each, unknown_because); }, what);
  }

  const sandbox_options options_;
  sandbox_bank bank_;
  sandbox_ledger ledger_;

  // The thread's own.
  std::vector<timer> timers_;
  std::vector<happening> due_;
  std::uint64_t next_order_ = 0;
  /// How many of the open calls were closed since they were last counted.
  std::int64_t closed_calls_ = 0;
  bool disk_is_behind_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<any_call> queue_;
  std::size_t open_calls_ = 0;
  sandbox_knobs knobs_;
  bool sleeping_ = false;
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
  implementation_->submit(charge_call{std::move(request), std::move(done), steady::now()});
}

void sandbox_provider::settle(settle_request request, std::function<void(settle_answer)> done) {
  implementation_->submit(settle_call{std::move(request), std::move(done), steady::now()});
}

void sandbox_provider::refund(refund_request request, std::function<void(refund_answer)> done) {
  implementation_->submit(refund_call{std::move(request), std::move(done), steady::now()});
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
