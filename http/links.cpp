#include "http/links.hpp"

#include <array>
#include <charconv>

#include "http/ascii.hpp"

namespace holdfast::http {

namespace {

/// Characters of a host and its port: RFC 3986, 3.2.2, percent-encoding and the brackets and
/// colons of IPv6 among them.
constexpr ascii::character_set authority_characters(ascii::alphanumerics, "-._~%[]:!$&'()*+,;=");

}  // namespace

std::string base_of(std::string_view host, bool secure) {
  if (host.empty() || !authority_characters.has_all_of(host)) return {};
  const std::string_view scheme = secure ? "https://" : "http://";
  std::string base;
  base.reserve(scheme.size() + host.size());
  return base.append(scheme).append(host);
}

std::string item_href(std::string_view base, document_kind kind, domain::reservation_id id) {
  std::string href;
  href.reserve(base.size() + 40);
  href.append(base).append("/").append(collection_name(kind)).append("/").append(std::to_string(id));
  return href;
}

void write_link(json_writer& out, std::string_view name, std::string_view href) {
  out.name(name);
  out.begin_object();
  json::plain_field(out, "href", href);
  out.end_object();
}

void write_item_link(json_writer& out, std::string_view name, std::string_view base, document_kind kind,
                     domain::reservation_id id) {
  std::array<char, 20> digits;
  const auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), id).ptr;
  out.name(name);
  out.begin_object();
  out.name("href");
  out.plain_string({base, "/", collection_name(kind), "/", {digits.data(), end}});
  out.end_object();
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
