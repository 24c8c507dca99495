// The rule of a receipt: at most one for each reservation, numbered once, void for good once
// void. A receipt that is voided before it was issued leaves a tombstone and uses no number.
// Pure functions over values, as in reservation.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "domain/types.hpp"

namespace holdfast::domain::receipts {

enum class status : std::uint8_t { none, issued, voided };

struct issued {
  timestamp at;
  /// The book's own gapless count, from 1.
  std::uint64_t number = 0;
  zoned_timestamp expected_delivery_at;
  bool operator==(const issued&) const = default;
};
struct voided {
  timestamp at;
  bool operator==(const voided&) const = default;
};
using event = std::variant<issued, voided>;

/// The fold of a receipt's events. `number` is 0 where none was used.
struct receipt {
  std::uint64_t version = 0;
  receipts::status status = status::none;
  std::uint64_t number = 0;
  zoned_timestamp expected_delivery_at;
  timestamp modified_at{};

  bool operator==(const receipt&) const = default;
};

struct issue {
  /// The number to use if the receipt has none yet.
  std::uint64_t next_number = 0;
  zoned_timestamp expected_delivery_at;
};
struct void_receipt {};
using command = std::variant<issue, void_receipt>;

/// Why a command was refused, in order of precedence.
enum class rejection : std::uint8_t { none = 0, already_void = 1, number_missing = 2 };

struct decision {
  std::vector<event> events;
  rejection refused = rejection::none;
};

decision decide(const receipt& state, const command& command, timestamp now);
receipt evolve(receipt state, const event& event);

/// The number as customers see it: `<book>-<number>`.
std::string receipt_no(std::uint32_t book, std::uint64_t number);

}  // namespace holdfast::domain::receipts
