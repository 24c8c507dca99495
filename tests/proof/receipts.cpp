// Invariant 6, and the receipts of 4: numbers are gapless, a reservation has one at most, and a
// cancelled one's is void.
#include <map>
#include <set>
#include <string>
#include <variant>

#include "domain/receipt.hpp"
#include "storage/shard.hpp"
#include "tests/proof/case_file.hpp"

namespace holdfast::proof {

namespace {

using domain::receipt_status;

void check_numbers(case_file& file) {
  std::map<storage::shard_id, std::map<std::uint64_t, reservation_id>> books;
  for (const auto& [id, of] : file.receipts) {
    std::size_t numbers = 0;
    for (const auto& event : of.events) {
      const auto* issued = std::get_if<domain::receipts::issued>(&event);
      if (!issued) continue;
      if (++numbers > 1) file.report(6, id, "two receipts were issued for it");
      const auto [other, fresh] = books[storage::shard_of(id)].emplace(issued->number, id);
      if (!fresh) {
        file.report(6, id,
                    "its receipt has number " + std::to_string(issued->number) + ", as reservation " +
                        std::to_string(other->second) + " has in the same book");
      }
    }
  }
  for (const auto& [book, numbers] : books) {
    std::uint64_t next = 1;
    for (const auto& [number, id] : numbers) {
      if (number != next) {
        file.report(6, id,
                    "book " + std::to_string(book) + " lacks number " + std::to_string(next) + " before " +
                        std::to_string(number));
        break;
      }
      ++next;
    }
  }
}

/// The reservation may be behind its desk by one step while it is under way, never ahead of it.
void check_against_desk(case_file& file, reservation_id id, const domain::reservation& state) {
  const auto found = file.receipts.find(id);
  const auto desk = found == file.receipts.end() ? domain::receipts::receipt{} : found->second.state;
  const auto number =
      desk.number == 0 ? "" : domain::receipts::receipt_no(storage::shard_of(id), desk.number);
  if (!state.receipt_no.empty() && state.receipt_no != number) {
    file.report(6, id, "its receipt is " + state.receipt_no + ", and the desk's is '" + number + "'");
  }
  const bool is_void = desk.status == domain::receipts::status::voided;
  if (state.receipt == receipt_status::receipt_issued && is_void &&
      state.status == domain::reservation_status::reservated) {
    file.report(6, id, "it is confirmed, and the desk has made its receipt void");
  }
  if (state.receipt == receipt_status::receipt_cancelled && !is_void) {
    file.report(4, id, "its receipt is cancelled, and the desk has not made it void");
  }
  if (state.status == domain::reservation_status::reservation_cancelled && number != "" && !is_void) {
    file.report(4, id, "it is cancelled, and its receipt is not void at the desk");
  }
}

}  // namespace

void check_receipts(case_file& file) {
  if (!file.run.facts.has_receipts) return;
  check_numbers(file);
  for (const auto& [id, kept] : file.reservations) check_against_desk(file, id, kept.last());
  for (const auto& [id, of] : file.receipts) {
    const auto* kept = file.find(id);
    if (!kept || kept->version() == 0) {
      file.report(6, id, "the desk has a receipt of a reservation that the journal does not have");
    }
  }
}

}  // namespace holdfast::proof
