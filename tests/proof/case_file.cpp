#include "tests/proof/case_file.hpp"

#include <utility>

#include "storage/event_codec.hpp"
#include "tests/proof/story.hpp"

namespace holdfast::proof {

std::int64_t books::net() const {
  std::int64_t sum = 0;
  for (const auto* line : captures) sum += line->amount_minor;
  for (const auto* line : refunds) sum -= line->amount_minor;
  return sum;
}

case_file::case_file(const history& what) : run(what) {
  for (const auto& line : run.ledger) {
    auto& of = ledger[line.reservation];
    (line.what == ledger_line::kind::charge ? of.captures : of.refunds).push_back(&line);
  }
  sort_operations();
  read_reservations();
  read_receipts();
}

void case_file::sort_operations() {
  for (const auto& one : run.operations) {
    if (one.kind == operation_kind::list) continue;
    if (one.reservation != 0) operations[one.reservation].push_back(&one);
    if (!one.key.empty()) by_key[one.key].push_back(&one);
  }
}

/// Folded event by event. What can't be decoded, or does not come back as the same bytes, is noted,
/// and the rest of that reservation is left out.
void case_file::read_reservations() {
  for (const auto& line : run.reservations) {
    auto& of = reservations[line.record.entity];
    of.lines.push_back(&line);
    if (line.record.first_sequence != of.version() + 1) {
      report(8, line.record.entity,
             "its record at position " + std::to_string(line.record.at) + " begins with event " +
                 std::to_string(line.record.first_sequence) + ", though " + std::to_string(of.version()) +
                 " came before");
      continue;
    }
    const auto events = storage::decode_reservation_events(line.record.record);
    if (!events) {
      report(10, line.record.entity, "a record can't be decoded: " + events.error().message);
      continue;
    }
    if (events->size() != line.record.event_count || storage::encode_events(*events) != line.record.record) {
      report(10, line.record.entity, "a record's events do not lead to the same record again");
    }
    of.records += line.record.record;
    for (const auto& event : *events) {
      of.states.push_back(domain::evolve(of.states.back(), event));
      of.events.push_back(event);
    }
  }
}

void case_file::read_receipts() {
  for (const auto& line : run.receipts) {
    auto& of = receipts[line.record.entity];
    of.lines.push_back(&line);
    const auto events = storage::decode_receipt_events(line.record.record);
    if (!events || line.record.first_sequence != of.events.size() + 1) {
      report(10, line.record.entity, "a record of its receipt can't be replayed");
      continue;
    }
    for (const auto& event : *events) {
      of.state = domain::receipts::evolve(of.state, event);
      of.events.push_back(event);
    }
  }
}

const journalled_reservation* case_file::find(reservation_id id) const {
  const auto found = reservations.find(id);
  return found == reservations.end() ? nullptr : &found->second;
}

void case_file::report(int invariant, reservation_id about, std::string what,
                       std::vector<const operation*> witnesses) {
  if (violations.size() == most_violations) return;
  auto story = tell_story(*this, about, witnesses);
  violations.push_back({invariant, std::move(what), about, std::move(story)});
}

}  // namespace holdfast::proof
