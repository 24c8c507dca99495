// A call to a port from an actor whose answer comes back as a message, unless it is given before the call
// returns, as a port may.
#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace holdfast::actors {

/// Makes `call(done)`. The answer, where that gives it before it returns; otherwise `later` gets it, on
/// whatever thread.
template <class Answer, class Call, class Later>
std::optional<Answer> answer_at_once(Call call, Later later) {
  // Others than this thread touch only `caller`.
  struct state {
    const std::thread::id caller = std::this_thread::get_id();
    bool calling = true;
    std::optional<Answer> answer;
  };
  auto at_once = std::make_shared<state>();
  call([at_once, later = std::move(later)](Answer answer) mutable {
    if (std::this_thread::get_id() == at_once->caller && at_once->calling) {
      at_once->answer = std::move(answer);
    } else {
      later(std::move(answer));
    }
  });
  at_once->calling = false;
  return std::move(at_once->answer);
}

}  // namespace holdfast::actors
