// A batch of the commit log: its number (8 bytes) and rows as they will stand in the tables, each the
// family (1), the lengths of key (2) and value (4), the key and the value (rocksdb_layout.hpp).
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/big_endian.hpp"
#include "storage/rocksdb_tuning.hpp"

namespace holdfast::storage {

/// Gathers the rows of one batch after the other.
class batch_builder {
 public:
  bool empty() const { return bytes_.empty(); }
  /// The value is head and rest, one behind the other.
  void put(family in, std::string_view key, std::string_view head, std::string_view rest = {});
  /// The batch; the next one is empty.
  std::string finish(std::uint64_t number);

 private:
  std::string bytes_;
};

/// Points into its batch.
struct batch_row {
  family in = family::meta;
  std::string_view key;
  std::string_view value;
};

/// Takes the number from the beginning of a batch; nothing where it is too short.
std::optional<std::uint64_t> take_number(std::string_view& batch);
/// Takes the next row; nothing where the bytes are none, or were left by none.
std::optional<batch_row> take_row(std::string_view& batch);

}  // namespace holdfast::storage
