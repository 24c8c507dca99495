// Bytes as base64url without padding (RFC 4648, section 5): what may stand in a URL and in a header as it
// is. One spelling for each sequence of bytes. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::storage {

std::string to_base64url(std::string_view bytes);

/// Nothing for anything that to_base64url() never wrote.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace holdfast::storage
