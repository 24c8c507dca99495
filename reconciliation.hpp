// The comparison of the provider's ledger with the journal: what moved at the provider, what the
// reservations say, and every difference with what to do about it. It decides and touches nothing.
//
// In memory: about 60 bytes for each entry of the ledger. Reservations come one at a time.
//
// Threading: none of its own; values and one caller.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/reservation.hpp"
#include "payments/ledger_source.hpp"
#include "stored_reservations.hpp"

namespace holdfast {

enum class difference_code : std::uint8_t {
  /// The journal has no such reservation.
  orphan_charge,
  orphan_refund,
  /// The journal has the reservation as cancelled without a payment.
  unpaid_charge,
  /// Another charge of the reservation stands besides.
  surplus_charge,
  /// The journal has it as refunded, and the charge stands.
  missing_refund,
  /// The journal has it as paid or refunded, and the ledger no charge of it.
  missing_charge,
  /// The journal has it as paid, and every charge of it was refunded.
  refunded_though_paid,
  /// More was refunded than was captured under this transaction.
  refund_without_charge,
  amount_differs,
  transaction_differs
};

/// As it is printed, for scripts: "orphan_charge".
std::string_view name_of(difference_code code);

enum class remedy : std::uint8_t {
  /// Give back at the provider what stands of the transaction.
  refund,
  /// Park the reservation for an operator.
  park,
  /// There is nothing to park and nothing to give back: somebody has to look.
  by_hand
};
remedy remedy_for(difference_code code);

struct difference {
  difference_code code = difference_code::orphan_charge;
  domain::reservation_id reservation = 0;
  /// The ledger's transaction and what it holds of money: what stands of it, or for
  /// refund_without_charge what was refunded too much. Empty and nothing where it has none.
  std::string transaction_id;
  std::optional<domain::money> in_ledger;
  /// The journal's, where it has the reservation.
  std::string journal_transaction_id;
  std::optional<domain::money> in_journal;

  bool operator==(const difference&) const = default;
};

/// The differences between a reservation at rest and the movements of its money, those to refund
/// first. A reservation of version 0 is one that the journal does not have.
std::vector<difference> compare(domain::reservation_id id, const domain::reservation& state,
                                const std::vector<payments::money_movement>& movements);

/// The movements of the whole ledger, by reservation.
class ledger_table {
 public:
  void add(const payments::money_movement& movement);
  /// After the last one, before they are taken.
  void sort();

  /// The reservation's, in the ledger's order. They count as taken.
  std::vector<payments::money_movement> take(domain::reservation_id reservation);
  /// Hands over what was not taken, reservation by reservation.
  void take_rest(
      const std::function<void(domain::reservation_id, const std::vector<payments::money_movement>&)>& each);

  std::uint64_t charges() const { return charges_; }
  std::uint64_t refunds() const { return refunds_; }

 private:
  struct row {
    domain::reservation_id reservation = 0;
    std::int64_t amount_minor = 0;
    std::string transaction_id;
    std::uint32_t order = 0;
    char currency[3] = {};
    payments::money_movement::kind what : 1 = payments::money_movement::kind::charge;
    bool taken : 1 = false;
  };
  static_assert(sizeof(row) <= 56);
  static payments::money_movement movement_of(const row& row);

  std::deque<row> rows_;
  std::uint64_t charges_ = 0;
  std::uint64_t refunds_ = 0;
};

struct reconciliation_counts {
  std::uint64_t charges = 0;
  std::uint64_t refunds = 0;
  std::uint64_t reservations = 0;
  /// Of these, not judged: the saga has a step left, or something happened since the ledger was
  /// read.
  std::uint64_t under_way = 0;
  /// Of these, not judged: parked for an operator.
  std::uint64_t parked = 0;
  std::uint64_t differences = 0;
};

/// Goes over the reservations of a journal that was read after the ledger. Then no charge is
/// younger than its placement, and whatever the ledger lacks because it came later has an event
/// that is younger than the beginning of its reading: provided that the clock of the process that
/// writes the journal is the one that `ledger_read_from` was taken from.
class reconciliation {
 public:
  /// `found` is called for each difference, `parked` for each parked reservation.
  reconciliation(ledger_table ledger, domain::timestamp ledger_read_from,
                 std::function<void(const difference&)> found,
                 std::function<void(domain::reservation_id, const std::string& why)> parked);

  void look_at(const stored_reservation& stored);
  /// After the last one: what is left in the ledger belongs to nobody.
  void finish();

  reconciliation_counts counts() const;

 private:
  void judge(domain::reservation_id id, const domain::reservation& state,
             const std::vector<payments::money_movement>& movements);

  ledger_table ledger_;
  const domain::timestamp ledger_read_from_;
  std::function<void(const difference&)> found_;
  std::function<void(domain::reservation_id, const std::string&)> parked_;
  reconciliation_counts counts_;
};

}  // namespace holdfast
