#include "http/openapi.hpp"

#include <string>

#include "http/etag.hpp"
#include "http/hash.hpp"
#include "http/media_type.hpp"

namespace holdfast::http {

response openapi_response(std::string_view if_none_match) {
  static const std::string tag = '"' + to_hex(stable_hash().add(openapi_document()).value()) + '"';
  if (matches(if_none_match, tag)) {
    return {.status = 304, .content_type = {}, .body = {}, .headers = {{"ETag", tag}}};
  }
  return {.status = 200,
          .content_type = json_media_type,
          .body = std::string(openapi_document()),
          .headers = {{"ETag", tag}}};
}

}  // namespace holdfast::http
