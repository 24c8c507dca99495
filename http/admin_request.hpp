// What an operator sends along with a command: why, who where his credential does not tell, and, for many
// sagas at once, which ones. Names that are not known are refused, for a filter that was mistyped would mean
// all. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "http/message.hpp"
#include "http/principal.hpp"
#include "http/problem.hpp"
#include "http/saga_filter.hpp"

namespace holdfast::http {

/// Sagas that one command is for, at most; further ones are for the next.
inline constexpr std::uint32_t largest_bulk = 1000;

/// Characters of a reason.
inline constexpr std::size_t largest_reason_length = domain::largest_operator_reason / 4;

struct operator_note {
  std::string who;
  std::string why;
};

/// A command for all that the filter means.
struct bulk_request {
  operator_note note;
  saga_query which;
  /// Only to say what would be done.
  bool dry_run = true;
};

/// A command with a word: {"action":"open", ...}, {"level":"debug", ...}.
struct word_request {
  operator_note note;
  std::string word;
};

/// The problem's `instance` is left to the caller.
tl::expected<operator_note, problem> read_note(const request& request, const principal& by);
tl::expected<bulk_request, problem> read_bulk(const request& request, const principal& by);
tl::expected<word_request, problem> read_word(const request& request, const principal& by,
                                              std::string_view name);

tl::unexpected<problem> refused_field(std::string_view name, std::string_view what);

}  // namespace holdfast::http
