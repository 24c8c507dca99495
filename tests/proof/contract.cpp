#include "tests/proof/contract.hpp"

#include <algorithm>
#include <array>

namespace holdfast::proof {

operation_outcome outcome_of(std::uint32_t status, std::string_view code) {
  constexpr std::array<std::string_view, 5> without_effect{"key-in-use", "key-reused", "overloaded",
                                                           "view-unavailable", "invalid-field"};
  if (std::ranges::find(without_effect, code) != without_effect.end()) return operation_outcome::failed;
  const bool stands = status / 100 == 2 || status == 402 || status == 404 || code == "cancelled" ||
                      code == "payment-unavailable";
  return stands ? operation_outcome::ok : operation_outcome::unknown;
}

bool is_in_the_contract(const operation& one) {
  const auto is = [&](std::uint32_t status, std::string_view code) {
    return one.status == status && one.code == code;
  };
  const bool not_now = is(503, "overloaded") || is(503, "unavailable");
  const bool no_view = is(503, "view-unavailable");
  switch (one.kind) {
    case operation_kind::place:
      return not_now || one.status == 201 || one.status == 202 || is(402, "payment-declined") ||
             is(409, "cancelled") || is(409, "key-in-use") || is(422, "key-reused") ||
             is(503, "payment-unavailable");
    case operation_kind::cancel:
      return not_now || one.status == 202 || one.status == 204 || one.status == 404;
    case operation_kind::read:
      return not_now || no_view || one.status == 200 || one.status == 404;
    case operation_kind::list:
      return not_now || no_view || one.status == 200;
    case operation_kind::operate:
      return not_now || one.status == 200 || one.status == 404;
  }
  return false;
}

}  // namespace holdfast::proof
