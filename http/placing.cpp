#include "http/placing.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/ascii.hpp"
#include "http/body_wiper.hpp"
#include "http/hash.hpp"
#include "http/media_type.hpp"
#include "http/order_json.hpp"
#include "http/utf8.hpp"

namespace holdfast::http {

namespace {

/// Reads fields one by one and gathers what is wrong with them.
class field_reader {
 public:
  field_reader(const order_fields& fields, bool card_numbers) : fields_(fields), card_numbers_(card_numbers) {
    refuse_repeated();
  }

  /// A whole number from 0 to 2^53, as a JSON number or as a string of digits.
  std::optional<std::uint64_t> whole_number(order_field name) {
    const auto& field = fields_[name];
    if (field.missing()) return std::nullopt;
    const bool number = field.type == json_field::type::number;
    if (!number && field.type != json_field::type::string) {
      return refuse(name, "has to be a whole number or a string of digits.");
    }
    const bool negative = field.text.starts_with('-');
    const auto digits = negative ? field.text.substr(1) : field.text;
    const auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer);
    const auto value = ascii::number_up_to(digits, largest + 1);
    if (!value) {
      return refuse(name, number ? "has to be a whole number, written without fraction and exponent."
                                 : "has to consist of digits where it is a string.");
    }
    if (negative) return refuse(name, "must not be negative.");
    if (*value > largest) return refuse(name, "must not be greater than 9007199254740992 (2^53).");
    return value;
  }

  std::optional<std::string> text(order_field name, std::size_t largest_length) {
    const auto& field = fields_[name];
    if (field.missing()) return std::nullopt;
    if (field.type != json_field::type::string) return refuse(name, "has to be a string.");
    // An escaped NUL or half of a surrogate pair passes the parser.
    if (!is_valid_text(field.text)) return refuse(name, "has characters that are no valid text.");
    if (utf8_length(field.text) > largest_length) {
      return refuse(name, "must not have more than " + std::to_string(largest_length) + " characters.");
    }
    return std::string(field.text);
  }

  std::string currency() {
    const auto given = text(order_field::currency, 3);
    if (!given) return domain::money{}.currency;
    const bool code = given->size() == 3 &&
                      std::all_of(given->begin(), given->end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!code)
      refuse(order_field::currency, "has to be an ISO 4217 code of three capital letters, such as KRW.");
    return *given;
  }

  std::optional<domain::secret> card_number() {
    const auto& field = fields_[order_field::card_no];
    if (field.missing()) return std::nullopt;
    if (!card_numbers_) {
      return refuse(order_field::card_no, "is not accepted here: send paymentMethod, the provider's token.");
    }
    const bool digits = field.type == json_field::type::number && ascii::all_digits(field.text);
    if (digits || field.type == json_field::type::string) {
      if (auto number = domain::parse_card_number(field.text)) return number;
    }
    return refuse(order_field::card_no,
                  "has to have 12 to 19 digits; dashes and spaces between them are ignored.");
  }

  std::optional<domain::secret> payment_method() {
    constexpr auto name = order_field::payment_method;
    const auto& field = fields_[name];
    if (field.missing()) return std::nullopt;
    if (field.type != json_field::type::string)
      return refuse(name, "has to be a string: the provider's token.");
    const bool token = !field.text.empty() && field.text.size() <= largest_payment_method_length &&
                       is_visible_ascii(field.text);
    if (!token) {
      return refuse(name,
                    "has to be the provider's token: 1 to 255 visible ASCII characters without spaces.");
    }
    if (domain::parse_card_number(field.text)) {
      return refuse(name, "has to be the provider's token, and this may be a card number: that is cardNo.");
    }
    if (!fields_[order_field::card_no].missing()) {
      return refuse(name, "stands in place of cardNo: send one of the two.");
    }
    return domain::secret(std::string(field.text));
  }

  void require(order_field name) {
    if (fields_[name].missing()) refuse(name, "is required.");
  }

  std::vector<field_error> take_errors() { return std::move(errors_); }

 private:
  std::nullopt_t refuse(order_field name, std::string_view what) {
    std::string pointer = "/";
    pointer.append(name_of(name));
    std::string detail(name_of(name));
    errors_.push_back({std::move(pointer), detail.append(" ").append(what)});
    return std::nullopt;
  }

  /// Two values for one field: which of them counts differs from reader to reader, so neither.
  void refuse_repeated() {
    for (std::size_t i = 0; i < order_field_count; ++i) {
      if (fields_.values[i].given_twice) refuse(static_cast<order_field>(i), "is given more than once.");
    }
  }

