// The client of the operators' commands, and connections that its server has closed while they were idle.
#include "http/admin_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>

#include "http/listener.hpp"
#include "http/server_trust.hpp"
#include "http/tls_certificates.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tls_client.hpp"

namespace holdfast::testing {
namespace {

constexpr std::chrono::seconds answer_within{10};

/// Closes what is idle after a moment, and counts the requests.
struct impatient_server {
  explicit impatient_server(std::shared_ptr<const http::tls_certificates> certificates)
      : transport(
            [this](auto&) {
              return [this](http::request&, http::respond done) {
                ++requests;
                done({.status = 204, .content_type = {}, .body = {}, .headers = {}});
              };
            },
            {.port = 0, .certificates = std::move(certificates)}, std::chrono::milliseconds{200}) {
    REQUIRE_FALSE(transport.start());
  }
  ~impatient_server() { transport.stop(std::chrono::milliseconds{1000}); }

  std::atomic<int> requests = 0;
  http::transport transport;
};

void check_taken_up_again(impatient_server& server, const http::trust_ptr& trust) {
  http::admin_client client({.host = "127.0.0.1", .port = server.transport.port(), .trust = trust},
                            answer_within);
  int asked = 0;
  for (const char* method : {"GET", "POST", "GET", "PUT"}) {
    CAPTURE(method);
    const auto answer = client.ask(method, "/", *method == 'P' ? "{}" : "");
    REQUIRE_MESSAGE(answer, answer.error());
    CHECK(answer->status == 204);
    CHECK(server.requests == ++asked);
    REQUIRE(eventually([&] { return server.transport.connections() == 0; }));
  }
}

TEST_CASE("an idle connection that the server has closed is taken up again, over HTTPS too") {
  impatient_server plain(nullptr);
  check_taken_up_again(plain, nullptr);
  const certificate_files files("mine");
  const auto certificates = http::tls_certificates::open(files.certificate(), files.key());
  REQUIRE(certificates);
  const auto trust = http::trust_in(files.certificate());
  REQUIRE(trust);
  impatient_server secure(*certificates);
  check_taken_up_again(secure, *trust);
}

TEST_CASE("what may have been heard is asked again once, and only where twice does no more than once") {
  const std::pair<const char*, bool> table[] = {
      {"GET", true}, {"HEAD", true}, {"PUT", true}, {"DELETE", true}, {"POST", false}};
  for (const auto& [method, again] : table) {
    CAPTURE(method);
    // It hears the second request of its first connection, and goes away.
    scripted_server server([](const scripted_request& request) {
      if (request.connection == 1 && request.number == 2)
        return scripted_action{.bytes = "", .then_close = true};
      return scripted_action{"HTTP/1.1 204 No Content\r\n\r\n"};
    });
    http::admin_client client({.host = "127.0.0.1", .port = server.port()}, answer_within);
    REQUIRE(client.ask("GET", "/"));
    const auto answer = client.ask(method, "/");
    CHECK(answer.has_value() == again);
    CHECK(server.requests().size() == (again ? 3 : 2));
  }
}

TEST_CASE("a server that goes away each time is not asked for ever") {
  scripted_server server([](const scripted_request& request) {
    return request.number == 1 && request.connection == 1 ? scripted_action{"HTTP/1.1 204 No Content\r\n\r\n"}
                                                          : scripted_action{.bytes = "", .then_close = true};
  });
  http::admin_client client({.host = "127.0.0.1", .port = server.port()}, answer_within);
  REQUIRE(client.ask("GET", "/"));
  CHECK_FALSE(client.ask("GET", "/"));
  CHECK(server.requests().size() == 3);
}

TEST_CASE("an answer that breaks off is none, and its request is not repeated") {
  scripted_server server([](const scripted_request& request) {
    return request.number == 1
               ? scripted_action{"HTTP/1.1 204 No Content\r\n\r\n"}
               : scripted_action{.bytes = "HTTP/1.1 200 OK\r\nContent-Le", .then_close = true};
  });
  http::admin_client client({.host = "127.0.0.1", .port = server.port()}, answer_within);
  REQUIRE(client.ask("GET", "/"));
  CHECK_FALSE(client.ask("GET", "/"));
  CHECK(server.requests().size() == 2);
}

}  // namespace
}  // namespace holdfast::testing
