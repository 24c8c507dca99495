// Names for stores, so that a view or an operator can tell one journal from every other.
#pragma once

#include <string>

namespace holdfast::storage {

/// 128 random bits from the operating system, as 32 hex digits.
std::string random_store_id();

}  // namespace holdfast::storage
