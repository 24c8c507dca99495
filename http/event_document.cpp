#include "http/event_document.hpp"

#include <algorithm>
#include <chrono>

#include "http/documents.hpp"
#include "http/json.hpp"
#include "http/names.hpp"

namespace holdfast::http {

namespace {

document_kind entity_of(event_type type) {
  const auto name = published_types[type];
  if (name.starts_with("Payment")) return document_kind::payment;
  if (name.starts_with("Receipt")) return document_kind::receipt;
  return document_kind::pre_reservation;
}

/// yyyyMMddHHmmss, in UTC.
std::string compact_time(domain::timestamp at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(at - day)};
  const auto days = static_cast<std::uint64_t>(static_cast<int>(date.year())) * 10'000 +
                    static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day());
  const auto seconds = static_cast<std::uint64_t>(time.hours().count() * 10'000 +
                                                  time.minutes().count() * 100 + time.seconds().count());
  return std::to_string(days * 1'000'000 + seconds);
}

}  // namespace

std::optional<event_type> event_type_named(std::string_view name) {
  const auto found = std::find(published_types.begin(), published_types.end(), name);
  if (found == published_types.end()) return std::nullopt;
  return static_cast<event_type>(found - published_types.begin());
}

std::optional<event_type> published_type(const domain::reservation_event& event) {
  return event_type_named(name_of(event));
}

std::string event_id(domain::reservation_id id, std::uint64_t version) {
  return std::to_string(id) + '-' + std::to_string(version);
}

std::string event_json(event_type type, domain::reservation_id id, const domain::reservation_event& event,
                       const domain::reservation& after, const tracing::trace_context& trace) {
  const story told{.id = id, .state = after, .history = {}};
  return json::text_of([&](json_writer& out) {
    out.begin_object();
    json::plain_field(out, "eventType", published_types[type]);
    json::plain_field(out, "timestamp", compact_time(domain::time_of(event)));
    json::plain_field(out, "eventId", event_id(id, after.version));
    // As CloudEvents' extension for distributed tracing names it.
    if (trace.present()) json::plain_field(out, "traceparent", tracing::to_traceparent(trace));
    write_fields(out, entity_of(type), told);
    out.end_object();
  });
}

}  // namespace holdfast::http
