// What a client asks for when it places a reservation: the request, checked field by field, as
// the engine takes it. Pure functions; the card number is moved into a secret and wiped from the
// request, and no error quotes a value.
#pragma once

#include <cstddef>
#include <optional>
#include <tl/expected.hpp>

#include "actors/engine.hpp"
#include "http/message.hpp"
#include "http/principal.hpp"
#include "http/problem.hpp"

namespace holdfast::http {

/// Lengths in characters.
inline constexpr std::size_t largest_address_length = 1000;
inline constexpr std::size_t largest_product_name_length = 255;
inline constexpr std::size_t largest_payment_method_length = 255;
inline constexpr std::size_t largest_idempotency_key_length = 255;

/// Takes content type, idempotency key and body; overwrites the body with zeros, whatever it
/// answers. Full card numbers may be refused, whatever they are. The problem's `instance` is left to the
/// caller.
tl::expected<actors::placement_request, problem> read_placement(request& request, bool card_numbers = true);

/// Makes it the principal's: a customer places for himself only, and his keys are apart from those of all
/// others, so that nobody's key brings somebody else's reservation. The refusal where it is not for himself.
std::optional<problem> claim_for(const principal& who, actors::placement_request& wanted);

}  // namespace holdfast::http
