// Answers /events: a stream of what the feed gives. Used on the loop that has read the request.
#pragma once

#include <boost/asio/io_context.hpp>

#include "http/client.hpp"
#include "http/event_feed.hpp"
#include "http/message.hpp"

namespace holdfast::http {

response answer_events(const client& client, const request& request, event_feed& feed,
                       boost::asio::io_context& loop);

}  // namespace holdfast::http
