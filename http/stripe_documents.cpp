#include "http/stripe_documents.hpp"

#include <algorithm>
#include <string>

#include "http/ascii.hpp"
#include "http/json.hpp"

namespace holdfast::http {

namespace {

using payments::intent_status;
using payments::payment_intent;

/// Stripe writes currencies in lower case.
std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), ascii::lower);
  return text;
}

std::string_view status_of(const payment_intent& intent) {
  switch (intent.status) {
    case intent_status::succeeded:
      return "succeeded";
    case intent_status::canceled:
      return "canceled";
    case intent_status::requires_payment_method:
      break;
  }
  return "requires_payment_method";
}

void write_amount(json_writer& out, std::string_view name, std::int64_t amount_minor) {
  out.name(name);
  out.number(amount_minor);
}

void write_metadata(json_writer& out, const payment_intent& intent) {
  out.name("metadata");
  out.begin_object();
  json::field(out, "reservation", std::to_string(intent.name.reservation));
  out.end_object();
}

void write_intent(json_writer& out, const payment_intent& intent) {
  out.begin_object();
  json::field(out, "id", payments::intent_id(intent.name));
  json::field(out, "object", "payment_intent");
  write_amount(out, "amount", intent.price.amount_minor);
  write_amount(out, "amount_received",
               intent.status == intent_status::succeeded ? intent.price.amount_minor : 0);
  json::field(out, "currency", lower(intent.price.currency));
  json::field(out, "status", status_of(intent));
  write_metadata(out, intent);
  json::field(out, "created", static_cast<std::uint64_t>(intent.created.count()));
  out.end_object();
}

void write_refund(json_writer& out, const payment_intent& intent) {
  out.begin_object();
  json::field(out, "id", payments::refund_id(intent.name));
  json::field(out, "object", "refund");
  write_amount(out, "amount", intent.price.amount_minor);
  json::field(out, "currency", lower(intent.price.currency));
  json::field(out, "status", "succeeded");
  json::field(out, "payment_intent", payments::intent_id(intent.name));
  write_metadata(out, intent);
  out.end_object();
}

template <class Write>
response json_response(unsigned status, Write&& write) {
  response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = json::text_of(write);
  return response;
}

/// Every list fits on one page: see sandbox_bank::most_attempts.
template <class WriteItems>
response list_response(std::string_view object, WriteItems&& write_items) {
  return json_response(200, [&](json_writer& out) {
    out.begin_object();
    json::field(out, "object", object);
    out.name("data");
    out.begin_array();
    write_items(out);
    out.end_array();
    out.name("has_more");
    out.boolean(false);
    out.end_object();
  });
}

void write_where_given(json_writer& out, std::string_view name, std::string_view text) {
  if (!text.empty()) json::field(out, name, text);
}

}  // namespace

response intent_response(const payment_intent& intent) {
  return json_response(200, [&](json_writer& out) { write_intent(out, intent); });
}

response intent_search_response(const std::vector<payment_intent>& intents) {
  return list_response("search_result", [&](json_writer& out) {
    for (const auto& each : intents) write_intent(out, each);
  });
}

response refund_response(const payment_intent& intent) {
  return json_response(200, [&](json_writer& out) { write_refund(out, intent); });
}

response refund_list_response(const payment_intent& intent) {
  return list_response("list", [&](json_writer& out) {
    if (intent.refunded) write_refund(out, intent);
  });
}

response error_response(const stripe_error_parts& parts) {
  return json_response(parts.status, [&](json_writer& out) {
    out.begin_object();
    out.name("error");
    out.begin_object();
    json::field(out, "type", parts.type);
    write_where_given(out, "code", parts.code);
    write_where_given(out, "decline_code", parts.decline_code);
    write_where_given(out, "param", parts.parameter);
    json::field(out, "message", parts.message);
    if (parts.intent != nullptr) {
      out.name("payment_intent");
      write_intent(out, *parts.intent);
    }
    out.end_object();
    out.end_object();
  });
}

}  // namespace holdfast::http
