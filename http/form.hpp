// Bodies and queries in the form of HTML forms (application/x-www-form-urlencoded, URL Standard,
// section 5): names and values, percent-encoded. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::http {

inline constexpr std::size_t most_form_fields = 64;

/// Undoes percent-encoding and the `+` of forms; nothing where it is malformed.
std::optional<std::string> form_decoded(std::string_view text);

using form_fields = std::vector<std::pair<std::string, std::string>>;

/// Nothing where it is malformed, has more than so many fields, or two of one name: which of them
/// counts would be a guess.
std::optional<form_fields> parse_form(std::string_view text);

/// Null where it is not given.
const std::string* field_of(const form_fields& fields, std::string_view name);

}  // namespace holdfast::http
