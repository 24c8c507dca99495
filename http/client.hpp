// Who asked, as far as the answer depends on it: kept by value while the answer is worked out.
// Pure functions over it.
#pragma once

#include <string>
#include <string_view>

#include "domain/types.hpp"
#include "http/json.hpp"
#include "http/message.hpp"
#include "http/principal.hpp"
#include "http/problem.hpp"

namespace holdfast::http {

struct client {
  /// What goes before every link: see links.hpp.
  std::string base;
  /// The media type of documents and collections that this client wants.
  std::string_view media_type;
  /// The path that was asked for, the `instance` of problems.
  std::string path;
  principal_ptr who = anonymous_operator();
  /// Of the request, or none.
  tracing::trace_context trace = {};
};

client client_of(const request& request);

/// A body written by `write`, in the media type that the client wants.
template <class Write>
response document_response(unsigned status, const client& client, Write&& write) {
  response response;
  response.status = status;
  response.content_type = client.media_type;
  response.body = json::text_of(write);
  // With a tag or a link.
  response.headers.reserve(2);
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

response refuse(const client& client, fault fault, std::string detail);
response refuse(const client& client, problem problem);

/// The answer where stored records can't be read; logs why.
response broken_records(const client& client, domain::reservation_id id, std::string_view why);

}  // namespace holdfast::http
