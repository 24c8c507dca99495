// The query string of a collection: which rows, in which order, how many. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "http/names.hpp"
#include "http/problem.hpp"
#include "storage/view.hpp"

namespace holdfast::http {

/// Rows of a page.
inline constexpr std::uint32_t default_page_size = 20;
inline constexpr std::uint32_t largest_page_size = 1000;
/// Rows that a page number may pass over; beyond them only a cursor goes on at constant cost.
inline constexpr std::uint64_t largest_offset = 10'000;

struct collection_query {
  document_kind kind = document_kind::pre_reservation;
  /// Of one customer: my_reservation only, unless a customer asks.
  std::optional<std::uint64_t> user_id;
  bool descending = false;
  /// With a cursor it only counts the pages that were walked.
  std::uint64_t page = 0;
  std::uint32_t size = default_page_size;
  std::optional<storage::view_cursor> after;
};

/// Unknown parameters are ignored. Where there are reservations of one user only, to the one who asks,
/// another's are refused. The problem's `instance` is left to the caller.
tl::expected<collection_query, problem> read_collection_query(document_kind kind, std::string_view query,
                                                              std::optional<std::uint64_t> only_user = {});

/// What the view is asked.
storage::view_query to_view_query(const collection_query& query);

}  // namespace holdfast::http
