#include "http/saga_documents.hpp"

#include <cstdint>
#include <variant>

#include "http/json.hpp"
#include "http/links.hpp"
#include "http/media_type.hpp"
#include "http/names.hpp"
#include "http/rfc3339.hpp"
#include "storage/event_codec.hpp"

namespace holdfast::http {

namespace {

void write_moment(json_writer& out, std::string_view name, domain::timestamp at) {
  json::plain_field(out, name, rfc3339_text(at).view());
}

/// A status or a reason; null where there is none.
void write_word(json_writer& out, std::string_view field, std::string_view name) {
  name.empty() ? json::null_field(out, field) : json::plain_field(out, field, name);
}

std::string_view state_of(const domain::reservation& state) {
  if (state.parked) return "parked";
  return domain::finished(state) ? "finished" : "under_way";
}

/// What it does next: what a parked one was at, too.
domain::step step_of(domain::reservation state) {
  state.parked = false;
  return domain::next_step(state);
}

std::string saga_href(const client& client, domain::reservation_id id, std::string_view action = {}) {
  return (client.base + "/admin/sagas/" + std::to_string(id)).append(action);
}

void write_saga(json_writer& out, const client& client, domain::reservation_id id,
                const domain::reservation& state) {
  json::field(out, "id", id);
  json::field(out, "version", state.version);
  json::plain_field(out, "state", state_of(state));
  write_word(out, "step", name_of(step_of(state)));
  write_word(out, "status", name_of(state.status));
  write_word(out, "paymentStatus", name_of(state.payment));
  write_word(out, "receiptStatus", name_of(state.receipt));
  write_word(out, "cancelReason", name_of(state.reason));
  json::field(out, "userId", state.what.user_id);
  json::field(out, "price", static_cast<std::uint64_t>(state.what.price.amount_minor));
  json::field(out, "currency", state.what.price.currency);
  write_moment(out, "createdAt", state.created_at);
  write_moment(out, "modifiedAt", state.modified_at);
  state.parked ? json::field(out, "parkedBecause", state.parked_because)
               : json::null_field(out, "parkedBecause");
  out.name("_links");
  out.begin_object();
  write_link(out, "self", saga_href(client, id));
  write_item_link(out, "myReservation", client.base, document_kind::my_reservation, decimal(id).view());
  write_link(out, "retry", saga_href(client, id, "/retry"));
  write_link(out, "cancel", saga_href(client, id, "/cancel"));
  out.end_object();
}

struct write_details {
  json_writer& out;

  void operator()(const domain::reservation_placed&) const {}
  void operator()(const domain::payment_unresolved&) const {}
  void operator()(const domain::payment_captured& e) const {
    json::field(out, "transactionId", e.transaction_id);
  }
  void operator()(const domain::payment_declined& e) const { json::field(out, "reason", e.reason); }
  void operator()(const domain::payment_failed&) const {}
  void operator()(const domain::receipt_issued& e) const { json::field(out, "receiptNo", e.receipt_no); }
  void operator()(const domain::cancellation_requested& e) const {
    json::field(out, "reason", name_of(e.reason));
  }
  void operator()(const domain::receipt_voided& e) const {
    json::field_or_null(out, "receiptNo", e.receipt_no);
  }
  void operator()(const domain::payment_refunded& e) const { json::field(out, "refundId", e.refund_id); }
  void operator()(const domain::reservation_cancelled& e) const {
    json::field(out, "reason", name_of(e.reason));
  }
  void operator()(const domain::reservation_parked& e) const { json::field(out, "reason", e.why); }
  void operator()(const domain::reservation_resumed&) const {}
  void operator()(const domain::operator_intervened& e) const {
    json::field(out, "who", e.who);
    json::field(out, "reason", e.why);
  }
};

void write_events(json_writer& out, const std::vector<domain::reservation_event>& events) {
  out.name("events");
  out.begin_array();
  std::uint64_t version = 0;
  for (const auto& event : events) {
    out.begin_object();
    json::field(out, "version", ++version);
    json::plain_field(out, "event", name_of(event));
    write_moment(out, "at", domain::time_of(event));
    std::visit(write_details{out}, event);
    out.end_object();
  }
  out.end_array();
}

void write_retried(json_writer& out, const std::optional<actors::retried_step>& retried) {
  if (!retried) return json::null_field(out, "retries");
  out.name("retries");
  out.begin_object();
  json::plain_field(out, "step", name_of(retried->step));
  json::field(out, "tries", retried->tries);
  json::field_or_null(out, "lastAnswer", retried->last_answer);
  write_moment(out, "nextTryAt", retried->next_try_at);
  out.end_object();
}

std::string next_page_href(const client& client, const saga_query& query, domain::reservation_id next) {
  const auto& filter = query.filter;
  auto href = client.base + "/admin/sagas?size=" + std::to_string(query.size);
  if (filter.state == saga_state::parked) href += "&state=parked";
  if (filter.state == saga_state::stuck) href += "&state=stuck";
  if (filter.older_than) href += "&olderThanSeconds=" + std::to_string(filter.older_than->count());
  if (filter.user_id) href += "&userId=" + std::to_string(*filter.user_id);
  if (filter.status) href.append("&status=").append(name_of(*filter.status));
  return href + "&after=" + std::to_string(next);
}

}  // namespace

std::string_view name_of(domain::step step) {
  switch (step) {
    case domain::step::none:
      return {};
    case domain::step::charge:
      return "charge";
    case domain::step::settle:
      return "settle";
    case domain::step::issue_receipt:
      return "issue_receipt";
    case domain::step::void_receipt:
      return "void_receipt";
    case domain::step::refund:
      return "refund";
  }
  return {};
}

response saga_page_response(const client& client, const saga_query& query, const saga_page& page) {
  const auto next = page.next ? next_page_href(client, query, *page.next) : std::string();
  response answer{.status = 200, .content_type = json_media_type, .body = {}, .headers = {}};
  answer.body = json::text_of([&](json_writer& out) {
    out.begin_object();
    out.name("_embedded");
    out.begin_object();
    out.name("sagas");
    out.begin_array();
    for (const auto& one : page.sagas) {
      out.begin_object();
      write_saga(out, client, one.id, one.state);
      out.end_object();
    }
    out.end_array();
    out.end_object();
    out.name("_links");
    out.begin_object();
    write_template(out, "self",
                   client.base + "/admin/sagas{?state,olderThanSeconds,userId,status,size,after}");
    if (!next.empty()) write_link(out, "next", next);
    out.end_object();
    out.end_object();
  });
  if (!next.empty()) answer.headers.emplace_back("Link", "<" + next + ">; rel=\"next\"");
  return answer;
}

response saga_response(const client& client, domain::reservation_id id, std::string_view records,
                       const std::optional<actors::retried_step>& retried) {
  if (records.empty()) {
    return refuse(
        client, fault::not_found,
        "There is no reservation " + std::to_string(id) + "; /admin/sagas lists the unfinished ones.");
  }
  const auto events = storage::decode_reservation_events(records);
  if (!events) return broken_records(client, id, events.error().message);
  domain::reservation state;
  for (const auto& event : *events) domain::apply(state, event);
  response answer{.status = 200, .content_type = json_media_type, .body = {}, .headers = {}};
  answer.body = json::text_of([&](json_writer& out) {
    out.begin_object();
    write_saga(out, client, id, state);
    write_retried(out, retried);
    write_events(out, *events);
    out.end_object();
  });
  return answer;
}

}  // namespace holdfast::http
