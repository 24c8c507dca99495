// A call to the payment provider from an actor: its answer comes back as a message, unless it is given before
// the call returns, as a provider may.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "actors/answer_at_once.hpp"
#include "actors/circuit_breaker.hpp"
#include "payments/provider.hpp"

namespace holdfast::actors {

inline void call_provider(payments::provider& provider, payments::charge_request& request,
                          std::function<void(payments::charge_answer)> done) {
  provider.charge(std::move(request), std::move(done));
}
inline void call_provider(payments::provider& provider, payments::settle_request& request,
                          std::function<void(payments::settle_answer)> done) {
  provider.settle(std::move(request), std::move(done));
}
inline void call_provider(payments::provider& provider, payments::refund_request& request,
                          std::function<void(payments::refund_answer)> done) {
  provider.refund(std::move(request), std::move(done));
}

/// For the breaker: a declined card is a call that went well; it failed where the provider did, or did not
/// get the call.
inline circuit_breaker::outcome outcome_of_call(const payments::charge_answer& answer) {
  using enum payments::charge_status;
  const bool failed = (answer.status == unknown || answer.status == not_charged) && !answer.provider_is_well;
  return failed ? circuit_breaker::outcome::failed : circuit_breaker::outcome::ok;
}
inline circuit_breaker::outcome outcome_of_call(const payments::settle_answer& answer) {
  const bool failed = answer.status == payments::settle_status::unknown && !answer.provider_is_well;
  return failed ? circuit_breaker::outcome::failed : circuit_breaker::outcome::ok;
}
inline circuit_breaker::outcome outcome_of_call(const payments::refund_answer& answer) {
  const bool failed = answer.status == payments::refund_status::unknown && !answer.provider_is_well;
  return failed ? circuit_breaker::outcome::failed : circuit_breaker::outcome::ok;
}

/// The answer, where it is given before the call returns; otherwise `later` gets it, on whatever thread.
template <class Answer, class Request, class Later>
std::optional<Answer> call_and_see(payments::provider& provider, Request& request, Later later) {
  return answer_at_once<Answer>([&](auto done) { call_provider(provider, request, std::move(done)); },
                                std::move(later));
}

}  // namespace holdfast::actors
