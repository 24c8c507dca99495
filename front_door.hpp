// Opens what lets requests in, and has its files read again on SIGHUP. Of the composition root.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "access_configuration.hpp"
#include "http/doorkeeper.hpp"

namespace holdfast {

/// Or which file can't be used, and why.
tl::expected<std::unique_ptr<http::doorkeeper>, std::string> open_door(const access_configuration& access);

/// Logs what came of it.
void reload(http::doorkeeper& door);

}  // namespace holdfast
