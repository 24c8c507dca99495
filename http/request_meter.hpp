// Counts the requests that the API answers: by the pattern of their route, their method and their status,
// with how long each took. Each event loop has numbers of its own, so that counting costs no loop the cache
// lines of another; they are added up when they are read.
//
// Ownership: meters belong to their set and live as long as it does. Threading: a meter is counted on by its
// loop and read from any thread; a set makes meters and reads them on any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/histogram.hpp"
#include "http/message.hpp"
#include "http/request_span.hpp"
#include "http/router.hpp"
#include "tracing/span.hpp"

namespace holdfast::http {

using request_clock = std::chrono::steady_clock;

/// Statuses of the API's answers; others count as the last, which is none.
inline constexpr std::array<unsigned, 18> counted_statuses{201, 200, 204, 202, 304, 503, 402, 409, 401,
                                                           403, 429, 404, 400, 405, 415, 422, 500, 0};
/// Those of requests that can't be read; again the last is for others.
inline constexpr std::array<unsigned, 5> unreadable_statuses{400, 408, 413, 431, 0};

/// What requests are told apart by.
struct request_label {
  /// A pattern's number (router.hpp), or `pattern_count` where the path names nothing.
  std::size_t pattern = pattern_count;
  http::method method = method::get;

  auto operator<=>(const request_label&) const = default;
};

/// "GET"; "other" where it is none that any route knows.
std::string_view name_of(method method);
/// "/preReservations/{id}"; "unknown" where the path named nothing.
std::string_view route_name(const request_label& label);

/// Only labels that there were requests of.
struct request_figures {
  /// By label and status.
  std::map<std::pair<request_label, unsigned>, std::uint64_t> answered;
  std::map<request_label, actors::counted_values> durations;
  /// As unreadable_statuses has them.
  std::array<std::uint64_t, unreadable_statuses.size()> unreadable{};
};

class request_meter {
 public:
  void count(const request_label& label, unsigned status, std::chrono::nanoseconds took);
  void add_to(request_figures& sums) const;

 private:
  static constexpr std::size_t method_count = static_cast<std::size_t>(method::other) + 1;
  struct numbers {
    std::array<std::atomic<std::uint64_t>, counted_statuses.size()> answered{};
    actors::histogram<actors::duration_bounds> durations;

    void add_to(request_figures& sums, const request_label& label) const;
  };

  std::array<std::array<numbers, method_count>, pattern_count + 1> numbers_;
};

class request_meters {
 public:
  /// For one loop.
  request_meter& add();
  /// A request that no loop's API has seen. Any thread: it costs its connection.
  void count_unreadable(unsigned status);
  request_figures read() const;

 private:
  mutable std::mutex mutex_;
  std::list<request_meter> meters_;
  std::array<std::atomic<std::uint64_t>, unreadable_statuses.size()> unreadable_{};
};

/// Gives the answer of one request, counts it, and ends its span: in the place of the `respond` that it was
/// asked with.
class counted_respond {
 public:
  /// Without a span it is null.
  counted_respond(request_meter& meter, request_label label, request_clock::time_point began,
                  std::shared_ptr<tracing::open_span> span, respond done)
      : meter_(&meter), label_(label), began_(began), span_(std::move(span)), done_(std::move(done)) {}

  /// Goes with the answer.
  void add(std::vector<std::pair<std::string, std::string>> headers) { headers_ = std::move(headers); }

  void operator()(response answer) const {
    meter_->count(label_, answer.status, request_clock::now() - began_);
    if (span_) end_request_span(*span_, answer.status);
    answer.headers.insert(answer.headers.end(), headers_.begin(), headers_.end());
    done_(std::move(answer));
  }

 private:
  request_meter* meter_;
  request_label label_;
  request_clock::time_point began_;
  std::shared_ptr<tracing::open_span> span_;
  respond done_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace holdfast::http
