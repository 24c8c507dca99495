// What a client is told about a command: the engine's answers as responses. Pure functions.
#pragma once

#include "actors/engine.hpp"
#include "http/client.hpp"
#include "http/message.hpp"

namespace holdfast::http {

response answer_placement(const client& client, const actors::placement_answer& answer);

response answer_cancellation(const client& client, domain::reservation_id id,
                             const actors::cancellation_answer& answer);

}  // namespace holdfast::http
