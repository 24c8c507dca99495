// Group commit over all shards of one journal: entries gather for the next batch while one is under way, or
// while actors are ready that may have more. Acknowledges in order, a verdict for each entry, and hands durable
// rows to the projector. Nothing is acknowledged that the journal has not made durable.
//
// With an entry that is refused goes what was decided on top of it: its sequence may fit all the same, where
// what took its place has the same length. So an entry on open ones is never in their batch.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/reply.hpp"
#include "actors/surroundings.hpp"

namespace holdfast::actors {

/// Entries that one batch takes at most; the rest waits for the next.
inline constexpr std::size_t largest_batch_entries = 4096;
/// Entities whose last entry was refused; beyond that the memory of them is lost, and begins anew.
inline constexpr std::size_t largest_refused_entities = 65'536;

struct journal_writer_state {
  using self_pointer = journal_writer_actor::stateful_pointer<journal_writer_state>;
  using verdict_reply = reply<storage::append_verdict>;

  struct pending {
    append_entry what;
    verdict_reply to;
  };

  void add(append_entry& what, verdict_reply to);
  void written(const batch_written& batch);
  void write_is_due();

  self_pointer self = nullptr;
  surroundings_ptr around;
  storage::journal* journal = nullptr;
  journal_meter* meter = nullptr;
  /// Null for a journal that no view is made of.
  projector_actor projector;
  std::vector<pending> waiting;
  std::vector<pending> under_way;
  /// Until an entry comes that stands on what is durable.
  std::unordered_set<storage::entity_id> refused;
  /// It has told itself to write.
  bool due = false;
  bool failed = false;
  static inline const char* name = "journal_writer";

 private:
  std::size_t length_of_batch() const;
  bool is_void(const append_entry& what);
  void refuse_void();
  void remember(storage::entity_id entity);
  void write_soon();
  void write();
  durable_rows make_known(std::vector<pending>& ended, const std::vector<storage::append_verdict>& verdicts);
  void fail(const std::string& message);
};

/// `meter` is one of those around it.
journal_writer_actor::behavior_type journal_writer(journal_writer_state::self_pointer self,
                                                   surroundings_ptr around, storage::journal* journal,
                                                   journal_meter* meter, projector_actor projector);

}  // namespace holdfast::actors
