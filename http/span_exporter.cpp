#include "http/span_exporter.hpp"

#include <pthread.h>

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/ascii.hpp"

namespace holdfast::http {

namespace {

using std::chrono::milliseconds;
constexpr const char* traces_path = "/v1/traces";
constexpr std::uint64_t largest_retry_after_s = 3600;

/// OTLP: these may be sent again.
bool is_worth_a_retry(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

/// Of an ExportTraceServiceResponse, where there is one in it.
std::uint64_t rejected_spans(const std::string& body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  if (document.HasParseError()) return 0;
  const auto* count = rapidjson::Pointer("/partialSuccess/rejectedSpans").Get(document);
  if (count == nullptr) return 0;
  if (count->IsUint64()) return count->GetUint64();
  return count->IsString() ? std::strtoull(count->GetString(), nullptr, 10) : 0;
}

}  // namespace

class span_exporter::implementation {
 public:
  explicit implementation(span_exporter_options options)
      : options_(std::move(options)),
        client_(options_.collector, options_.timeout),
        thread_([this] { run(); }) {}

  ~implementation() { stop(milliseconds::zero()); }

  const span_exporter_options& options() const { return options_; }

  void take(tracing::span ended) {
    std::size_t waiting = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || queue_.size() == largest_span_queue) {
        ++without_room_;
        return;
      }
      queue_.push_back(std::move(ended));
      waiting = queue_.size();
    }
    // Whoever sends begins to wait with the first, and goes on with a batch.
    if (waiting == 1 || waiting == spans_at_once) changed_.notify_one();
  }

  void stop(milliseconds at_most) {
    {
      std::unique_lock lock(mutex_);
      stopping_ = true;
      changed_.notify_one();
      changed_by_sender_.wait_for(lock, at_most, [this] { return ended_; });
    }
    client_.interrupt();
    if (thread_.joinable()) thread_.join();
  }

  span_figures figures() const { return {sent_, without_room_, refused_, unanswered_}; }

 private:
  using batch = std::vector<tracing::span>;

  void run() {
    ::pthread_setname_np(::pthread_self(), "spans");
    for (auto next = next_batch(); !next.empty(); next = next_batch()) deliver(next);
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_by_sender_.notify_one();
  }

  /// Empty at the end.
  batch next_batch() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    changed_.wait_for(lock, options_.interval,
                      [this] { return stopping_ || queue_.size() >= spans_at_once; });
    const auto count = std::min(queue_.size(), spans_at_once);
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    batch next(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    return next;
  }

  void deliver(const batch& spans) {
    const auto body = otlp_json(options_.resource, spans);
    for (unsigned tries = 1;; ++tries) {
      const auto answer = client_.ask("POST", traces_path, body);
      if (answer && answer->status / 100 == 2) return delivered(spans.size(), answer->body);
      if (answer && !is_worth_a_retry(answer->status)) {
        refused_ += spans.size();
        return failed("it answered " + std::to_string(answer->status));
      }
      failed(answer ? "it answered " + std::to_string(answer->status) : answer.error());
      if (tries >= options_.tries || !wait(tries, answer ? answer->retry_after : "")) {
        unanswered_ += spans.size();
        return;
      }
    }
  }

  void delivered(std::size_t count, const std::string& body) {
    const auto rejected = std::min<std::uint64_t>(body.empty() ? 0 : rejected_spans(body), count);
    refused_ += rejected;
    sent_ += count - rejected;
    if (std::exchange(failing_, false)) spdlog::info("spans are sent again");
  }

  void failed(const std::string& why) {
    if (std::exchange(failing_, true)) return;
    spdlog::warn("spans are not sent, and dropped if that lasts: the collector of --otlp-endpoint: {}", why);
  }

  /// Before another try. False where it ends, and no other is due.
  bool wait(unsigned tries, const std::string& retry_after) {
    auto time = options_.first_wait * (1u << std::min(tries - 1, 16u));
    if (const auto asked = ascii::number_up_to(retry_after, largest_retry_after_s)) {
      time = std::chrono::seconds(*asked);
    }
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, std::min(time, options_.longest_wait), [this] { return stopping_; });
  }

  const span_exporter_options options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable changed_by_sender_;
  std::deque<tracing::span> queue_;
  bool stopping_ = false;
  bool ended_ = false;

  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> without_room_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> unanswered_{0};

  // Of the thread only.
  admin_client client_;
  bool failing_ = false;

  // Last, so that it finds everything else.
  std::thread thread_;
};

span_exporter::span_exporter(span_exporter_options options)
    : implementation_(std::make_unique<implementation>(std::move(options))) {}

span_exporter::~span_exporter() = default;

/// Which ones follows from their ids, as OpenTelemetry's sampler by ratio does it.
tracing::trace_context span_exporter::begin() {
  constexpr double largest = 9007199254740992.0;  // 2^53
  const auto trace = tracing::begin_trace();
  const bool wanted = static_cast<double>(trace.trace_low >> 11) < implementation_->options().ratio * largest;
  return wanted ? trace : tracing::trace_context{};
}

void span_exporter::take(tracing::span ended) {
  implementation_->take(std::move(ended));
}
void span_exporter::stop(milliseconds at_most) {
  implementation_->stop(at_most);
}
span_figures span_exporter::figures() const {
  return implementation_->figures();
}

}  // namespace holdfast::http
