// Which role may use which route with which method. Whose documents a customer sees is checked where they are
// read, and what he cancels where that is decided. Pure functions.
#pragma once

#include "http/message.hpp"
#include "http/principal.hpp"
#include "http/router.hpp"

namespace holdfast::http {

/// What orchestrators and clients ask before they have credentials: health, and the API's description.
bool is_open_to_all(const route& route);

bool may(role role, const route& route, method method);

}  // namespace holdfast::http
