// Answers /events: a stream of what the feed gives. Used on the loop that has read the request.
#pragma once

#include <boost/asio/io_context.hpp>

#include "http/client.hpp"
#include "http/doorkeeper.hpp"
#include "http/event_feed.hpp"
#include "http/message.hpp"

namespace holdfast::http {

/// The door, which says whether a stream's owner is still known, outlives the feed.
response answer_events(const client& client, const request& request, event_feed& feed, const doorkeeper& door,
                       boost::asio::io_context& loop);

}  // namespace holdfast::http
