#include "http/media_type.hpp"

#include "http/ascii.hpp"

namespace holdfast::http {

namespace {

bool is_json_type(std::string_view type) {
  constexpr std::string_view prefix = "application/";
  constexpr std::string_view suffix = "+json";
  if (ascii::same_ignoring_case(type, json_media_type)) return true;
  return type.size() > prefix.size() + suffix.size() &&
         ascii::same_ignoring_case(type.substr(0, prefix.size()), prefix) &&
         ascii::same_ignoring_case(type.substr(type.size() - suffix.size()), suffix);
}

/// The parameter's value without quotes; empty where it is not given.
std::string_view parameter(std::string_view parameters, std::string_view name) {
  while (!parameters.empty()) {
    const auto [first, rest] = ascii::split(parameters, ';');
    parameters = rest;
    const auto [given, value] = ascii::split(first, '=');
    if (!ascii::same_ignoring_case(ascii::trimmed(given), name)) continue;
    auto text = ascii::trimmed(value);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    return text;
  }
  return {};
}

/// "0", "0.", "0.000": not acceptable (RFC 9110, 12.4.2).
bool is_zero_weight(std::string_view weight) {
  return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool is_json(std::string_view content_type) {
  // As nearly all have it.
  if (content_type == json_media_type) return true;
  const auto [type, parameters] = ascii::split(content_type, ';');
  if (!is_json_type(ascii::trimmed(type))) return false;
  const auto charset = parameter(parameters, "charset");
  return charset.empty() || ascii::same_ignoring_case(charset, "utf-8");
}

std::string_view negotiate(std::string_view accept) {
  while (!accept.empty()) {
    const auto [range, rest] = ascii::split(accept, ',');
    accept = rest;
    const auto [type, parameters] = ascii::split(range, ';');
    if (!ascii::same_ignoring_case(ascii::trimmed(type), hal_media_type)) continue;
    if (!is_zero_weight(parameter(parameters, "q"))) return hal_media_type;
  }
  return json_media_type;
}

}  // namespace holdfast::http
