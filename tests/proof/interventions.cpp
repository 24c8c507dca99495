// Invariants 1 and 7 of what operators ask for: what was acknowledged is in the journal, nothing else is, and
// none of it twice.
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

namespace {

using domain::operator_action;
using domain::operator_intervened;

struct written {
  reservation_id where = 0;
  const operator_intervened* what = nullptr;
};
/// By the reason that was given, which each operation has to itself.
using all_written = std::multimap<std::string, written>;

all_written interventions_in(const case_file& file) {
  all_written all;
  for (const auto& [id, kept] : file.reservations) {
    for (const auto& event : kept.events) {
      if (const auto* one = std::get_if<operator_intervened>(&event)) all.emplace(one->why, written{id, one});
    }
  }
  return all;
}

std::string_view word_of(operator_action action) {
  return action == operator_action::cancel ? "cancel" : "retry";
}

void check_operation(case_file& file, const operation& one, const all_written& all) {
  const auto name = "operation " + std::to_string(one.number);
  const auto [begin, end] = all.equal_range(reason_of(one));
  const auto count = std::distance(begin, end);
  if (one.answer == answer_of_recorded && count == 0) {
    file.report(1, one.reservation, name + " was recorded, and the journal does not have it", {&one});
  }
  if (one.outcome == operation_outcome::failed && count > 0) {
    file.report(7, one.reservation, name + " was refused, and the journal has what it asked for", {&one});
  }
  if (count > 1) file.report(7, one.reservation, name + " is in the journal more than once", {&one});
  for (auto each = begin; each != end; ++each) {
    if (each->second.where == one.reservation && word_of(each->second.what->action) == one.request) continue;
    file.report(7, each->second.where, name + " is in the journal as what it did not ask for", {&one});
  }
}

/// Every reason in the journal is somebody's.
void check_authors(case_file& file, const all_written& all) {
  std::map<std::string, const operation*> asked;
  for (const auto& one : file.run.operations) {
    if (one.kind == operation_kind::operate) asked.emplace(reason_of(one), &one);
  }
  for (const auto& [why, one] : all) {
    if (!asked.contains(why)) {
      file.report(7, one.where, "the journal has what an operator did, and none asked for it: " + why);
    }
  }
}

/// What is undone for an operator has his word in front.
void check_cancellations(case_file& file) {
  for (const auto& [id, kept] : file.reservations) {
    bool asked = false;
    for (std::size_t i = 0; i < kept.events.size(); ++i) {
      const auto* said = std::get_if<operator_intervened>(&kept.events[i]);
      asked = asked || (said != nullptr && said->action == operator_action::cancel);
      const bool undone = kept.states[i + 1].reason == domain::cancel_reason::by_operator;
      if (!undone || asked) continue;
      file.report(7, id, "it is cancelled for an operator who never said so");
      break;
    }
  }
}

}  // namespace

std::string reason_of(const operation& one) {
  return "as operation " + std::to_string(one.number);
}

void check_interventions(case_file& file) {
  const auto all = interventions_in(file);
  for (const auto& one : file.run.operations) {
    if (one.kind == operation_kind::operate) check_operation(file, one, all);
  }
  check_authors(file, all);
  check_cancellations(file);
}

}  // namespace holdfast::proof
