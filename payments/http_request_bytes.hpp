// A request as it goes over the wire. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "domain/card.hpp"
#include "payments/http_message.hpp"

namespace holdfast::payments {

/// What a Host header says: "10.0.0.1:9090", "[::1]:9090".
std::string authority_of(std::string_view host, std::uint16_t port);

/// Whether it may stand in a header as it is: printable ASCII without spaces.
bool is_header_word(std::string_view text);

/// The whole request, in one buffer that is wiped when it goes. No `Authorization` where the key
/// is empty.
domain::secret bytes_of(const http_request& request, std::string_view authority, const domain::secret& key);

}  // namespace holdfast::payments
