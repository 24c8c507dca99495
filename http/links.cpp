#include "http/links.hpp"

#include <algorithm>

namespace holdfast::http {

namespace {

/// Characters of a host and its port: RFC 3986, 3.2.2, percent-encoding and the brackets and
/// colons of IPv6 among them.
bool is_host_character(char c) {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || std::string_view("-._~%[]:!$&'()*+,;=").find(c) != std::string_view::npos;
}

}  // namespace

std::string base_of(std::string_view host) {
  if (host.empty() || !std::all_of(host.begin(), host.end(), is_host_character)) return {};
  std::string base = "http://";
  return base.append(host);
}

std::string item_href(std::string_view base, document_kind kind, domain::reservation_id id) {
  std::string href;
  href.reserve(base.size() + 40);
  href.append(base).append("/").append(collection_name(kind)).append("/").append(std::to_string(id));
  return href;
}

void write_link(json_writer& out, std::string_view name, std::string_view href) {
  json::key(out, name);
  out.StartObject();
  json::field(out, "href", href);
  out.EndObject();
}

void write_template(json_writer& out, std::string_view name, std::string_view href) {
  json::key(out, name);
  out.StartObject();
  json::field(out, "href", href);
  json::key(out, "templated");
  out.Bool(true);
  out.EndObject();
}

}  // namespace holdfast::http
