// The names under which messages cross nodes. A type that is missing here would arrive as an
// empty message, so every message with an `inspect` is in it, and a test sends each through.
#pragma once

#include <caf/actor_system_config.hpp>

namespace holdfast::actors {

/// Adds the messages that may cross nodes.
void register_messages(caf::actor_system_config& config);

}  // namespace holdfast::actors
