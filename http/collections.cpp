#include "http/collections.hpp"

#include "http/cursor.hpp"
#include "http/links.hpp"
#include "http/text.hpp"

namespace holdfast::http {

namespace {

std::string collection_href(std::string_view base, document_kind kind) {
  return joined(base, "/", collection_name(kind));
}

/// RFC 6570: the parameters that the client may fill in.
std::string template_href(const collection_query& query, std::string_view base) {
  auto href = collection_href(base, query.kind);
  if (!query.user_id) return href.append("{?page,size,sort}");
  return href.append("?userId=").append(std::to_string(*query.user_id)).append("{&page,size,sort}");
}

std::string page_href(const collection_query& query, std::uint64_t page, std::string_view base) {
  auto href = collection_href(base, query.kind).append("?");
  if (query.user_id) href.append("userId=").append(std::to_string(*query.user_id)).append("&");
  href.append("page=").append(std::to_string(page));
  href.append("&size=").append(std::to_string(query.size));
  return href.append(query.descending ? "&sort=createdAt,desc" : "&sort=createdAt,asc");
}

std::uint64_t page_count(const collection_query& query, const collection_page& page) {
  return page.total / query.size + (page.total % query.size == 0 ? 0 : 1);
}

/// Whether a page can be asked for by its number.
bool has_number(const collection_query& query, std::uint64_t page) {
  return page <= largest_offset / query.size;
}

void write_links(json_writer& out, const collection_query& query, const collection_page& page,
                 std::string_view base) {
  out.name("_links");
  out.begin_object();
  write_template(out, "self", template_href(query, base));
  write_link(out, "first", page_href(query, 0, base));
  if (query.page > 0 && has_number(query, query.page - 1)) {
    write_link(out, "prev", page_href(query, query.page - 1, base));
  }
  if (const auto next = next_href(query, page, base); !next.empty()) write_link(out, "next", next);
  const auto pages = page_count(query, page);
  if (pages > 0 && has_number(query, pages - 1)) {
    write_link(out, "last", page_href(query, pages - 1, base));
  }
  out.end_object();
}

void write_page(json_writer& out, const collection_query& query, const collection_page& page) {
  out.name("page");
  out.begin_object();
  json::field(out, "size", query.size);
  json::field(out, "totalElements", page.total);
  json::field(out, "totalPages", page_count(query, page));
  json::field(out, "number", query.page);
  out.end_object();
}

}  // namespace

std::string next_href(const collection_query& query, const collection_page& page, std::string_view base) {
  if (!page.more) return {};
  const cursor behind{.descending = query.descending, .place = page.next};
  return page_href(query, query.page + 1, base).append("&after=").append(encode_cursor(behind));
}

void write_collection(json_writer& out, const collection_query& query, const collection_page& page,
                      std::string_view base, const std::function<void()>& write_documents) {
  out.begin_object();
  out.name("_embedded");
  out.begin_object();
  out.name(collection_name(query.kind));
  out.begin_array();
  write_documents();
  out.end_array();
  out.end_object();
  write_links(out, query, page, base);
  write_page(out, query, page);
  out.end_object();
}

void write_index(json_writer& out, std::string_view base) {
  out.begin_object();
  out.name("_links");
  out.begin_object();
  write_link(out, "self", std::string(base) + "/");
  for (auto kind : {document_kind::pre_reservation, document_kind::payment, document_kind::receipt}) {
    write_template(out, collection_name(kind), collection_href(base, kind) + "{?page,size,sort}");
  }
  constexpr auto mine = document_kind::my_reservation;
  write_template(out, collection_name(mine), collection_href(base, mine) + "{?userId,page,size,sort}");
  write_link(out, "actuator", std::string(base) + "/actuator");
  // RFC 8631.
  write_link(out, "service-desc", std::string(base) + "/openapi.json");
  out.end_object();
  out.end_object();
}

}  // namespace holdfast::http
