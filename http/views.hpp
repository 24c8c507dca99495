// What a client is told when it reads: items and collections as responses. Pure functions, but that each
// thread keeps documents that it has written lately (document_cache.hpp).
#pragma once

#include <string_view>

#include "http/client.hpp"
#include "http/message.hpp"
#include "http/names.hpp"
#include "http/query.hpp"
#include "http/reader.hpp"
#include "storage/view.hpp"

namespace holdfast::http {

response answer_item(const client& client, document_kind kind, domain::reservation_id id,
                     std::string_view if_none_match, const read_answer& read);

response answer_collection(const client& client, const collection_query& query,
                           const storage::view_result<storage::view_page>& rows);

response answer_index(const client& client);

}  // namespace holdfast::http
