#include "http/views.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/collections.hpp"
#include "http/documents.hpp"
#include "http/etag.hpp"

namespace holdfast::http {

namespace {

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

/// To a customer another's is as good as none.
bool may_see(const client& client, const story& story) {
  return story.state.what.user_id == client.who->only_user().value_or(story.state.what.user_id);
}

response show(const client& client, document_kind kind, const story& story, std::string_view if_none_match) {
  auto tag = etag_of(story.state.version, kind, client.base, client.media_type);
  if (matches(if_none_match, tag)) {
    return {.status = 304,
            .content_type = {},
            .body = {},
            .headers = {{"Vary", "Accept"}, {"ETag", std::move(tag)}}};
  }
  auto response = document_response(200, client,
                                    [&](json_writer& out) { write_document(out, kind, story, client.base); });
  response.headers.emplace_back("ETag", std::move(tag));
  return response;
}

struct broken_row {
  domain::reservation_id id;
  std::string why;
};

/// Up to the first row that can't be read, which it gives.
std::optional<broken_row> write_documents(json_writer& out, const client& client, document_kind kind,
                                          const std::vector<storage::stored_row>& rows) {
  for (const auto& row : rows) {
    const auto story = read_story(kind, row.id, row.records);
    if (!story) return broken_row{row.id, story.error()};
    // A customer's receipts are looked for among all of his reservations.
    if (has_document(kind, story->state) && may_see(client, *story)) {
      write_document(out, kind, *story, client.base);
    }
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
  const auto story = read_story(kind, id, read.records);
  if (!story) return broken_records(client, id, story.error());
  if (!has_document(kind, story->state) || !may_see(client, *story)) return missing(client, kind, id);
  return show(client, kind, *story, if_none_match);
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
