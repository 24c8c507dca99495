// An answer that is owed. CAF 0.17 forgets a response promise that is dropped, and who asked would
// wait for ever; a reply that is dropped unanswered, by an actor's end or by an exception, answers
// with an error. Copies are the same reply; used by the actor that owes it.
#pragma once

#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/typed_response_promise.hpp>
#include <memory>
#include <utility>

namespace holdfast::actors {

template <class Answer>
class reply {
 public:
  reply() = default;
  explicit reply(caf::typed_response_promise<Answer> promise)
      : owed_(std::make_shared<owed>(std::move(promise))) {}

  /// Whether it is still to be given.
  bool pending() const { return owed_ && owed_->pending; }

  void deliver(Answer answer) {
    if (take()) owed_->promise.deliver(std::move(answer));
  }
  /// Lets another actor answer.
  template <class Handle, class Command>
  void delegate(const Handle& to, Command&& command) {
    if (take()) owed_->promise.delegate(to, std::forward<Command>(command));
  }

 private:
  struct owed {
    explicit owed(caf::typed_response_promise<Answer> owed_promise) : promise(std::move(owed_promise)) {}
    owed(const owed&) = delete;
    owed& operator=(const owed&) = delete;
    ~owed() {
      if (pending) promise.deliver(caf::make_error(caf::sec::request_receiver_down));
    }

    caf::typed_response_promise<Answer> promise;
    bool pending = true;
  };

  bool take() { return owed_ && std::exchange(owed_->pending, false); }

  std::shared_ptr<owed> owed_;
};

/// For a handler that answers later: hands the owed reply on and tells CAF to wait for it.
template <class Answer, class Self, class Handle>
caf::typed_response_promise<Answer> owe(Self* self, Handle handle) {
  auto promise = self->template make_response_promise<Answer>();
  handle(reply<Answer>(promise));
  return promise;
}

}  // namespace holdfast::actors
