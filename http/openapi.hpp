// The description of the API that clients and their tools read: openapi.json, which stands in the binary.
// Pure functions.
#pragma once

#include <string_view>

#include "http/message.hpp"

namespace holdfast::http {

/// http/openapi.json as it was when this was compiled (OpenAPI 3.1).
std::string_view openapi_document();

/// 304 for a client that has it.
response openapi_response(std::string_view if_none_match);

}  // namespace holdfast::http
