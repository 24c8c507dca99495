#include "http/parameter.hpp"

#include <utility>

#include "domain/types.hpp"
#include "http/ascii.hpp"
#include "http/form.hpp"

namespace holdfast::http {

tl::unexpected<problem> refused_input(fault fault, std::string detail) {
  return tl::unexpected(problem{
      .fault = fault, .detail = std::move(detail), .instance = {}, .errors = {}, .reservation_href = {}});
}

tl::expected<std::optional<std::string>, problem> read_parameter(std::string_view query,
                                                                 std::string_view name) {
  std::optional<std::string> found;
  while (!query.empty()) {
    const auto [pair, rest] = ascii::split(query, '&');
    query = rest;
    const auto [given, value] = ascii::split(pair, '=');
    if (given != name) continue;
    if (found) {
      return refused_input(fault::invalid_parameter,
                           "The parameter " + std::string(name) + " is given more than once.");
    }
    found = form_decoded(value);
    if (!found) {
      return refused_input(fault::invalid_parameter,
                           "The parameter " + std::string(name) + " has malformed percent-encoding.");
    }
  }
  return found;
}

tl::expected<std::optional<std::uint64_t>, problem> read_number(std::string_view query, std::string_view name,
                                                                std::uint64_t ceiling,
                                                                std::string_view wanted) {
  auto text = read_parameter(query, name);
  if (!text) return tl::unexpected(std::move(text.error()));
  if (!*text) return std::nullopt;
  const auto value = ascii::number_up_to(**text, ceiling);
  if (!value) {
    return refused_input(fault::invalid_parameter,
                         "The parameter " + std::string(name) + " has to be " + std::string(wanted) + ".");
  }
  return value;
}

tl::expected<std::optional<std::uint64_t>, problem> read_user(std::string_view query,
                                                              std::optional<std::uint64_t> only_user) {
  const auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer);
  auto user = read_number(query, "userId", largest + 1, "a whole number");
  if (!user || !only_user) return user;
  if (*user && *user != only_user) {
    return refused_input(fault::forbidden, "The parameter userId has to be your own, " +
                                               std::to_string(*only_user) + ", or left out.");
  }
  return *user;
}

}  // namespace holdfast::http
