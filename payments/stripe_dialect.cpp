#include "payments/stripe_dialect.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace holdfast::payments::stripe {

namespace {

using json = rapidjson::Value;

// --- Requests ---

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
}

struct field {
  std::string_view name;
  std::string_view value;
};

/// Reserved at once: growing would leave copies of a card number in freed memory.
std::string form(std::initializer_list<field> fields) {
  std::size_t bytes = 0;
  for (const auto& each : fields) bytes += 3 * (each.name.size() + each.value.size()) + 2;
  std::string out;
  out.reserve(bytes);
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out.push_back('&');
    append_encoded(out, name);
    out.push_back('=');
    append_encoded(out, value);
  }
  return out;
}

/// A key as it is where that can stand in a header; no two keys become the same.
std::string header_word(std::string_view key) {
  std::string out;
  for (const char& c : key) {
    if (c > 0x20 && c < 0x7f && c != '%') {
      out.push_back(c);
    } else {
      append_encoded(out, {&c, 1});
    }
  }
  return out;
}

http_request post(std::string_view route, std::string target, std::string body,
                  std::string_view idempotency_key) {
  return {"POST", std::move(target), domain::secret(std::move(body)), header_word(idempotency_key), route,
          {}};
}
http_request get(std::string_view route, const std::string& query) {
  return {"GET", std::string(route) + "?" + query, {}, {}, route, {}};
}

std::string intent_target(std::string_view intent, std::string_view action) {
  return "/v1/payment_intents/" + percent_encoded(intent) + std::string(action);
}

std::string_view limit() {
  static const std::string text = std::to_string(items_of_a_list);
  return text;
}

/// Stripe writes currencies in lower case, Holdfast in upper case.
std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}
std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// --- Answers ---

/// Brackets that are open at once, those in strings left out. It bounds what the parser is given.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > largest_json_depth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

/// Iterative, because the recursive parser overflows the stack.
bool parse(rapidjson::Document& document, const std::string& text) {
  if (is_too_deep(text)) return false;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(text.data(),
                                                                                         text.size());
  return !document.HasParseError() && document.IsObject();
}

const json* member(const json& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::optional<std::string> text_of(const json& object, const char* name) {
  const auto* value = member(object, name);
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return std::string(value->GetString(), value->GetStringLength());
}

std::optional<std::int64_t> number_of(const json& object, const char* name) {
  const auto* value = member(object, name);
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= longest_word_bytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_unreserved(c) && c != '.' && c != '~'; });
}

/// Ids go into paths and words into records, so they hold nothing that could mean something there.
std::optional<std::string> word_of(const json& object, const char* name) {
  auto text = text_of(object, name);
  if (!text || !is_word(*text)) return std::nullopt;
  return text;
}

bool is_object(const json& value, std::string_view kind) {
  return value.IsObject() && text_of(value, "object") == kind;
}

std::optional<intent_status> intent_status_of(const json& object) {
  const auto text = text_of(object, "status");
  if (text == "succeeded") return intent_status::succeeded;
  if (text == "canceled") return intent_status::canceled;
  if (text == "requires_payment_method" || text == "requires_confirmation") return intent_status::unpaid;
  if (text == "processing" || text == "requires_action" || text == "requires_capture") {
    return intent_status::pending;
  }
  return std::nullopt;
}

std::optional<domain::reservation_id> reservation_of(const json& object) {
  const auto* metadata = member(object, "metadata");
  if (metadata == nullptr || !metadata->IsObject()) return std::nullopt;
  const auto text = text_of(*metadata, "reservation");
  if (!text) return std::nullopt;
  domain::reservation_id reservation = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), reservation);
  if (failure != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return reservation;
}

std::optional<intent> intent_of(const json& value) {
  if (!is_object(value, "payment_intent")) return std::nullopt;
  const auto id = word_of(value, "id");
  const auto amount = number_of(value, "amount");
  const auto received = number_of(value, "amount_received");
  const auto currency = word_of(value, "currency");
  const auto status = intent_status_of(value);
  const auto reservation = reservation_of(value);
  const auto created = number_of(value, "created");
  if (!id || !amount || !received || !currency || !status || !reservation || !created) return std::nullopt;
  // All of it or nothing: Holdfast asks for no partial captures.
  if (*received != (*status == intent_status::succeeded ? *amount : 0)) return std::nullopt;
  return intent{*id, *reservation, {*amount, upper(*currency)}, *status, *created};
}

std::optional<refund> refund_of(const json& value) {
  if (!is_object(value, "refund")) return std::nullopt;
  const auto id = word_of(value, "id");
  const auto intent = word_of(value, "payment_intent");
  const auto amount = number_of(value, "amount");
  const auto status = text_of(value, "status");
  if (!id || !intent || !amount || !status) return std::nullopt;
  return refund{*id, *intent, *amount, status == "succeeded" || status == "pending"};
}

