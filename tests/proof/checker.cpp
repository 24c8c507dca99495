#include "tests/proof/checker.hpp"

#include <utility>

#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

verdict check(const history& what) {
  case_file file(what);
  check_answers(file);
  check_order(file);
  check_interventions(file);
  check_books(file);
  check_receipts(file);
  check_ownership(file);
  check_rest(file);
  check_events(file);
  verdict judged;
  judged.violations = std::move(file.violations);
  judged.operations = what.operations.size();
  judged.reservations = file.reservations.size();
  judged.receipts = file.receipts.size();
  judged.ledger_lines = what.ledger.size();
  return judged;
}

std::string to_text(const verdict& judged, const run_facts& facts) {
  std::string text;
  for (const auto& one : judged.violations) {
    text += "Invariant " + std::to_string(one.invariant) + " is broken";
    if (one.reservation != 0) text += " for reservation " + std::to_string(one.reservation);
    text += ": " + one.what + "\n";
    for (const auto& line : one.story) text += "    " + line + "\n";
  }
  if (judged.good()) {
    return "Good: " + std::to_string(judged.operations) + " operations, " +
           std::to_string(judged.reservations) + " reservations, " + std::to_string(judged.receipts) +
           " receipts, " + std::to_string(judged.ledger_lines) + " lines of the ledger.\n";
  }
  if (!facts.replay.empty()) text += "Again: " + facts.replay + "\n";
  return text;
}

}  // namespace holdfast::proof
