#include "http/otlp_json.hpp"

#include <string_view>

#include "http/json.hpp"

namespace holdfast::http {

namespace {

/// opentelemetry.proto.trace.v1.Status.StatusCode
constexpr std::uint64_t status_error = 2;

/// A 64-bit integer is a string to JSON's readers.
void write_integer(json_writer& out, std::string_view name, std::int64_t number) {
  json::plain_field(out, name, std::to_string(number));
}

void write_attribute(json_writer& out, std::string_view key, const tracing::attribute_value& value) {
  out.begin_object();
  json::plain_field(out, "key", key);
  out.name("value");
  out.begin_object();
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    write_integer(out, "intValue", *number);
  } else {
    json::field(out, "stringValue", std::get<std::string>(value));
  }
  out.end_object();
  out.end_object();
}

void write_resource(json_writer& out, const span_resource& from) {
  out.name("resource");
  out.begin_object();
  out.name("attributes");
  out.begin_array();
  write_attribute(out, "service.name", "holdfast");
  write_attribute(out, "service.version", from.version);
  write_attribute(out, "service.instance.id", from.instance);
  out.end_array();
  out.end_object();
}

void write_scope(json_writer& out, const span_resource& from) {
  out.name("scope");
  out.begin_object();
  json::plain_field(out, "name", "holdfast");
  json::field(out, "version", from.version);
  out.end_object();
}

void write_span(json_writer& out, const tracing::span& span) {
  out.begin_object();
  json::plain_field(out, "traceId", tracing::trace_id_text(span.at));
  json::plain_field(out, "spanId", tracing::span_id_text(span.at.span_id));
  if (span.parent_id != 0) json::plain_field(out, "parentSpanId", tracing::span_id_text(span.parent_id));
  json::field(out, "flags", std::uint64_t{span.at.flags});
  json::field(out, "name", span.name);
  json::field(out, "kind", static_cast<std::uint64_t>(span.kind));
  write_integer(out, "startTimeUnixNano", span.began.time_since_epoch().count());
  write_integer(out, "endTimeUnixNano", span.ended.time_since_epoch().count());
  out.name("attributes");
  out.begin_array();
  for (const auto& [key, value] : span.attributes) write_attribute(out, key, value);
  out.end_array();
  out.name("status");
  out.begin_object();
  if (span.failed) json::field(out, "code", status_error);
  out.end_object();
  out.end_object();
}

}  // namespace

std::string otlp_json(const span_resource& from, const std::vector<tracing::span>& spans) {
  return json::text_of([&](json_writer& out) {
    out.begin_object();
    out.name("resourceSpans");
    out.begin_array();
    out.begin_object();
    write_resource(out, from);
    out.name("scopeSpans");
    out.begin_array();
    out.begin_object();
    write_scope(out, from);
    out.name("spans");
    out.begin_array();
    for (const auto& span : spans) write_span(out, span);
    out.end_array();
    out.end_object();
    out.end_array();
    out.end_object();
    out.end_array();
    out.end_object();
  });
}

}  // namespace holdfast::http
