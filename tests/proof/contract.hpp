// What the HTTP contract says of answers, for all harnesses: which outcome an answer is, and whether
// there is such an answer at all to what was asked for.
// Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "tests/proof/history.hpp"

namespace holdfast::proof {

/// Of an answer that came. One that the contract does not know may have had any effect: `unknown`.
operation_outcome outcome_of(std::uint32_t status, std::string_view code);

/// Whether what was asked for may be answered so; requests of the harnesses are well formed.
bool is_in_the_contract(const operation& one);

}  // namespace holdfast::proof
