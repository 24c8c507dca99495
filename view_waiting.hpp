// Waits for the view that a server was told to make anew, and shows how far it is.
// Used by one thread, which it blocks.
#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>
#include <variant>

#include "http/admin_client.hpp"

namespace holdfast {

/// Until the view is read again and has all that it lacked. `since`: when the server had been told. Fails
/// where the server can't be asked; the view is made all the same.
tl::expected<std::monostate, std::string> wait_for_view(http::admin_client& server,
                                                        std::chrono::steady_clock::time_point since);

}  // namespace holdfast
