#include "http/form.hpp"

#include "http/ascii.hpp"

namespace holdfast::http {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char small = ascii::lower(c);
  if (small >= 'a' && small <= 'f') return static_cast<unsigned>(small - 'a' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> form_decoded(std::string_view text) {
  std::string decoded;
  // At once: growing would leave copies of a card number in freed memory.
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded.push_back(static_cast<char>(*high << 4 | *low));
    i += 2;
  }
  return decoded;
}

std::optional<form_fields> parse_form(std::string_view text) {
  form_fields fields;
  while (!text.empty()) {
    const auto [pair, rest] = ascii::split(text, '&');
    text = rest;
    if (pair.empty()) continue;
    const auto [encoded_name, encoded_value] = ascii::split(pair, '=');
    auto name = form_decoded(encoded_name);
    auto value = form_decoded(encoded_value);
    if (!name || !value || fields.size() == most_form_fields || field_of(fields, *name)) return std::nullopt;
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

const std::string* field_of(const form_fields& fields, std::string_view name) {
  for (const auto& [each, value] : fields) {
    if (each == name) return &value;
  }
  return nullptr;
}

}  // namespace holdfast::http
