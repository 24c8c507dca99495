// Says when an actor fails. A monitor would send a message for each actor that ends, and nearly all
// of them end well.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <utility>

namespace holdfast::actors {

/// Sends `make_notice(reason)` when the watched one ends by a failure: not when it quits by itself,
/// is told to, or is let go of by the last who knew its address.
template <class Watched, class Receiver, class MakeNotice>
void notice_failure(const Watched& watched, Receiver receiver, MakeNotice make_notice) {
  watched->attach_functor(
      [receiver = std::move(receiver), make_notice = std::move(make_notice)](const caf::error& reason) {
        if (reason && reason != caf::exit_reason::user_shutdown && reason != caf::exit_reason::unreachable)
          caf::anon_send(receiver, make_notice(reason));
      });
}

}  // namespace holdfast::actors
