#include "http/events.hpp"

#include <utility>

#include "domain/card.hpp"
#include "http/event_frames.hpp"
#include "http/event_query.hpp"

namespace holdfast::http {

namespace {

/// Keeps the credential, in memory only: to ask again whose it is, whatever kind it is of.
stream_owner owner_of(const client& client, const request& request, const doorkeeper& door) {
  if (door.is_open()) return {};
  return {client.who->name, [&door, who = client.who, given = domain::secret(request.authorization)] {
            return door.still_knows(*who, given.reveal());
          }};
}

response refuse_reader(const client& client, stream_bound full) {
  if (full == stream_bound::node) {
    return refuse(client, fault::overloaded,
                  "There are as many readers of events as there may be. Come back after the time in "
                  "Retry-After.");
  }
  return refuse(client, fault::too_many_requests,
                "You have as many streams of /events open as one may have here (--event-streams). End one of "
                "them first, or read for several purposes from one.");
}

}  // namespace

response answer_events(const client& client, const request& request, event_feed& feed, const doorkeeper& door,
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
  auto opened = feed.open(loop, std::move(*wants), owner_of(client, request, door));
  if (!opened) return refuse_reader(client, opened.error());
  response.stream = std::move(*opened);
  return response;
}

}  // namespace holdfast::http
