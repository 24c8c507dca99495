// The dialect: requests in the form of Stripe's API, and what its answers say
// (docs.stripe.com/api/payment_intents, docs.stripe.com/api/refunds). What an answer means for a
// call stands in stripe_outcomes.hpp. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/types.hpp"
#include "payments/http_message.hpp"
#include "payments/provider.hpp"

namespace holdfast::payments::stripe {

/// Items of a list: the most that Stripe gives at once. A reservation has fewer intents.
inline constexpr unsigned items_of_a_list = 100;
/// How deep an answer may be nested, the outermost object included.
inline constexpr std::size_t largest_json_depth = 32;
/// Longer ids, and words that say why, are nonsense.
inline constexpr std::size_t longest_word_bytes = 128;

// --- Requests ---

/// Letters, digits and "-._~" as they are, every other byte as %XX.
std::string percent_encoded(std::string_view text);

/// Without the card: nothing is charged by it.
http_request create_intent(domain::reservation_id reservation, const domain::money& price,
                           std::string_view charge_key);
/// The one request with a card in it: the caller wipes it once it is on its way.
http_request confirm_intent(std::string_view intent, const charge_request& request);
http_request find_intents(domain::reservation_id reservation);
/// Without a key: cancelling twice is the same, and a key would bring a stored failure back.
http_request cancel_intent(std::string_view intent);
http_request refund_intent(const refund_request& request);
http_request find_refunds(std::string_view intent);

// --- Answers ---

enum class intent_status : std::uint8_t {
  /// It may be confirmed.
  unpaid,
  /// On its way, or waiting for someone: nothing is known yet.
  pending,
  succeeded,
  canceled
};

struct intent {
  std::string id;
  domain::reservation_id reservation = 0;
  domain::money price;
  intent_status status = intent_status::pending;
  /// Seconds since 1970.
  std::int64_t created = 0;
};
struct intent_list {
  std::vector<intent> intents;
  bool has_more = false;
};

struct refund {
  std::string id;
  std::string intent;
  std::int64_t amount_minor = 0;
  /// Done, or accepted to be done.
  bool given_back = false;
};
struct refund_list {
  std::vector<refund> refunds;
  bool has_more = false;
};

/// A 4xx that explains itself.
struct error {
  unsigned status = 0;
  std::string type;
  std::string code;
  std::string decline_code;
  std::optional<intent> about;
};

/// Everything else: server errors, redirections, what can't be read or is not what was asked for.
struct nonsense {
  /// One word.
  std::string reason;
};

template <class Value>
using answer = std::variant<Value, error, nonsense>;

answer<intent> read_intent(const http_answer& from);
answer<intent_list> read_intents(const http_answer& from);
answer<refund> read_refund(const http_answer& from);
answer<refund_list> read_refunds(const http_answer& from);

}  // namespace holdfast::payments::stripe
