// A client of /events for tests: reads server-sent events as a browser's EventSource does, and remembers
// the last id, with which the next stream may go on.
// Owned by one test; one thread each. Every wait has a deadline, what goes wrong is thrown.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/http_client.hpp"

namespace holdfast::testing {

struct seen_event {
  std::string id;
  std::string type;
  std::string data;

  /// A member of its JSON, as text.
  std::string at(const std::string& pointer) const { return json_at(parse_json(data), pointer); }
  std::uint64_t reservation() const { return std::strtoull(at("/id").c_str(), nullptr, 10); }
  std::string event_id() const { return text_at(parse_json(data), "/eventId"); }
  std::uint64_t version() const { return std::strtoull(at("/version").c_str(), nullptr, 10); }
};

/// Takes the chunks of a body apart (RFC 9112, section 7.1).
class chunk_reader {
 public:
  /// What is whole of the body by now. Throws where it is no chunked body.
  std::string feed(std::string_view bytes) {
    received_ += bytes;
    std::string body;
    while (!ended_) {
      const auto line_end = received_.find("\r\n");
      if (line_end == std::string::npos) break;
      char* end = nullptr;
      const auto size = std::strtoul(received_.c_str(), &end, 16);
      if (end != received_.c_str() + line_end) throw std::runtime_error("no chunk: " + received_);
      const auto whole = line_end + 2 + size + 2;
      if (received_.size() < whole) break;
      if (received_.compare(whole - 2, 2, "\r\n") != 0) throw std::runtime_error("no end of a chunk");
      body += received_.substr(line_end + 2, size);
      received_.erase(0, whole);
      ended_ = size == 0;
    }
    return body;
  }
  /// The last chunk has come.
  bool ended() const { return ended_; }

 private:
  std::string received_;
  bool ended_ = false;
};

class event_stream {
 public:
  /// Returns when the stream has told from where it goes on: what happens from then on is on it.
  explicit event_stream(std::uint16_t port, const std::string& target = "/events",
                        const std::string& last_event_id = {}, header_list headers = {},
                        const std::string& address = "127.0.0.1",
                        std::chrono::milliseconds patience = answer_deadline)
      : patience_(patience), connection_(port, address, patience) {
    if (!last_event_id.empty()) headers.emplace_back("Last-Event-ID", last_event_id);
    head_ = connection_.exchange(request_text("GET", target, headers));
    if (head_.status != 200) throw std::runtime_error(target + ": " + head_.status_line);
    while (last_id_.empty()) {
      if (!read_more()) throw std::runtime_error("the stream ended before it began");
    }
  }

  const raw_response& head() const { return head_; }
  /// What to resume from.
  const std::string& last_id() const { return last_id_; }

  /// The next event; nothing where the stream has ended before it.
  std::optional<seen_event> next() {
    // Heartbeats go on coming where nothing else does.
    const auto until = raw_client::clock::now() + patience_;
    while (events_.empty()) {
      if (!read_more()) return std::nullopt;
      if (raw_client::clock::now() > until) throw deadline_passed("event_stream: no event has come");
    }
    return take();
  }
  /// One that has to be there.
  seen_event require() {
    auto event = next();
    if (!event) throw std::runtime_error("the stream has ended");
    return std::move(*event);
  }
  std::vector<seen_event> require(std::size_t count) {
    std::vector<seen_event> events;
    while (events.size() < count) events.push_back(require());
    return events;
  }

  /// Whether the body has ended as it should, not just the connection.
  bool ended_well() const { return chunks_.ended(); }
  /// Comments that have come.
  const std::vector<std::string>& comments() const { return comments_; }

 private:
  /// False once the connection has ended.
  bool read_more() {
    if (chunks_.ended()) return false;
    const auto bytes = connection_.read_some();
    if (bytes.empty()) return false;
    text_ += chunks_.feed(bytes);
    for (auto end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
      read_line(text_.substr(0, end));
      text_.erase(0, end + 1);
    }
    return true;
  }

  void read_line(const std::string& line) {
    const auto colon = line.find(": ");
    const auto value = colon == std::string::npos ? std::string() : line.substr(colon + 2);
    if (line.empty()) return dispatch();
    if (colon == 0) comments_.push_back(value);
    if (line.starts_with("id: ")) open_.id = value;
    if (line.starts_with("event: ")) open_.type = value;
    if (line.starts_with("data: ")) open_.data = value;
  }

  /// HTML Standard, section 9.2.6: an id without data counts too.
  void dispatch() {
    if (!open_.id.empty() && open_.data.empty()) last_id_ = open_.id;
    if (!open_.data.empty()) events_.push_back(open_);
    open_ = {};
  }

  seen_event take() {
    auto event = std::move(events_.front());
    events_.erase(events_.begin());
    if (!event.id.empty()) last_id_ = event.id;
    return event;
  }

  const std::chrono::milliseconds patience_;
  raw_client connection_;
  raw_response head_;
  chunk_reader chunks_;
  std::string text_;
  seen_event open_;
  std::vector<seen_event> events_;
  std::vector<std::string> comments_;
  std::string last_id_;
};

}  // namespace holdfast::testing
