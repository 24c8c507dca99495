#include "tracing/span.hpp"

namespace holdfast::tracing {

namespace {

span_time now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace

void open_span::begin(tracer* to, const trace_context& parent, span_kind kind, std::string_view name) {
  under_way_ = std::make_unique<recorded_span>(recorded_span{to, {}});
  auto& what = under_way_->what;
  what.at = parent;
  what.at.span_id = random_id();
  what.parent_id = parent.span_id;
  what.kind = kind;
  what.name = name;
  what.began = now();
}

void open_span::fail(std::string_view type) {
  if (!under_way_) return;
  under_way_->what.failed = true;
  set("error.type", std::string(type));
}

void open_span::finish() {
  const auto ended = std::move(under_way_);
  ended->what.ended = now();
  ended->to->take(std::move(ended->what));
}

}  // namespace holdfast::tracing
