#include "http/query.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "http/ascii.hpp"
#include "http/cursor.hpp"
#include "http/parameter.hpp"

namespace holdfast::http {

namespace {

template <class T>
using result = tl::expected<T, problem>;

tl::unexpected<problem> invalid(std::string detail) {
  return refused_input(fault::invalid_parameter, std::move(detail));
}

struct sorting {
  std::optional<bool> descending;
};

result<sorting> read_sort(std::string_view query) {
  auto text = read_parameter(query, "sort");
  if (!text) return tl::unexpected(std::move(text.error()));
  if (!*text) return sorting{};
  const auto [field, direction] = ascii::split(**text, ',');
  const bool ascending = direction.empty() || ascii::same_ignoring_case(direction, "asc");
  const bool descending = ascii::same_ignoring_case(direction, "desc");
  if (field != "createdAt" || !(ascending || descending)) {
    return invalid("The parameter sort has to be createdAt,asc or createdAt,desc.");
  }
  return sorting{descending};
}

result<std::optional<cursor>> read_cursor(std::string_view query, sorting sort) {
  auto text = read_parameter(query, "after");
  if (!text) return tl::unexpected(std::move(text.error()));
  if (!*text) return std::nullopt;
  const auto found = decode_cursor(**text);
  if (!found) return invalid("The parameter after has to be a cursor from a `next` link, unchanged.");
  if (sort.descending.value_or(found->descending) != found->descending) {
    return invalid("The cursor in the parameter after belongs to the other direction of sort.");
  }
  return found;
}

}  // namespace

result<collection_query> read_collection_query(document_kind kind, std::string_view text,
                                               std::optional<std::uint64_t> only_user) {
  collection_query query{.kind = kind, .user_id = {}, .after = {}};
  const auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer);
  if (kind == document_kind::my_reservation) {
    auto user = read_user(text, only_user);
    if (!user) return tl::unexpected(std::move(user.error()));
    query.user_id = *user ? *user : only_user;
  }
  auto size = read_number(text, "size", largest_page_size, "a whole number from 1 on");
  if (!size) return tl::unexpected(std::move(size.error()));
  query.size = static_cast<std::uint32_t>(size->value_or(default_page_size));
  if (query.size == 0) return invalid("The parameter size has to be a whole number from 1 on.");

  auto page = read_number(text, "page", largest, "a whole number from 0 on");
  if (!page) return tl::unexpected(std::move(page.error()));
  query.page = page->value_or(0);

  auto sort = read_sort(text);
  if (!sort) return tl::unexpected(std::move(sort.error()));
  auto after = read_cursor(text, *sort);
  if (!after) return tl::unexpected(std::move(after.error()));
  query.descending = sort->descending.value_or(query.user_id.has_value());
  if (only_user) query.user_id = only_user;
  if (*after) {
    query.descending = (*after)->descending;
    query.after = (*after)->place;
  } else if (query.page > largest_offset / query.size) {
    return refused_input(
        fault::use_cursor,
        "A page number reaches at most " + std::to_string(largest_offset) +
            " rows far: follow the `next` links, whose `after` cursor walks any number of rows.");
  }
  return query;
}

storage::view_query to_view_query(const collection_query& query) {
  storage::view_query rows;
  rows.collection = query.user_id                          ? storage::view_collection::of_user
                    : query.kind == document_kind::receipt ? storage::view_collection::receipts
                                                           : storage::view_collection::reservations;
  rows.user_id = query.user_id.value_or(0);
  rows.descending = query.descending;
  rows.after = query.after;
  if (!query.after) rows.offset = static_cast<std::uint32_t>(query.page * query.size);
  rows.limit = query.size;
  return rows;
}

}  // namespace holdfast::http
