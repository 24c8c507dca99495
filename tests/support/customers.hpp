// Customers who place, repeat and cancel over real sockets, and remember what they were told, so
// that it can be held against what is there afterwards (reservation_story.hpp). They outlive the
// servers that they speak to: each round is work with one server, or several nodes, on connections of
// its own.
//
// Owned by one test; a crowd is used by one thread, each customer works in one of his own.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/http_client.hpp"

namespace holdfast::testing {

enum class cancellation { not_tried, not_answered, accepted, acknowledged };

/// One placement as its customer knows it.
struct placement {
  std::string body;
  /// Empty where none was sent.
  std::string key;
  /// 0 where no answer came; then there is no id either.
  int status = 0;
  std::uint64_t id = 0;
  std::string location;
  std::string answer;
  cancellation cancelled = cancellation::not_tried;

  /// 202 is no outcome: what comes of it is told later.
  bool outcome_is_known() const { return status != 0 && status != 202; }
};

/// What customers do, in tenths of their requests; the rest are placements, half of them with a key.
struct habits {
  unsigned cancels = 2;
  unsigned repeats = 1;
};

/// The reservation that a success or a problem is about, 0 where there is none.
inline std::uint64_t id_in(const raw_response& answer) {
  if (answer.has_header("location")) return id_of(answer);
  const std::string prefix = "/preReservations/";
  const auto link = json_at(answer, "/_links/reservation/href");
  const auto at = link.find(prefix);
  return at == std::string::npos ? 0 : std::strtoull(link.c_str() + at + prefix.size(), nullptr, 10);
}

/// Whether a placement may be answered so: paid, still open, declined or not possible now.
inline bool is_answer(int status) {
  return status == 201 || status == 202 || status == 402 || status == 503;
}

inline void take_answer(placement& of, const raw_response& answer) {
  const auto id = id_in(answer);
  // Overloaded, or the key's first request is under way: nothing is known about the placement.
  if (id == 0) return;
  of.status = answer.status;
  of.id = id;
  of.location = answer.header("location");
  of.answer = answer.body;
}

/// What is wrong with the answer to a repeated placement, nothing where it is as it has to be.
inline std::string wrong_in_repeat(const placement& first, const raw_response& again) {
  const bool no_answer = id_in(again) == 0;
  // Overloaded or unavailable: that says nothing about the placement.
  if (no_answer && again.status == 503) return {};
  if (first.outcome_is_known()) {
    if (again.status != first.status) return "another status";
    if (again.body != first.answer) return "another body";
    if (again.header("location") != first.location) return "another location";
    return again.header("idempotent-replayed") == "true" ? "" : "not marked as replayed";
  }
  // Under way, where nothing was ever told; once 202 was, it is 202 until the outcome is known.
  if (no_answer && again.status == 409 && first.status == 0) return {};
  if (first.id != 0 && id_in(again) != first.id) return "another reservation";
  // Of an open one: cancelled by its customer before its payment had an outcome.
  const bool cancelled = again.status == 409 && first.cancelled != cancellation::not_tried;
  return is_answer(again.status) || cancelled ? "" : "no answer to a placement";
}

class customer {
 public:
  customer(std::uint64_t seed, habits habits) : seed_(seed), random_(seed), habits_(habits) {}
  ~customer() { finish(); }

  /// Works on one keep-alive connection until `ending` and the server ends it, or `leaving`.
  void begin(std::uint16_t port, std::atomic<int>& answered, const std::atomic<bool>& ending,
             const std::atomic<bool>& leaving) {
    refusal_.clear();
    client_ = std::make_unique<http_client>(port);
    thread_ = std::thread([&, this] { run(answered, ending, leaving); });
  }
  void finish() {
    if (thread_.joinable()) thread_.join();
  }

  /// These after finish().
  std::vector<placement>& placements() { return placements_; }
  /// What no customer may meet, empty if nothing.
  const std::string& failure() const { return failure_; }
  /// The first answer of 503 since begin(), empty if there was none.
  const std::string& refusal() const { return refusal_; }

 private:
  void run(std::atomic<int>& answered, const std::atomic<bool>& ending, const std::atomic<bool>& leaving) {
    try {
      bool last = false;
      while (!last && !leaving) {
        const auto answer = act();
        last = answer.header("connection") == "close";
        if (answer.status == 503 && refusal_.empty()) refusal_ = answer.body;
        ++answered;
      }
    } catch (const std::exception& error) {
      if (!ending && failure_.empty()) failure_ = error.what();
      look_for_torn_answer();
    }
    client_.reset();
  }

