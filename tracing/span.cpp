#include "tracing/span.hpp"

namespace holdfast::tracing {

namespace {

span_time now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace

open_span::open_span(tracer* to, const trace_context& parent, span_kind kind, std::string_view name)
    : to_(to), context_(parent) {
  if (to == nullptr || !parent.sampled()) return;
  context_.span_id = random_id();
  span_ = std::make_unique<span>();
  span_->at = context_;
  span_->parent_id = parent.span_id;
  span_->kind = kind;
  span_->name = name;
  span_->began = now();
}

open_span& open_span::operator=(open_span&& other) noexcept {
  if (this == &other) return *this;
  end();
  to_ = other.to_;
  context_ = other.context_;
  span_ = std::move(other.span_);
  return *this;
}

void open_span::set(std::string_view key, std::int64_t value) {
  if (span_) span_->attributes.emplace_back(key, value);
}

void open_span::set(std::string_view key, std::string value) {
  if (span_) span_->attributes.emplace_back(key, std::move(value));
}

void open_span::fail(std::string_view type) {
  if (!span_) return;
  span_->failed = true;
  set("error.type", std::string(type));
}

void open_span::end() {
  if (!span_) return;
  span_->ended = now();
  to_->take(std::move(*std::exchange(span_, nullptr)));
}

std::shared_ptr<open_span> shared_span(tracer* to, const trace_context& parent, span_kind kind,
                                       std::string_view name) {
  if (to == nullptr || !parent.sampled()) return nullptr;
  return std::make_shared<open_span>(to, parent, kind, name);
}

}  // namespace holdfast::tracing
