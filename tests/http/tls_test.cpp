// HTTPS of the real binary and of the transport alone: what is spoken, what is refused, and certificates that
// change while it runs.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/listener.hpp"
#include "http/tls_certificates.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/own_memory.hpp"
#include "tests/support/process.hpp"
#include "tests/support/tls_client.hpp"

namespace holdfast::testing {
namespace {

std::string get(const std::string& target, const std::string& more = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: shop.test\r\n" + more + "\r\n";
}

struct secure_shop {
  explicit secure_shop(std::vector<std::string> flags = {})
      : server(folder.path(), with_files(std::move(flags))) {}

  std::vector<std::string> with_files(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--tls-certificate", files.certificate(), "--tls-key", files.key()});
    return flags;
  }
  std::unique_ptr<tls_client> connect(int most_version = TLS1_3_VERSION) {
    return std::make_unique<tls_client>(server.port(), files.certificate(), most_version);
  }
  std::string ask(const std::string& request) { return connect()->exchange(request); }

  temporary_folder folder;
  certificate_files files{"first"};
  serving_process server;
};

int tls_status_of(const std::string& response) {
  return std::atoi(response.c_str() + std::string("HTTP/1.1 ").size());
}

TEST_CASE("a shop is served over TLS, with links that say so") {
  secure_shop shop;
  CHECK(shop.server.ready_line().find("https://127.0.0.1:") != std::string::npos);
  const auto client = shop.connect();
  CHECK(client->version() == "TLSv1.3");
  const std::string body = R"({"userId":1,"cardNo":"1234-1234-1234-1234"})";
  // One connection, many requests.
  for (int i = 0; i < 30; ++i) {
    const auto placed = client->exchange(
        "POST /preReservations HTTP/1.1\r\nHost: shop.test\r\nContent-Type: "
        "application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body);
    CHECK(tls_status_of(placed) == 201);
    CHECK(placed.find("Location: https://shop.test/preReservations/") != std::string::npos);
  }
  // Larger than what is copied behind its head, and than a record of TLS.
  std::string list;
  REQUIRE(eventually([&] {
    list = client->exchange(get("/myReservations?size=1000"));
    return list.find("\"totalElements\":30") != std::string::npos;
  }));
  CHECK(list.size() > 16 * 1024);
  CHECK(list.find("http://") == std::string::npos);
  CHECK(tls_status_of(client->exchange(get("/nowhere"))) == 404);
  CHECK(client->send(get("/", "Connection: close\r\n")));
  CHECK(tls_status_of(client->read_all()) == 200);
}

TEST_CASE("a stream of events goes over TLS, and ends well with the server") {
  secure_shop shop;
  const auto stream = shop.connect();
  REQUIRE(stream->send(get("/events?from=beginning")));
  std::string told;
  const auto wait_for = [&](const std::string& part) {
    while (told.find(part) == std::string::npos) {
      const auto more = stream->read_some();
      REQUIRE_FALSE(more.empty());
      told += more;
    }
  };
  wait_for("text/event-stream");
  const std::string order =
      "POST /preReservations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 12\r\n\r\n{\"userId\":1}";
  CHECK(tls_status_of(shop.ask(order)) == 201);
  wait_for("event: ReceiptCreated");
  // What a client says on it is ignored.
  REQUIRE(stream->send("what it says"));
  CHECK(tls_status_of(shop.ask(order)) == 201);
  wait_for("\"id\":2,");
  shop.server.process().send(SIGTERM);
  told += stream->read_all();
  CHECK(told.find("draining") != std::string::npos);
  CHECK(told.ends_with("0\r\n\r\n"));
  CHECK(shop.server.process().wait_for_exit() == 0);
}

TEST_CASE("TLS 1.2 is spoken, and nothing older") {
  secure_shop shop;
  const auto client = shop.connect(TLS1_2_VERSION);
  CHECK(client->version() == "TLSv1.2");
  CHECK(tls_status_of(client->exchange(get("/"))) == 200);
  CHECK_THROWS(shop.connect(TLS1_1_VERSION));
  CHECK_THROWS(shop.connect(TLS1_VERSION));
}

TEST_CASE("plain HTTP on a port of HTTPS is told so, and what is neither is closed") {
  secure_shop shop;
  http_client plain(shop.server.port());
  const auto refused = plain.get("/preReservations");
  CHECK(refused.status == 400);
  CHECK(text_at(refused, "/code") == "bad-request");
  CHECK(text_at(refused, "/detail").find("https://") != std::string::npos);
  CHECK(refused.header("connection") == "close");
  for (const std::string& bytes :
       {std::string("nonsense\r\n\r\n"), std::string(300, '\0'), std::string("\x16\x03\x01\x7f\xff", 5)}) {
    raw_client client(shop.server.port());
    client.send(bytes);
    client.shut_down_sending();
    CHECK(client.read_until_close().find("HTTP/1.1 2") == std::string::npos);
  }
  CHECK(tls_status_of(shop.ask(get("/"))) == 200);
}

TEST_CASE("a body that is too large is refused while it is still being sent, and the refusal is read") {
  secure_shop shop;
  const auto client = shop.connect();
  REQUIRE(
      client->send("POST /preReservations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                   "Content-Length: 200000\r\n\r\n"));
  const std::string piece(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    if (!client->send(piece)) break;
  }
  CHECK(tls_status_of(client->read_all()) == 413);
}

TEST_CASE("a new certificate is shown after SIGHUP, connections go on, and a broken file changes nothing") {
  secure_shop shop;
  const auto old = shop.connect();
  CHECK(old->server_name() == "first");
  shop.files.make("second");
  // It has not been told yet.
  CHECK_THROWS(shop.connect());
  shop.server.process().send(SIGHUP);
  shop.server.process().wait_for_error("are read again");
  CHECK(shop.connect()->server_name() == "second");
  CHECK(tls_status_of(old->exchange(get("/"))) == 200);

  certificate_files other("third");
  std::filesystem::copy_file(other.key(), shop.files.key(),
                             std::filesystem::copy_options::overwrite_existing);
  shop.server.process().send(SIGHUP);
  shop.server.process().wait_for_error("can't be used with it");
  CHECK(shop.connect()->server_name() == "second");
}

TEST_CASE("a key of another kind than the certificate's changes nothing either") {
  secure_shop shop;
  certificate_files other("second", certificate_files::rsa);
  const auto first = shop.folder / "first.pem";
  std::filesystem::copy_file(shop.files.certificate(), first);
  std::filesystem::copy_file(other.certificate(), shop.files.certificate(),
                             std::filesystem::copy_options::overwrite_existing);
  shop.server.process().send(SIGHUP);
  shop.server.process().wait_for_error("can't be used with it");
  CHECK(tls_client(shop.server.port(), first).server_name() == "first");
}

TEST_CASE("it ends in time beside idle connections and handshakes that never end") {
  secure_shop shop;
  const auto idle = shop.connect();
  raw_client silent(shop.server.port());
  CHECK(shop.server.terminate() == 0);
}

TEST_CASE("files that can't be used keep it from starting") {
  certificate_files files("mine"), others("other"), of_another_kind("another", certificate_files::rsa);
  const std::pair<std::string, std::string> table[] = {
      {files.certificate() + "-gone", files.key()}, {files.certificate(), files.key() + "-gone"},
      {files.certificate(), others.key()},          {files.certificate(), of_another_kind.key()},
      {of_another_kind.certificate(), files.key()}, {files.key(), files.key()},
  };
  for (const auto& [certificate, key] : table) {
    CAPTURE(certificate);
    CAPTURE(key);
    temporary_folder folder;
    process serving({"serve", "--listen", "127.0.0.1:0", "--data", folder / "data", "--tls-certificate",
                     certificate, "--tls-key", key});
    CHECK(serving.wait_for_exit() == 1);
    CHECK(serving.errors().find("can't be used") != std::string::npos);
  }
}

TEST_CASE(
    "who does not finish its handshake is closed in the time of a whole request, and so is a slow request") {
  certificate_files files("mine");
  auto opened = http::tls_certificates::open(files.certificate(), files.key());
  REQUIRE(opened);
  http::server_options options{.port = 0, .certificates = *opened};
  const auto answer = [](auto&) {
    return [](http::request&, http::respond done) {
      done({.status = 204, .content_type = {}, .body = {}, .headers = {}});
    };
  };
  http::transport transport(answer, options, std::chrono::milliseconds{300});
  REQUIRE_FALSE(transport.start());
  {
    raw_client silent(transport.port());
    raw_client begun(transport.port());
    begun.send(std::string_view("\x16\x03\x01\x00\xc8\x01", 6));
    CHECK(silent.read_until_close().empty());
    CHECK(begun.read_until_close().empty());
    tls_client slow(transport.port(), files.certificate());
    REQUIRE(slow.send("GET / HTTP/1.1\r\n"));
    CHECK(tls_status_of(slow.read_all()) == 408);
  }
  CHECK(eventually([&] { return transport.connections() == 0; }));
  transport.stop(std::chrono::milliseconds{1000});
}

TEST_CASE("a body that came over TLS leaves nothing in memory when nobody takes it") {
  constexpr std::string_view card = "7316529840317466";
  certificate_files files("mine");
  auto opened = http::tls_certificates::open(files.certificate(), files.key());
  REQUIRE(opened);
  const auto answer = [](auto&) {
    return [](http::request&, http::respond done) {
      done({.status = 204, .content_type = {}, .body = {}, .headers = {}});
    };
  };
  http::transport transport(answer, {.port = 0, .certificates = *opened}, std::chrono::milliseconds{30'000});
  REQUIRE_FALSE(transport.start());
  {
    tls_client client(transport.port(), files.certificate());
    std::string bytes;
    bytes.reserve(200);
    bytes.append("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 29\r\n\r\n{\"cardNo\":\"")
        .append(card)
        .append("\"}");
    CHECK(own_memory_has(card));
    REQUIRE(client.send(bytes));
    explicit_bzero(bytes.data(), bytes.size());
    CHECK(tls_status_of(client.read_some()) == 204);
    CHECK(eventually([&] { return !own_memory_has(card); }));
  }
  transport.stop(std::chrono::milliseconds{1000});
}

}  // namespace
}  // namespace holdfast::testing
