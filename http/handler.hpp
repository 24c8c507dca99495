// What the transport hands requests to: it knows no API and no engine.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "http/message.hpp"

namespace holdfast::http {

/// Answers one request by calling `respond` once on the loop's thread, before it returns or at any
/// time later. Whatever became of the connection meanwhile, that is harmless. Where it is never
/// called, the connection stays until it is closed from here or by the server's end. The request is
/// there until it returns or answers; it may take of it what it needs for longer.
using handler = std::function<void(request&, respond)>;

/// Makes the handler of one event loop. The handler dies before the loop does.
using handler_factory = std::function<handler(boost::asio::io_context& loop)>;

/// Told of every request that the transport refuses by itself, since it can't be read: by the status that
/// answers it. Called on any loop's thread.
using refusal_listener = std::function<void(unsigned status)>;

}  // namespace holdfast::http
