// Content-Type and Accept, as far as the API distinguishes media types. Pure functions.
#pragma once

#include <string_view>

namespace holdfast::http {

inline constexpr std::string_view json_media_type = "application/json";
inline constexpr std::string_view hal_media_type = "application/hal+json";

/// Whether a Content-Type is JSON (application/json or application/*+json) in UTF-8.
bool is_json(std::string_view content_type);

/// The media type to answer with: HAL where the Accept header names it, JSON otherwise.
std::string_view negotiate(std::string_view accept);

}  // namespace holdfast::http
