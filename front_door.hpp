// Opens what lets requests in, and has its files read again on SIGHUP. Of the composition root.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "access_configuration.hpp"
#include "http/doorkeeper.hpp"
#include "http/tls_certificates.hpp"

namespace holdfast {

/// Or which file can't be used, and why.
tl::expected<std::unique_ptr<http::doorkeeper>, std::string> open_door(const access_configuration& access);

/// Null where it is plain HTTP.
tl::expected<std::shared_ptr<http::tls_certificates>, std::string> open_certificates(
    const access_configuration& access);

/// Logs what came of it.
void reload(http::doorkeeper& door, http::tls_certificates* certificates);

}  // namespace holdfast
