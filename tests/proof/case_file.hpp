// The history of one run, put in order for judging: the journals decoded and folded version by
// version, operations by reservation and by key, the ledger by reservation.
//
// Refers to the history, which must outlive it. One thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "tests/proof/checker.hpp"
#include "tests/proof/history.hpp"

namespace holdfast::proof {

/// A reservation as the journal has it.
struct journalled_reservation {
  std::vector<const journal_line*> lines;
  std::vector<domain::reservation_event> events;
  /// After each event; at 0 before the first. So `states[version]`.
  std::vector<domain::reservation> states{{}};
  std::string records;

  const domain::reservation& last() const { return states.back(); }
  std::uint64_t version() const { return events.size(); }
};

struct journalled_receipt {
  std::vector<const journal_line*> lines;
  std::vector<domain::receipts::event> events;
  domain::receipts::receipt state;
};

struct books {
  std::vector<const ledger_line*> captures;
  std::vector<const ledger_line*> refunds;

  std::int64_t net() const;
};

class case_file {
 public:
  explicit case_file(const history& what);

  const history& run;
  std::map<reservation_id, journalled_reservation> reservations;
  std::map<reservation_id, journalled_receipt> receipts;
  std::map<reservation_id, books> ledger;
  /// By reservation; an operation that names none is in no list.
  std::map<reservation_id, std::vector<const operation*>> operations;
  /// Placements only.
  std::map<std::string, std::vector<const operation*>> by_key;

  const journalled_reservation* find(reservation_id id) const;

  /// Notes a violation, with the story of the reservation. Reads are told only where they bear
  /// witness.
  void report(int invariant, reservation_id about, std::string what,
              std::vector<const operation*> witnesses = {});

  std::vector<violation> violations;

 private:
  void read_reservations();
  void read_receipts();
  void sort_operations();
};

// The invariants, a file for each group.
void check_answers(case_file& file);
void check_order(case_file& file);
void check_interventions(case_file& file);
void check_books(case_file& file);
void check_receipts(case_file& file);
void check_ownership(case_file& file);
void check_rest(case_file& file);
void check_events(case_file& file);

}  // namespace holdfast::proof
