// Server-sent events as they are written (HTML Standard, section 9.2). Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::http {

inline constexpr std::string_view event_stream_media_type = "text/event-stream";

/// `data` is one line.
std::string event_frame(std::string_view id, std::string_view type, std::string_view data);

/// No event: it moves the place from which the client resumes.
std::string place_frame(std::string_view id);

/// The first thing on a stream: from where it goes on, and when to come back when it breaks off.
std::string opening_frame(std::string_view id);

/// A comment, and the place where there is a new one.
std::string heartbeat_frame(std::string_view new_id);

/// The last event, of type StreamEnded and without an id. `reason` and `detail` have nothing that has to be
/// escaped.
std::string closing_frame(std::string_view reason, std::string_view detail);

}  // namespace holdfast::http
