// The span of a request, by OpenTelemetry's semantic conventions for HTTP servers.
#pragma once

#include <memory>

#include "http/message.hpp"
#include "http/router.hpp"
#include "tracing/span.hpp"

namespace holdfast::http {

/// Where its caller wants one, or a trace begins with it: what follows is within it, so the request's trace
/// becomes the span's. Probes and scrapes begin no trace. Null where there is none.
std::shared_ptr<tracing::open_span> begin_request_span(tracing::tracer* to, const route& route,
                                                       request& request);

void end_request_span(tracing::open_span& span, unsigned status);

}  // namespace holdfast::http