  const order_fields& fields_;
  const bool card_numbers_;
  std::vector<field_error> errors_;
};

tl::unexpected<problem> refuse(fault fault, std::string detail) {
  return tl::unexpected(problem{
      .fault = fault, .detail = std::move(detail), .instance = {}, .errors = {}, .reservation_href = {}});
}

tl::unexpected<problem> refuse_document(std::string detail) {
  auto refused = refuse(fault::malformed_json, detail);
  refused.value().errors.push_back({"", std::move(detail)});
  return refused;
}

std::optional<problem> check_headers(const request& request) {
  const bool typed = !request.content_type.empty();
  if ((typed || !request.body.empty()) && !is_json(request.content_type)) {
    return refuse(fault::unsupported_media_type,
                  "Send the reservation as JSON in UTF-8, with `Content-Type: application/json`.")
        .value();
  }
  if (!request.has_idempotency_key) return std::nullopt;
  if (request.has_several_idempotency_keys) {
    return refuse(fault::invalid_parameter, "The header Idempotency-Key is given more than once.").value();
  }
  const auto& key = request.idempotency_key;
  if (key.empty() || key.size() > largest_idempotency_key_length || !is_visible_ascii(key)) {
    return refuse(fault::invalid_parameter,
                  "The header Idempotency-Key has to have 1 to 255 visible ASCII characters without spaces.")
        .value();
  }
  return std::nullopt;
}

void add(stable_hash& hash, const std::optional<std::string>& text) {
  hash.add(std::uint64_t{text.has_value()}).add(text ? std::string_view(*text) : std::string_view());
}

/// Journalled with the key: changing it makes replays of older requests look like other ones.
std::uint64_t fingerprint(const actors::placement_request& wanted) {
  const auto& what = wanted.what;
  stable_hash hash;
  hash.add(what.user_id);
  add(hash, what.user_address);
  hash.add(std::uint64_t{what.product_id.has_value()}).add(what.product_id.value_or(0));
  add(hash, what.product_name);
  hash.add(static_cast<std::uint64_t>(what.price.amount_minor)).add(what.price.currency);
  add(hash, what.card_last_four);
  hash.add(wanted.payment_method.reveal());
  return hash.value();
}

/// Takes the key of the request.
tl::expected<actors::placement_request, problem> check_fields(const order_fields& fields, request& request,
                                                              bool card_numbers) {
  field_reader read(fields, card_numbers);
  // Where it is returned: it is large.
  tl::expected<actors::placement_request, problem> wanted;
  auto& what = wanted->what;
  read.require(order_field::user_id);
  what.user_id = read.whole_number(order_field::user_id).value_or(0);
  what.user_address = read.text(order_field::user_address, largest_address_length);
  what.product_id = read.whole_number(order_field::product_id);
  what.product_name = read.text(order_field::product_name, largest_product_name_length);
  what.price.amount_minor = static_cast<std::int64_t>(read.whole_number(order_field::price).value_or(0));
  what.price.currency = read.currency();
  if (auto card = read.card_number()) {
    what.card_last_four = domain::last_four_digits(*card);
    wanted->card_number = std::move(*card);
  }
  if (auto token = read.payment_method()) wanted->payment_method = std::move(*token);

  if (auto errors = read.take_errors(); !errors.empty()) {
    wanted = refuse(fault::invalid_field, errors.front().detail);
    wanted.error().errors = std::move(errors);
  } else if (request.has_idempotency_key) {
    wanted->key = storage::idempotency_claim{std::move(request.idempotency_key), fingerprint(*wanted)};
  }
  return wanted;
}

}  // namespace

tl::expected<actors::placement_request, problem> read_placement(request& request, bool card_numbers) {
  const body_wiper wiper(request.body);
  if (auto refused = check_headers(request)) return tl::unexpected(std::move(*refused));
  if (request.body.empty()) {
    return refuse_document("The body is empty: send a JSON object with at least userId.");
  }
  auto fields = parse_order_fields(request.body);
  if (!fields) return refuse_document(std::move(fields.error()));
  return check_fields(*fields, request, card_numbers);
}

/// A key has no spaces, so no customer's is another's, nor one of those that operators use.
std::optional<problem> claim_for(const principal& who, actors::placement_request& wanted) {
  const auto only_user = who.only_user();
  if (!only_user) return std::nullopt;
  if (wanted.what.user_id != *only_user) {
    auto refused =
        refuse(fault::forbidden, "userId has to be your own, " + std::to_string(*only_user) + ".").value();
    refused.errors.push_back({"/userId", refused.detail});
    return refused;
  }
  if (wanted.key) wanted.key->key.insert(0, std::to_string(*only_user) + " ");
  return std::nullopt;
}

}  // namespace holdfast::http
