// Text as clients may send it. Pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdfast::http {

/// Whether the bytes are well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, nothing
/// over-long) without a NUL.
bool is_valid_text(std::string_view bytes);

/// The number of characters (code points) of well-formed UTF-8.
std::size_t utf8_length(std::string_view bytes);

/// Whether all bytes are visible ASCII characters, a space not among them.
bool is_visible_ascii(std::string_view bytes);

}  // namespace holdfast::http
