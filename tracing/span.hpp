// What is told of a trace: spans, pieces of work with a beginning and an end (OpenTelemetry's data model).
// And the port that they go to.
//
// Ownership: an open span belongs to who does the work, and refers to the tracer, which outlives it.
// Threading: a span is used by one thread at a time; a tracer takes them from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tracing/trace_context.hpp"

namespace holdfast::tracing {

/// OTLP's numbers.
enum class span_kind : std::uint8_t { internal = 1, server = 2, client = 3 };

using span_time = std::chrono::sys_time<std::chrono::nanoseconds>;
using attribute_value = std::variant<std::int64_t, std::string>;

struct span {
  trace_context at;
  /// 0 where the trace begins.
  std::uint64_t parent_id = 0;
  span_kind kind = span_kind::internal;
  std::string name;
  span_time began;
  span_time ended;
  bool failed = false;
  /// The keys are literals.
  std::vector<std::pair<std::string_view, attribute_value>> attributes;
};

class tracer {
 public:
  virtual ~tracer() = default;
  /// A trace that begins here, or none: only so many do.
  virtual trace_context begin() = 0;
  /// Waits for nobody: what finds no room is dropped, and counted.
  virtual void take(span ended) = 0;
};

/// A span under way; it ends when it goes. Where it is not recorded, since there is no tracer or the trace is
/// not sampled, it is a null pointer, and everything below a look at it.
class open_span {
 public:
  open_span() = default;
  open_span(tracer* to, const trace_context& parent, span_kind kind, std::string_view name) {
    if (to != nullptr && parent.sampled()) begin(to, parent, kind, name);
  }
  open_span(open_span&& other) noexcept = default;
  open_span& operator=(open_span&& other) noexcept {
    end();
    under_way_ = std::move(other.under_way_);
    return *this;
  }
  ~open_span() { end(); }

  bool recorded() const { return under_way_ != nullptr; }
  /// For what is done within it; the parent's where it is not recorded.
  const trace_context& context_or(const trace_context& parent) const {
    return under_way_ ? under_way_->what.at : parent;
  }

  /// The key is a literal. Texts are made for it only where it is `recorded()`.
  void set(std::string_view key, attribute_value value) {
    if (under_way_) under_way_->what.attributes.emplace_back(key, std::move(value));
  }
  /// By one word of few (`error.type`).
  void fail(std::string_view type);
  void end() {
    if (under_way_) finish();
  }

 private:
  struct recorded_span {
    tracer* to;
    span what;
  };

  void begin(tracer* to, const trace_context& parent, span_kind kind, std::string_view name);
  void finish();

  std::unique_ptr<recorded_span> under_way_;
};

/// For what is copied, or outlives who began it: null where it is not recorded.
inline std::shared_ptr<open_span> shared_span(tracer* to, const trace_context& parent, span_kind kind,
                                              std::string_view name) {
  if (to == nullptr || !parent.sampled()) return nullptr;
  return std::make_shared<open_span>(to, parent, kind, name);
}

}  // namespace holdfast::tracing
