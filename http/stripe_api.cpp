#include "http/stripe_api.hpp"

#include <string.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "domain/card.hpp"
#include "http/ascii.hpp"
#include "http/form.hpp"
#include "http/stripe_documents.hpp"

namespace holdfast::http {

namespace {

using payments::intent_name;
using payments::intent_status;
using payments::payment_intent;
using payments::sandbox_bank;

constexpr std::string_view intents_path = "/v1/payment_intents";
constexpr std::string_view search_path = "/v1/payment_intents/search";
constexpr std::string_view refunds_path = "/v1/refunds";

struct call {
  sandbox_bank& bank;
  const http::request& request;
  form_fields fields;
  domain::timestamp now;
};

stripe_reply at_once(response answer) {
  return {std::move(answer), {}, {}};
}

/// Only what moves money takes its time, so that a charge takes it once.
stripe_reply after_latency(const call& call, response answer) {
  return {std::move(answer), call.bank.latency(), {}};
}

response refuse_parameter(std::string_view name, std::string_view message) {
  const bool missing = message.empty();
  const std::string text = "Missing required param: " + std::string(name) + ".";
  return error_response({.code = missing ? "parameter_missing" : "parameter_invalid",
                         .parameter = name,
                         .message = missing ? std::string_view(text) : message});
}

response missing_intent(std::string_view id, std::string_view parameter) {
  const std::string message = "No such payment_intent: '" + std::string(id) + "'";
  return error_response(
      {.status = 404, .code = "resource_missing", .parameter = parameter, .message = message});
}

response unexpected_state(const payment_intent& intent, std::string_view action) {
  const std::string status = intent.status == intent_status::canceled ? "canceled" : "succeeded";
  const std::string message =
      "You cannot " + std::string(action) + " this PaymentIntent because it has a status of " + status + ".";
  return error_response({.code = "payment_intent_unexpected_state", .message = message, .intent = &intent});
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<domain::reservation_id> reservation_in(std::string_view text) {
  const auto reservation = whole_number<domain::reservation_id>(text);
  const bool is_one = reservation && *reservation > 0 &&
                      *reservation <= static_cast<std::uint64_t>(domain::largest_exact_integer);
  return is_one ? reservation : std::nullopt;
}

/// Three letters, in upper case as the ledger has them.
std::optional<std::string> currency_in(std::string text) {
  for (char& c : text) {
    c = ascii::lower(c);
    if (c < 'a' || c > 'z') return std::nullopt;
    c = static_cast<char>(c - 'a' + 'A');
  }
  return text.size() == 3 ? std::optional(std::move(text)) : std::nullopt;
}

// --- The routes ---

stripe_reply create(const call& call) {
  const auto* amount_text = field_of(call.fields, "amount");
  if (amount_text == nullptr) return at_once(refuse_parameter("amount", {}));
  const auto amount = whole_number<std::int64_t>(*amount_text);
  if (!amount || *amount < 0 || *amount > domain::largest_exact_integer) {
    return at_once(refuse_parameter("amount", "Give a whole number of minor units from 0 to 2^53."));
  }
  const auto* currency_text = field_of(call.fields, "currency");
  if (currency_text == nullptr) return at_once(refuse_parameter("currency", {}));
  const auto currency = currency_in(*currency_text);
  if (!currency) return at_once(refuse_parameter("currency", "Give three letters (ISO 4217)."));
  if (!call.bank.takes({*amount, *currency})) {
    return at_once(refuse_parameter("currency", "XTS is not taken."));
  }
  const auto* reservation_text = field_of(call.fields, "metadata[reservation]");
  if (reservation_text == nullptr) return at_once(refuse_parameter("metadata[reservation]", {}));
  const auto reservation = reservation_in(*reservation_text);
  if (!reservation) return at_once(refuse_parameter("metadata[reservation]", "Give a reservation's number."));

  auto key = call.request.idempotency_key;
  // Without a key every request is one of its own.
  if (key.empty()) key = "no-key-" + std::to_string(call.bank.find_all(*reservation).size() + 1);
  const auto intent = call.bank.create(*reservation, {*amount, *currency}, key, call.now);
  if (intent) return at_once(intent_response(*intent));
  return at_once(error_response(
      {.status = 429, .code = "rate_limit", .message = "This reservation has too many payment intents."}));
}

stripe_reply search(const call& call) {
  constexpr std::string_view before = "metadata['reservation']:'";
  const auto* query = field_of(call.fields, "query");
  if (query == nullptr) return at_once(refuse_parameter("query", {}));
  std::string text = *query;
  std::replace(text.begin(), text.end(), '"', '\'');
  if (text.starts_with(before) && text.ends_with('\'')) {
    const auto number = std::string_view(text).substr(before.size(), text.size() - before.size() - 1);
    if (const auto reservation = reservation_in(number)) {
      return at_once(intent_search_response(call.bank.find_all(*reservation)));
    }
  }
  return at_once(refuse_parameter("query", "The sandbox understands metadata['reservation']:'257' only."));
}

response declined(const payment_intent& intent, std::string_view reason) {
  const bool is_error = reason == "processing_error";
  return error_response(
      {.status = 402,
       .type = "card_error",
       .code = is_error ? reason : "card_declined",
       .decline_code = reason == "card_declined" ? "generic_decline" : reason,
       .message = is_error ? "An error occurred while processing your card." : "Your card was declined.",
       .intent = &intent});
}

stripe_reply confirm(const call& call, const payment_intent& intent) {
  const auto* number = field_of(call.fields, "payment_method_data[card][number]");
  const domain::secret card(number == nullptr ? std::string() : *number);
  auto confirmed = call.bank.confirm(intent.name, card.reveal(), call.now);
  const auto changed = *call.bank.find(intent.name);
  using enum payments::confirmation::outcome;
  switch (confirmed.what) {
    case captured:
      return after_latency(call, intent_response(changed));
    case declined:
      return after_latency(call, http::declined(changed, confirmed.reason));
    case canceled:
      return after_latency(call, unexpected_state(changed, "confirm"));
    case hangs:
      break;
  }
  return {{}, {}, std::move(confirmed.late)};
}

stripe_reply cancel(const call& call, const payment_intent& intent) {
  const bool was_canceled = intent.status == intent_status::canceled;
  const auto changed = call.bank.cancel(intent.name, call.now);
  const bool is_canceled = changed.status == intent_status::canceled && !was_canceled;
  return after_latency(call, is_canceled ? intent_response(changed) : unexpected_state(changed, "cancel"));
}

/// The intent that a parameter names, or the refusal.
std::pair<std::optional<payment_intent>, response> intent_named(const call& call) {
  const auto* id = field_of(call.fields, "payment_intent");
  if (id == nullptr) return {std::nullopt, refuse_parameter("payment_intent", {})};
  const auto name = payments::parse_intent_id(*id);
  auto intent = name ? call.bank.find(*name) : std::nullopt;
  if (!intent) return {std::nullopt, missing_intent(*id, "payment_intent")};
  return {std::move(intent), {}};
}

response answer_of(const payment_intent& intent, payments::refund_outcome outcome) {
  using enum payments::refund_outcome;
  switch (outcome) {
    case refunded:
      return refund_response(intent);
    case already_refunded:
      return error_response(
          {.code = "charge_already_refunded", .message = "This payment has already been refunded."});
    case not_captured:
      return error_response({.code = "payment_intent_unexpected_state",
                             .message = "This PaymentIntent does not have a successful charge to refund.",
                             .intent = &intent});
    case amount_differs:
      return refuse_parameter("amount", "The sandbox refunds the whole amount only.");
    case server_error:
      break;
  }
  return stripe_error(500, "The refund failed.");
}

stripe_reply refund(const call& call) {
  auto [intent, refusal] = intent_named(call);
  if (!intent) return at_once(std::move(refusal));
  auto amount = std::optional(intent->price.amount_minor);
  if (const auto* text = field_of(call.fields, "amount")) amount = whole_number<std::int64_t>(*text);
  if (!amount) return at_once(refuse_parameter("amount", "Give a whole number of minor units."));
  const auto outcome = call.bank.refund(intent->name, *amount, call.request.idempotency_key, call.now);
  return after_latency(call, answer_of(*intent, outcome));
}

stripe_reply list_refunds(const call& call) {
  auto [intent, refusal] = intent_named(call);
  return at_once(intent ? refund_list_response(*intent) : std::move(refusal));
}

// --- Which of them ---

response wrong_method(std::string_view allowed) {
  auto response = stripe_error(405, "The method allowed here is " + std::string(allowed) + ".");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

stripe_reply answer_action(const call& call, std::string_view id_and_action) {
  const auto [id, action] = ascii::split(id_and_action, '/');
  if (action != "confirm" && action != "cancel")
    return at_once(stripe_error(404, "This path names nothing."));
  if (call.request.method != method::post) return at_once(wrong_method("POST"));
  const auto name = payments::parse_intent_id(id);
  const auto intent = name ? call.bank.find(*name) : std::nullopt;
  if (!intent) return at_once(missing_intent(id, "intent"));
  return action == "confirm" ? confirm(call, *intent) : cancel(call, *intent);
}

stripe_reply answer_route(const call& call) {
  const std::string_view path = call.request.path;
  const bool get = call.request.method == method::get;
  const bool post = call.request.method == method::post;
  if (path == intents_path) return post ? create(call) : at_once(wrong_method("POST"));
  if (path == search_path) return get ? search(call) : at_once(wrong_method("GET"));
  if (path == refunds_path) {
    return post ? refund(call) : get ? list_refunds(call) : at_once(wrong_method("GET, POST"));
  }
  if (path.starts_with(intents_path) && path.substr(intents_path.size()).starts_with('/')) {
    return answer_action(call, path.substr(intents_path.size() + 1));
  }
  return at_once(stripe_error(404, "This path names nothing."));
}

bool has_key(std::string_view authorization) {
  const auto [scheme, key] = ascii::split(authorization, ' ');
  return ascii::same_ignoring_case(scheme, "bearer") && !ascii::trimmed(key).empty();
}

/// It goes into the ledger as it is.
bool is_idempotency_key(std::string_view key) {
  return key.size() <= longest_idempotency_key_bytes &&
         std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::optional<response> refusal_of(const request& request) {
  if (!has_key(request.authorization)) {
    return stripe_error(401, "You did not provide an API key: send it as 'Authorization: Bearer KEY'.");
  }
  if (!is_idempotency_key(request.idempotency_key)) {
    return stripe_error(400, "Give an Idempotency-Key of at most 255 visible ASCII characters.");
  }
  const auto media_type = ascii::trimmed(ascii::split(request.content_type, ';').first);
  if (!request.body.empty() && !ascii::same_ignoring_case(media_type, "application/x-www-form-urlencoded")) {
    return stripe_error(400, "Send the parameters as application/x-www-form-urlencoded.");
  }
  return std::nullopt;
}

}  // namespace

response stripe_error(unsigned status, const std::string& message) {
  return error_response(
      {.status = status, .type = status < 500 ? "invalid_request_error" : "api_error", .message = message});
}

stripe_reply answer_stripe(sandbox_bank& bank, const request& request, domain::timestamp now) {
  if (auto refusal = refusal_of(request)) return at_once(std::move(*refusal));
  if (bank.fails()) return at_once(stripe_error(500, "The sandbox fails, as it was told to."));
  auto fields = parse_form(request.method == method::get ? request.query : request.body);
  if (!fields) return at_once(stripe_error(400, "The parameters are malformed, or one is given twice."));
  call call{bank, request, std::move(*fields), now};
  auto reply = answer_route(call);
  for (auto& [name, value] : call.fields) ::explicit_bzero(value.data(), value.size());
  return reply;
}

}  // namespace holdfast::http
