// HAL collections: a page of documents with its links. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "http/documents.hpp"
#include "http/json.hpp"
#include "http/query.hpp"
#include "storage/view.hpp"

namespace holdfast::http {

/// A page, without its rows.
struct collection_page {
  /// Rows of the whole collection.
  std::uint64_t total = 0;
  /// Whether more rows follow; then `next` is the place behind the last one.
  bool more = false;
  storage::view_cursor next;
};

/// Where the next page is, by cursor; empty on the last one.
std::string next_href(const collection_query& query, const collection_page& page, std::string_view base);

/// Writes the collection as one JSON object, into which `write_documents` puts those of the page.
void write_collection(json_writer& out, const collection_query& query, const collection_page& page,
                      std::string_view base, const std::function<void()>& write_documents);

/// Writes the index of `/`.
void write_index(json_writer& out, std::string_view base);

}  // namespace holdfast::http
