#include "http/server.hpp"

#include <memory>
#include <utility>

#include "http/listener.hpp"

namespace holdfast::http {

namespace {

/// Each loop gets an API of its own.
handler_factory api_for_each_loop(api_ports ports) {
  return [ports = std::move(ports)](boost::asio::io_context& loop) -> handler {
    return [api = std::make_shared<api>(ports, loop)](request request, respond done) {
      api->handle(std::move(request), std::move(done));
    };
  };
}

}  // namespace

class server::implementation {
 public:
  implementation(api_ports ports, server_options options)
      : transport_(api_for_each_loop(std::move(ports)), std::move(options)) {}

  http::transport& transport() { return transport_; }

 private:
  http::transport transport_;
};

server::server(api_ports ports, server_options options)
    : implementation_(std::make_unique<implementation>(std::move(ports), std::move(options))) {}

server::~server() = default;

std::optional<std::string> server::start() {
  return implementation_->transport().start();
}
std::uint16_t server::port() const {
  return implementation_->transport().port();
}
void server::stop_accepting() {
  implementation_->transport().stop_accepting();
}
void server::stop(std::chrono::milliseconds at_most) {
  implementation_->transport().stop(at_most);
}

}  // namespace holdfast::http
