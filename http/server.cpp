#include "http/server.hpp"

#include <memory>
#include <utility>

#include "http/listener.hpp"

namespace holdfast::http {

class server::implementation {
 public:
  implementation(handler_factory make_handler, server_options options)
      : transport_(std::move(make_handler), std::move(options)) {}

  http::transport& transport() { return transport_; }

 private:
  http::transport transport_;
};

server::server(handler_factory make_handler, server_options options)
    : implementation_(std::make_unique<implementation>(std::move(make_handler), std::move(options))) {}

server::~server() = default;

std::optional<std::string> server::start() {
  return implementation_->transport().start();
}
std::vector<task_runner> server::loops() {
  return implementation_->transport().loops();
}
std::uint16_t server::port() const {
  return implementation_->transport().port();
}
void server::pause() {
  implementation_->transport().pause();
}
void server::resume() {
  implementation_->transport().resume();
}
void server::stop_accepting() {
  implementation_->transport().stop_accepting();
}
void server::wait_until_none(std::chrono::milliseconds at_most) {
  implementation_->transport().wait_until_none(at_most);
}
void server::stop(std::chrono::milliseconds at_most) {
  implementation_->transport().stop(at_most);
}

}  // namespace holdfast::http
