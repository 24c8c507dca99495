// The body of a placement as JSON, taken apart without a copy: every value stays where it stood
// in the body, so that wiping the body wipes the card number too.
// Pure functions; the views point into the body that was parsed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace holdfast::http {

/// How deep objects and arrays may be nested, the outermost included.
inline constexpr std::size_t largest_json_depth = 32;

/// The fields of a placement that mean something; all others are passed over.
enum class order_field : std::uint8_t {
  user_id,
  user_address,
  product_id,
  product_name,
  price,
  currency,
  card_no,
  payment_method
};
inline constexpr std::size_t order_field_count = 8;

/// "userId"
std::string_view name_of(order_field field);

struct json_field {
  enum class type : std::uint8_t { absent, null, boolean, number, string, composite };
  json_field::type type = type::absent;
  /// A string's characters, unescaped; a number as it was written.
  std::string_view text;
  bool given_twice = false;

  bool missing() const { return type == type::absent || type == type::null; }
};

struct order_fields {
  std::array<json_field, order_field_count> values;

  json_field& operator[](order_field field) { return values[static_cast<std::size_t>(field)]; }
  const json_field& operator[](order_field field) const { return values[static_cast<std::size_t>(field)]; }
};

/// Parses in place: `body` is overwritten and must outlive the fields. The error is a sentence
/// for the client that quotes nothing of the body.
tl::expected<order_fields, std::string> parse_order_fields(std::string& body);

}  // namespace holdfast::http
