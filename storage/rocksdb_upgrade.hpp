// Takes over journals of the older formats: what they lack of this one.
#pragma once

#include "storage/log_tail.hpp"
#include "storage/rocksdb_store.hpp"

namespace holdfast::storage {

/// Format version 2 wrote the rows of entities after those of their records, and may lack the last ones:
/// the tail gets them. Version 1 lacks none. Throws store_failure.
void add_entities_behind(const rocksdb_store& tables, log_tail& tail);

}  // namespace holdfast::storage
