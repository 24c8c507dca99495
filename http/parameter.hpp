// One parameter of a query string. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "http/problem.hpp"

namespace holdfast::http {

/// What is wrong with a parameter, or with something else that the client sent.
tl::unexpected<problem> refused_input(fault fault, std::string detail);

/// The decoded value of a parameter, if it is given. Two values for one parameter are refused: which of
/// them counts would be a guess.
tl::expected<std::optional<std::string>, problem> read_parameter(std::string_view query,
                                                                 std::string_view name);

/// A whole number, `ceiling` where it is greater than that. `wanted` says in the refusal what it has to be.
tl::expected<std::optional<std::uint64_t>, problem> read_number(std::string_view query, std::string_view name,
                                                                std::uint64_t ceiling,
                                                                std::string_view wanted);

/// `userId`, a customer's number. Where there is one user only, to the one who asks, another is refused.
tl::expected<std::optional<std::uint64_t>, problem> read_user(std::string_view query,
                                                              std::optional<std::uint64_t> only_user);

}  // namespace holdfast::http
