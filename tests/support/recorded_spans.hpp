// A tracer that keeps the spans that it is given. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tracing/span.hpp"

namespace holdfast::testing {

class recorded_spans final : public tracing::tracer {
 public:
  tracing::trace_context begin() override { return tracing::begin_trace(); }
  void take(tracing::span ended) override {
    const std::lock_guard lock(mutex_);
    spans_.push_back(std::move(ended));
  }

  std::vector<tracing::span> all() const {
    const std::lock_guard lock(mutex_);
    return spans_;
  }
  /// Of this name, in the order in which they ended.
  std::vector<tracing::span> named(const std::string& name) const {
    auto found = all();
    std::erase_if(found, [&](const auto& each) { return each.name != name; });
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<tracing::span> spans_;
};

}  // namespace holdfast::testing