/// Each item, and whether there are more; nothing where one of them can't be read.
template <class Item>
std::optional<std::pair<std::vector<Item>, bool>> items_of(const json& list, std::string_view kind,
                                                           std::optional<Item> (*read)(const json&)) {
  if (!is_object(list, kind)) return std::nullopt;
  const auto* data = member(list, "data");
  const auto* has_more = member(list, "has_more");
  if (data == nullptr || !data->IsArray() || has_more == nullptr || !has_more->IsBool()) return std::nullopt;
  std::vector<Item> items;
  for (const auto& each : data->GetArray()) {
    auto item = read(each);
    if (!item) return std::nullopt;
    items.push_back(std::move(*item));
  }
  return std::pair{std::move(items), has_more->GetBool()};
}

std::optional<intent_list> intents_of(const json& value) {
  auto items = items_of<intent>(value, "search_result", intent_of);
  if (!items) return std::nullopt;
  return intent_list{std::move(items->first), items->second};
}

std::optional<refund_list> refunds_of(const json& value) {
  auto items = items_of<refund>(value, "list", refund_of);
  if (!items) return std::nullopt;
  return refund_list{std::move(items->first), items->second};
}

std::optional<error> error_of(unsigned status, const json& value) {
  const auto* what = member(value, "error");
  if (what == nullptr || !what->IsObject()) return std::nullopt;
  error result;
  result.status = status;
  result.type = word_of(*what, "type").value_or("");
  result.code = word_of(*what, "code").value_or("");
  result.decline_code = word_of(*what, "decline_code").value_or("");
  if (result.type.empty()) return std::nullopt;
  if (const auto* about = member(*what, "payment_intent"); about != nullptr && !about->IsNull()) {
    result.about = intent_of(*about);
    if (!result.about) return std::nullopt;
  }
  return result;
}

template <class Value>
answer<Value> read(const http_answer& from, std::optional<Value> (*value_of)(const json&)) {
  const bool is_value = from.status == 200;
  const bool is_error = from.status >= 400 && from.status < 500;
  if (from.status >= 500) return nonsense{"server_error"};
  if (!is_value && !is_error) return nonsense{"unexpected_status"};
  rapidjson::Document document;
  if (!parse(document, from.body)) return nonsense{"unreadable_answer"};
  if (is_error) {
    if (auto failed = error_of(from.status, document)) return std::move(*failed);
  } else if (auto value = value_of(document)) {
    return std::move(*value);
  }
  return nonsense{"unreadable_answer"};
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  append_encoded(out, text);
  return out;
}

http_request create_intent(domain::reservation_id reservation, const domain::money& price,
                           std::string_view charge_key) {
  auto body = form({{"amount", std::to_string(price.amount_minor)},
                    {"currency", lower(price.currency)},
                    {"metadata[reservation]", std::to_string(reservation)}});
  constexpr std::string_view route = "/v1/payment_intents";
  return post(route, std::string(route), std::move(body), charge_key);
}

http_request confirm_intent(std::string_view intent, const charge_request& request) {
  std::string body;
  if (!request.card_number.empty()) {
    body = form({{"payment_method_data[type]", "card"},
                 {"payment_method_data[card][number]", request.card_number.reveal()}});
  } else if (!request.payment_method.empty()) {
    body = form({{"payment_method", request.payment_method.reveal()}});
  }
  return post("/v1/payment_intents/{intent}/confirm", intent_target(intent, "/confirm"), std::move(body),
              request.idempotency_key + "-confirm");
}

http_request find_intents(domain::reservation_id reservation) {
  const auto query = "metadata['reservation']:'" + std::to_string(reservation) + "'";
  return get("/v1/payment_intents/search", form({{"query", query}, {"limit", limit()}}));
}

http_request cancel_intent(std::string_view intent) {
  return post("/v1/payment_intents/{intent}/cancel", intent_target(intent, "/cancel"), {}, "");
}

http_request refund_intent(const refund_request& request) {
  auto body = form({{"payment_intent", request.transaction_id},
                    {"amount", std::to_string(request.price.amount_minor)},
                    {"metadata[reservation]", std::to_string(request.reservation)}});
  constexpr std::string_view route = "/v1/refunds";
  return post(route, std::string(route), std::move(body), request.idempotency_key);
}

http_request find_refunds(std::string_view intent) {
  return get("/v1/refunds", form({{"payment_intent", intent}, {"limit", limit()}}));
}

answer<intent> read_intent(const http_answer& from) {
  return read<intent>(from, intent_of);
}
answer<intent_list> read_intents(const http_answer& from) {
  return read<intent_list>(from, intents_of);
}
answer<refund> read_refund(const http_answer& from) {
  return read<refund>(from, refund_of);
}
answer<refund_list> read_refunds(const http_answer& from) {
  return read<refund_list>(from, refunds_of);
}

}  // namespace holdfast::payments::stripe
