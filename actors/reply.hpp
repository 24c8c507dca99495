// An answer that is owed, to an actor that asked (a response promise) or to a caller outside of the
// actors (a callback). CAF 0.17 forgets a response promise that is dropped, and who asked would
// wait for ever; a reply that is dropped unanswered, by an actor's end, by an exception or in a
// mailbox that nobody reads any more, answers the promise with an error and the callback with the
// default answer, which says `unavailable`.
//
// Copies are the same reply. Held by one actor at a time; it may travel in a local message.
#pragma once

#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/typed_response_promise.hpp>
#include <functional>
#include <memory>
#include <utility>
#include <variant>

namespace holdfast::actors {

template <class Answer>
class reply {
 public:
  using promise = caf::typed_response_promise<Answer>;
  using callback = std::function<void(Answer)>;

  reply() = default;
  explicit reply(promise to) : owed_(std::make_shared<owed>(std::move(to))) {}
  /// The callback is called exactly once, on whatever thread the answer is given.
  explicit reply(callback to) : owed_(std::make_shared<owed>(std::move(to))) {}

  /// Whether it is still to be given.
  bool pending() const { return owed_ && owed_->pending; }

  void deliver(Answer answer) {
    if (owed_ && std::exchange(owed_->pending, false)) owed_->give(std::move(answer));
  }

 private:
  struct owed {
    explicit owed(std::variant<promise, callback> owed_to) : to(std::move(owed_to)) {}
    owed(const owed&) = delete;
    owed& operator=(const owed&) = delete;
    ~owed() {
      if (!pending) return;
      if (auto* asked = std::get_if<promise>(&to)) {
        asked->deliver(caf::make_error(caf::sec::request_receiver_down));
      } else {
        give({});
      }
    }
    void give(Answer answer) {
      if (auto* asked = std::get_if<promise>(&to)) {
        asked->deliver(std::move(answer));
      } else {
        std::exchange(std::get<callback>(to), nullptr)(std::move(answer));
      }
    }

    std::variant<promise, callback> to;
    bool pending = true;
  };

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
