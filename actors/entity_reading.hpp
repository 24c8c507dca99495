// Reading an entity's records from a journal, for the actor that keeps it in memory.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/answer_at_once.hpp"
#include "actors/messages.hpp"
#include "actors/port_callback.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// What was read, where the journal has it at hand; otherwise the actor gets it as a message.
template <class Handle>
std::optional<entity_read> read_or_hear(const surroundings_ptr& around, storage::journal& from,
                                        storage::entity_id id, Handle who) {
  using records = storage::journal_result<std::vector<storage::journal_record>>;
  const auto as_message = [id](records result) {
    return entity_read{id, std::make_shared<records>(std::move(result))};
  };
  auto read = answer_at_once<records>([&](auto done) { from.read_entity(id, std::move(done)); },
                                      to_actor(around, std::move(who), as_message));
  if (!read) return std::nullopt;
  return as_message(std::move(*read));
}

}  // namespace holdfast::actors
