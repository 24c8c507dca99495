// The words for what a history counts, in its files and in stories; for statuses those of the HTTP
// contract, spelled here once more, since the checker must not learn them from what it checks.
// Pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "domain/receipt.hpp"
#include "tests/proof/history.hpp"

namespace holdfast::proof {

std::string_view name_of(operation_kind kind);
std::string_view name_of(operation_outcome outcome);
std::string_view name_of(enum ledger_line::kind kind);
std::string_view name_of(enum provider_call::kind kind);
std::string_view name_of(domain::reservation_status status);
std::string_view name_of(domain::payment_status status);
std::string_view name_of(domain::receipt_status status);

/// "reservation_placed", as the domain calls it.
std::string_view name_of(const domain::reservation_event& event);
std::string_view name_of(const domain::receipts::event& event);

/// "ReservationCreated", as it is published; empty where it is not.
std::string_view published_name_of(const domain::reservation_event& event);

/// The other way round; nothing for a word that is none of theirs. An empty word is `none`.
template <class Enum>
std::optional<Enum> named(std::string_view name);

}  // namespace holdfast::proof
