#include "http/event_frames.hpp"

#include "http/json.hpp"

namespace holdfast::http {

namespace {

/// At once would be too soon where a node goes down, and a minute too late where a reader was slow.
constexpr std::string_view come_back_after_ms = "1000";

std::string& append_line(std::string& to, std::string_view field, std::string_view value) {
  return to.append(field).append(": ").append(value).append("\n");
}

}  // namespace

std::string event_frame(std::string_view id, std::string_view type, std::string_view data) {
  std::string frame;
  frame.reserve(id.size() + type.size() + data.size() + 32);
  append_line(frame, "id", id);
  append_line(frame, "event", type);
  return append_line(frame, "data", data).append("\n");
}

std::string place_frame(std::string_view id) {
  std::string frame;
  return append_line(frame, "id", id).append("\n");
}

std::string opening_frame(std::string_view id) {
  std::string frame;
  append_line(frame, "retry", come_back_after_ms);
  return frame.append(place_frame(id));
}

std::string heartbeat_frame(std::string_view new_id) {
  std::string frame = ": heartbeat\n";
  return new_id.empty() ? frame.append("\n") : frame.append(place_frame(new_id));
}

std::string closing_frame(std::string_view reason, std::string_view detail) {
  std::string frame;
  append_line(frame, "event", "StreamEnded");
  const auto data = json::text_of([&](json_writer& out) {
    out.begin_object();
    json::plain_field(out, "eventType", "StreamEnded");
    json::plain_field(out, "reason", reason);
    json::plain_field(out, "detail", detail);
    out.end_object();
  });
  return append_line(frame, "data", data).append("\n");
}

}  // namespace holdfast::http
