// Where a served process sends its spans.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "http/span_exporter.hpp"
#include "trace_configuration.hpp"

namespace holdfast {

/// Null where nobody wants any; or why it can't be made.
tl::expected<std::unique_ptr<http::span_exporter>, std::string> make_span_exporter(
    const trace_configuration& traces);

}  // namespace holdfast
