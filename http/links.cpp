#include "http/links.hpp"

#include "http/ascii.hpp"
#include "http/text.hpp"

namespace holdfast::http {

namespace {

/// Characters of a host and its port: RFC 3986, 3.2.2, percent-encoding and the brackets and
/// colons of IPv6 among them.
constexpr ascii::character_set authority_characters(ascii::alphanumerics, "-._~%[]:!$&'()*+,;=");

}  // namespace

std::string base_of(std::string_view host, bool secure) {
  if (host.empty() || !authority_characters.has_all_of(host)) return {};
  return joined(secure ? "https://" : "http://", host);
}

std::string item_href(std::string_view base, document_kind kind, domain::reservation_id id) {
  return joined(base, "/", collection_name(kind), "/", decimal(id).view());
}

void write_link(json_writer& out, std::string_view name, std::string_view href) {
  out.name(name);
  out.begin_object();
  json::plain_field(out, "href", href);
  out.end_object();
}

void write_item_link(json_writer& out, std::string_view name, std::string_view base, document_kind kind,
                     std::string_view id) {
  out.name(name);
  out.verbatim("{\"href\":\"", base, "/", collection_name(kind), "/", id, "\"}");
}

void write_template(json_writer& out, std::string_view name, std::string_view href) {
  out.name(name);
  out.begin_object();
  json::plain_field(out, "href", href);
  out.name("templated");
  out.boolean(true);
  out.end_object();
}

}  // namespace holdfast::http
