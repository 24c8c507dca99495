// Group commit over all shards of one journal: entries gather for the next batch while one is under way, or
// while actors are ready that may have more. Acknowledges in order, a verdict for each entry, and hands
// durable rows to the projector. Nothing is acknowledged that the journal has not made durable. A batch of
// entries that nobody waits for is put off for a moment, since each batch costs a sync.
//
// With an entry that is refused goes what was decided on top of it: its sequence may fit all the same, where
// what took its place has the same length. So an entry on open ones is never in their batch.
#pragma once

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/journal_intake.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Entries that one batch takes at most; the rest waits for the next.
inline constexpr std::size_t largest_batch_entries = 4096;
/// Entities whose last entry was refused; beyond that the memory of them is lost, and begins anew.
inline constexpr std::size_t largest_refused_entities = 65'536;

struct journal_writer_state {
  using self_pointer = journal_writer_actor::stateful_pointer<journal_writer_state>;

  void look();
  void write_is_due();
  void written(const batch_written& batch);
  void settle(const settle_entity& what);

  self_pointer self = nullptr;
  surroundings_ptr around;
  storage::journal* journal = nullptr;
  journal_meter* meter = nullptr;
  journal_intake_ptr intake;
  /// Null for a journal that no view is made of.
  projector_actor projector;
  std::vector<append_entry> waiting;
  std::vector<append_entry> under_way;
  /// Until an entry comes that stands on what is durable.
  std::unordered_set<storage::entity_id> refused;
  /// Whose last entries somebody waits for.
  std::vector<std::pair<storage::entity_id, caf::actor>> settling;
  caf::actor_clock::time_point begun_at;
  /// It has told itself to write later.
  bool reminded = false;
  bool failed = false;
  static inline const char* name = "journal_writer";

 private:
  bool anyone_waits() const;
  std::size_t length_of_batch() const;
  bool is_void(const append_entry& what);
  void refuse_void();
  void remember(storage::entity_id entity);
  void write();
  durable_rows make_known(std::vector<append_entry>& ended,
                          const std::vector<storage::append_verdict>& verdicts);
  bool has(storage::entity_id entity) const;
  void tell_what_has_settled();
  void answer(const append_entry& what, const std::optional<storage::append_verdict>& verdict) const;
  void answer_failure(std::vector<append_entry>& these) const;
  void fail(const std::string& message);
};

/// `meter` is one of those around it.
journal_writer_actor::behavior_type journal_writer(journal_writer_state::self_pointer self,
                                                   surroundings_ptr around, storage::journal* journal,
                                                   journal_meter* meter, journal_intake_ptr intake,
                                                   projector_actor projector);

}  // namespace holdfast::actors
