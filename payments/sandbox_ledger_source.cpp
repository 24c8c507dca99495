#include "payments/sandbox_ledger_source.hpp"

#include <system_error>

#include "payments/sandbox_ledger.hpp"

namespace holdfast::payments {

tl::expected<void, std::string> sandbox_ledger_source::for_each(
    const std::function<void(const money_movement&)>& each) {
  try {
    const auto skipped = for_each_ledger_entry(folder_, [&](const ledger_entry& entry) {
      const bool charged = entry.what == ledger_entry::kind::charge;
      each({charged ? money_movement::kind::charge : money_movement::kind::refund, entry.reservation,
            entry.price, entry.transaction_id});
    });
    // Money may have moved there: what is left must not be taken for all of it.
    if (skipped > 0) {
      return tl::unexpected("the sandbox's ledger in " + folder_.string() + " has " +
                            std::to_string(skipped) +
                            (skipped == 1 ? " line that doesn't parse" : " lines that don't parse"));
    }
  } catch (const std::system_error& error) {
    return tl::unexpected("the sandbox's ledger can't be read: " + std::string(error.what()));
  }
  return {};
}

}  // namespace holdfast::payments
