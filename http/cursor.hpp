// The opaque cursor of `after=`: a place between two rows of a collection and the direction it is
// walked in, as base64url (RFC 4648) without padding. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/view.hpp"

namespace holdfast::http {

struct cursor {
  bool descending = false;
  storage::view_cursor place;

  bool operator==(const cursor&) const = default;
};

std::string encode_cursor(const cursor& cursor);

/// Nothing for anything that encode_cursor never wrote.
std::optional<cursor> decode_cursor(std::string_view text);

}  // namespace holdfast::http
