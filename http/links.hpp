// Links into the API, with the host that the client asked for. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "domain/types.hpp"
#include "http/json.hpp"
#include "http/names.hpp"

namespace holdfast::http {

/// "http://host", "https://host" where it is secure; empty, so that links are relative, for a host that no
/// URL can carry. Has nothing that JSON would escape, so links made of it have not either.
std::string base_of(std::string_view host, bool secure = false);

/// "http://host/payments/1".
std::string item_href(std::string_view base, document_kind kind, domain::reservation_id id);

/// `"name":{"href":"..."}`
void write_link(json_writer& out, std::string_view name, std::string_view href);
/// The same, to an item. `id` is its number.
void write_item_link(json_writer& out, std::string_view name, std::string_view base, document_kind kind,
                     std::string_view id);
/// As write_link, for a URI template (RFC 6570).
void write_template(json_writer& out, std::string_view name, std::string_view href);

}  // namespace holdfast::http
