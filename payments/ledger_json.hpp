// Reads a ledger in JSON from a stream of bytes, entry by entry: see http_ledger_source.hpp for
// its form. Fields and members that it does not know are passed over.
// A function over a stream; no shared state.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "payments/ledger_source.hpp"

namespace holdfast::payments {

/// Gives the next bytes, none at the end. May throw; that goes through.
using byte_source = std::function<std::string_view()>;

/// Where it is no ledger: what is wrong and at which byte.
tl::expected<void, std::string> parse_ledger(const byte_source& bytes,
                                             const std::function<void(const money_movement&)>& each);

}  // namespace holdfast::payments
