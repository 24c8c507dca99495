// What Beast itself can do: answers every request with the same JSON from one thread, with keep
// alive and nothing else. The server is measured against it. With BYTES the answer is spaces of that
// length, to compare with answers as long.
//
//     ceiling PORT [BYTES]
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

std::string constant_answer =
    R"({"id":1,"userId":1,"userAddress":"seoul","productId":1,"productName":"fold","price":1300000,)"
    R"("currency":"KRW","cardNo":"****-****-****-1234","status":"reservated","cancelReason":null,)"
    R"("createdAt":"2026-11-22T06:30:00.000Z","modifiedAt":"2026-11-22T06:30:00.100Z","version":3,)"
    R"("_links":{"self":{"href":"http://127.0.0.1:8088/preReservations/1"}}})";

using stream = beast::basic_stream<tcp, asio::io_context::executor_type>;

class connection : public std::enable_shared_from_this<connection> {
 public:
  explicit connection(stream stream) : stream_(std::move(stream)) {}

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       if (!error) self->write();
                     });
  }

 private:
  void write() {
    response_ = {http::status::ok, request_.version()};
    response_.set(http::field::server, "ceiling");
    response_.set(http::field::content_type, "application/json");
    response_.keep_alive(request_.keep_alive());
    response_.body() = constant_answer;
    response_.prepare_payload();
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error && self->response_.keep_alive()) self->read();
    });
  }

  stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

using acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;

void accept(acceptor& from) {
  from.async_accept([&from](beast::error_code error, stream::socket_type socket) {
    if (!error) {
      beast::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<connection>(stream(std::move(socket)))->read();
    }
    accept(from);
  });
}

}  // namespace

int main(int count, char** arguments) {
  const int port = count == 2 || count == 3 ? std::atoi(arguments[1]) : 0;
  if (port < 1 || port > 65535) {
    std::cerr << "usage: ceiling PORT [BYTES]\n";
    return EXIT_FAILURE;
  }
  if (count == 3) constant_answer.assign(std::strtoul(arguments[2], nullptr, 10), ' ');
  asio::io_context loop{1};
  acceptor listener(loop, {asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(port)});
  accept(listener);
  loop.run();
}
