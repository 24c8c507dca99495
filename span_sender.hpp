// Where a served process sends its spans.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "http/admin_client.hpp"
#include "http/span_exporter.hpp"
#include "trace_configuration.hpp"

namespace holdfast {

/// By HTTPS the system's authorities are trusted; or why they can't be.
tl::expected<http::server_address, std::string> address_of_collector(const trace_configuration& traces);

/// Null where nobody wants any; or why it can't be made.
tl::expected<std::unique_ptr<http::span_exporter>, std::string> make_span_exporter(
    const trace_configuration& traces);

}  // namespace holdfast
