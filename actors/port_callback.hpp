// Turns a port's callback into a message to an actor. The guard makes the engine's stop() wait
// until the port has called back, since the callback holds an actor's address.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// A callback that sends `make_message(result)` to the actor. It lets go of the actor when it is
/// called, whatever the port does with the callback afterwards.
template <class Handle, class MakeMessage>
auto to_actor(const surroundings_ptr& around, Handle receiver, MakeMessage make_message) {
  struct open_call {
    // The guard stands first and so goes last, after the address.
    calls_out::guard guard;
    Handle receiver;

    open_call(const surroundings_ptr& around, Handle to) : guard(around->calls), receiver(std::move(to)) {}
  };
  auto call = std::make_shared<std::optional<open_call>>(std::in_place, around, std::move(receiver));
  return [call = std::move(call), make_message = std::move(make_message)](auto result) {
    caf::anon_send((*call)->receiver, make_message(std::move(result)));
    call->reset();
  };
}

/// A callback that sends the result as `Message{..., shared_ptr<result>}`.
template <class Message, class Handle>
auto result_to_actor(const surroundings_ptr& around, Handle receiver) {
  return to_actor(around, std::move(receiver), [](auto result) {
    Message message;
    message.result = std::make_shared<decltype(result)>(std::move(result));
    return message;
  });
}

}  // namespace holdfast::actors
