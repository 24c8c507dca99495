#include "http/views.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/collections.hpp"
#include "http/document_cache.hpp"
#include "http/etag.hpp"

namespace holdfast::http {

namespace {

/// Of this thread, an event loop's.
document_cache& documents() {
  thread_local document_cache cache;
  return cache;
}

response missing(const client& client, document_kind kind, domain::reservation_id id) {
  return refuse(client, fault::not_found,
                "There is no document " + std::to_string(id) + " here; /" +
                    std::string(collection_name(kind)) + " lists those that there are.");
}

response view_unavailable(const client& client) {
  return refuse(client, fault::view_unavailable,
                "The read model is being rebuilt or can't be reached. Nothing is lost: ask again after the "
                "time in Retry-After.");
}

/// Whether there is one; to a customer another's is as good as none.
bool may_see(const client& client, const written_document& document) {
  return !document.json.empty() && document.user_id == client.who->only_user().value_or(document.user_id);
}

response show(const client& client, document_kind kind, const written_document& document,
              std::string_view if_none_match) {
  auto tag = etag_of(document.version, kind, client.base, client.media_type);
  if (matches(if_none_match, tag)) {
    return {.status = 304,
            .content_type = {},
            .body = {},
            .headers = {{"Vary", "Accept"}, {"ETag", std::move(tag)}}};
  }
  auto response = document_response(200, client, [&](json_writer& out) { out.verbatim(document.json); });
  response.headers.emplace_back("ETag", std::move(tag));
  return response;
}

struct broken_row {
  domain::reservation_id id;
  std::string why;
};

/// Up to the first row that can't be read, which it gives.
std::optional<broken_row> write_documents(json_writer& out, const client& client, document_kind kind,
                                          const storage::listed_rows& rows) {
  for (const auto row : rows) {
    const auto document = documents().find_or_write(kind, row.id, row.records, client.base);
    if (!document) return broken_row{row.id, document.error()};
    // A customer's receipts are looked for among all of his reservations.
    if (may_see(client, **document)) out.verbatim((*document)->json);
  }
  return std::nullopt;
}

}  // namespace

response answer_item(const client& client, document_kind kind, domain::reservation_id id,
                     std::string_view if_none_match, const read_answer& read) {
  switch (read.status) {
    case read_status::missing:
      return missing(client, kind, id);
    case read_status::view_unavailable:
      return view_unavailable(client);
    case read_status::journal_unavailable:
      return refuse(client, fault::unavailable,
                    "The journal can't be read at the moment. Ask again after the time in Retry-After.");
    case read_status::found:
      break;
  }
  const auto document = documents().find_or_write(kind, id, read.records, client.base);
  if (!document) return broken_records(client, id, document.error());
  if (!may_see(client, **document)) return missing(client, kind, id);
  return show(client, kind, **document, if_none_match);
}

response answer_collection(const client& client, const collection_query& query,
                           const storage::view_result<storage::view_page>& rows) {
  if (!rows) return view_unavailable(client);
  const collection_page page{.total = rows->total, .more = rows->more, .next = rows->next};
  std::optional<broken_row> broken;
  auto response = document_response(200, client, [&](json_writer& out) {
    write_collection(out, query, page, client.base,
                     [&] { broken = write_documents(out, client, query.kind, rows->rows); });
  });
  if (broken) return broken_records(client, broken->id, broken->why);
  if (const auto next = next_href(query, page, client.base); !next.empty()) {
    response.headers.emplace_back("Link", "<" + next + ">; rel=\"next\"");
  }
  return response;
}

response answer_index(const client& client) {
  return document_response(200, client, [&](json_writer& out) { write_index(out, client.base); });
}

}  // namespace holdfast::http
