#include "http/events.hpp"

#include <utility>

#include "http/event_frames.hpp"
#include "http/event_query.hpp"

namespace holdfast::http {

response answer_events(const client& client, const request& request, event_feed& feed,
                       boost::asio::io_context& loop) {
  auto wants =
      read_event_query(request.query, request.last_event_id, feed.store_id(), client.who->only_user());
  if (!wants) return refuse(client, std::move(wants.error()));
  // A proxy must neither keep what comes nor keep it back until its buffer is full.
  response response{.status = 200,
                    .content_type = event_stream_media_type,
                    .body = {},
                    .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
                    .streamed = true};
  if (request.method == method::head) return response;
  response.stream = feed.open(loop, std::move(*wants));
  if (response.stream) return response;
  return refuse(client, fault::overloaded,
                "There are as many readers of events as there may be. Come back after the time in "
                "Retry-After.");
}

}  // namespace holdfast::http
