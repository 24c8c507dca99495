// The HTTP contract: routes a request to the engine or to the view and renders the answer.
// One for each event loop, used on that loop only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "http/handler.hpp"

namespace holdfast::actors {
class engine;
}
namespace holdfast::storage {
class journal;
class projection_progress;
class view_store;
}  // namespace holdfast::storage

namespace holdfast::http {

class doorkeeper;
class event_feed;
class publishing_meter;
class request_meters;
class span_exporter;

/// What the API answers from. Everything outlives it.
struct api_ports {
  actors::engine& engine;
  storage::journal& reservations;
  storage::view_store& view;
  const storage::projection_progress& progress;
  /// Whether the process serves: readiness. False before the start and while draining.
  std::function<bool()> ready;
  std::string version;
  /// Whether customers are served here; what operators ask for is answered anyway.
  bool gateway = true;
  /// Where each loop's API counts.
  request_meters& meters;
  event_feed& events;
  /// Null where events are not published.
  const publishing_meter* publishing = nullptr;
  doorkeeper& door;
  /// Whether full card numbers are accepted.
  bool card_numbers = true;
  /// Null where nobody wants spans.
  span_exporter* spans = nullptr;
};

class api {
 public:
  api(api_ports ports, boost::asio::io_context& loop);
  ~api();
  api(const api&) = delete;
  api& operator=(const api&) = delete;

  void handle(request& request, respond done);

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

/// An API for each loop.
handler_factory api_handlers(api_ports ports);

}  // namespace holdfast::http
