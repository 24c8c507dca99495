// Waits for the answer of a call that calls back: for commands that do one thing after the other.
// Threading: not for a thread that the callee needs to answer.
#pragma once

#include <future>
#include <memory>
#include <utility>

namespace holdfast {

/// `call` gets the callback to hand on.
template <class Answer, class Call>
Answer wait_for_answer(Call&& call) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  std::forward<Call>(call)([promise](Answer given) { promise->set_value(std::move(given)); });
  return answer.get();
}

}  // namespace holdfast
