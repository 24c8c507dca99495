// Strong entity tags of documents, and If-None-Match. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/names.hpp"

namespace holdfast::http {

/// Changes with the version and with whatever else the bytes depend on: the links' base, the kind
/// of document and its media type. `"12-89abcdef"`, quotes included.
std::string etag_of(std::uint64_t version, document_kind kind, std::string_view base,
                    std::string_view media_type);

/// RFC 9110, 13.1.2: whether the header names this tag, by weak comparison, or is `*`.
bool matches(std::string_view if_none_match, std::string_view etag);

}  // namespace holdfast::http