  /// Even a killed server has handed whole answers to the kernel, or none.
  void look_for_torn_answer() {
    try {
      const std::string rest = client_->connection().read_until_close();
      if (!rest.empty() && failure_.empty()) failure_ = "part of an answer: " + rest;
    } catch (const std::exception& error) {
      if (failure_.empty()) failure_ = error.what();
    }
  }

  raw_response act() {
    const auto chance = random_() % 10;
    placement* earlier = placements_.empty() ? nullptr : &placements_[random_() % placements_.size()];
    if (chance < habits_.cancels && earlier != nullptr && earlier->id != 0) return cancel(*earlier);
    const bool repeats = chance >= habits_.cancels && chance < habits_.cancels + habits_.repeats;
    if (repeats && earlier != nullptr && !earlier->key.empty()) return repeat(*earlier);
    return place(random_() % 2 == 0);
  }

  raw_response place(bool with_key) {
    placement& next = placements_.emplace_back();
    next.body = R"({"userId":)" + std::to_string(random_() % 5) + R"(,"price":)" +
                std::to_string(random_() % 1'000'000) + R"(,"cardNo":"4111-1111-1111-1111"})";
    if (with_key) next.key = std::to_string(seed_) + "-" + std::to_string(placements_.size());
    auto answer = with_key ? client_->place_with_key(next.body, next.key) : client_->place(next.body);
    if (!is_answer(answer.status)) refuse("a placement", answer);
    take_answer(next, answer);
    return answer;
  }

  raw_response repeat(placement& what) {
    auto answer = client_->place_with_key(what.body, what.key);
    const auto wrong = wrong_in_repeat(what, answer);
    if (!wrong.empty()) refuse(wrong + " than " + std::to_string(what.status) + " " + what.answer, answer);
    take_answer(what, answer);
    return answer;
  }

  raw_response cancel(placement& what) {
    const bool known = what.cancelled == cancellation::acknowledged;
    if (what.cancelled == cancellation::not_tried) what.cancelled = cancellation::not_answered;
    auto answer = client_->del("/preReservations/" + std::to_string(what.id));
    if (answer.status == 204) {
      what.cancelled = cancellation::acknowledged;
    } else if (answer.status == 202 && !known) {
      what.cancelled = cancellation::accepted;
    } else if (answer.status != 503) {
      refuse(known ? "a cancelled reservation" : "a cancellation", answer);
    }
    return answer;
  }

  [[noreturn]] void refuse(const std::string& what, const raw_response& answer) {
    failure_ = what + " was answered " + answer.status_line + " " + answer.body;
    throw std::runtime_error(failure_);
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  const habits habits_;
  std::vector<placement> placements_;
  std::string failure_;
  std::string refusal_;
  std::unique_ptr<http_client> client_;
  std::thread thread_;
};

class crowd {
 public:
  crowd(int size, std::uint64_t seed, habits habits = {}) {
    std::mt19937_64 seeds(seed);
    for (int i = 0; i < size; ++i) customers_.push_back(std::make_unique<customer>(seeds(), habits));
  }
  ~crowd() { leave(); }

  void begin(std::uint16_t port) { begin(std::vector{port}); }
  /// In turn at each of these.
  void begin(const std::vector<std::uint16_t>& ports) {
    ending_ = leaving_ = false;
    answered_ = 0;
    for (std::size_t i = 0; i < customers_.size(); ++i) {
      customers_[i]->begin(ports[i % ports.size()], answered_, ending_, leaving_);
    }
  }
  /// Answers since begin().
  int answered() const { return answered_; }

  /// From now on the server may go away.
  void expect_the_end() { ending_ = true; }
  /// Once the server has gone: waits for everyone, and says what anyone met that may not be.
  std::string finish() {
    for (auto& each : customers_) each->finish();
    for (auto& each : customers_) {
      if (!each->failure().empty()) return each->failure();
    }
    return {};
  }
  /// The same while the server goes on: each waits for the answer that he is owed.
  std::string leave() {
    leaving_ = true;
    return finish();
  }

  /// After finish() or leave(): an answer of 503 since begin(), empty if there was none.
  std::string refusal() const {
    for (const auto& each : customers_) {
      if (!each->refusal().empty()) return each->refusal();
    }
    return {};
  }

  /// Everything that anyone ever placed; valid until the next begin().
  std::vector<placement*> placements() {
    std::vector<placement*> all;
    for (auto& each : customers_) {
      for (auto& placement : each->placements()) all.push_back(&placement);
    }
    return all;
  }

 private:
  std::vector<std::unique_ptr<customer>> customers_;
  std::atomic<int> answered_{0};
  std::atomic<bool> ending_{false};
  std::atomic<bool> leaving_{false};
};

}  // namespace holdfast::testing
