// The transport over real sockets, with handlers of the test's own in place of the API.
#include <doctest/doctest.h>
#include <string.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/body_stream.hpp"
#include "http/listener.hpp"
#include "http/session.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/own_memory.hpp"
#include "tests/support/raw_client.hpp"

using namespace holdfast::http;
using holdfast::testing::chunk_reader;
using holdfast::testing::own_memory_has;
using holdfast::testing::raw_client;
using holdfast::testing::raw_response;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 10s;

/// Waits until something becomes true; false if it does not in time.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

response text_response(std::string body) {
  response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

/// Answers at once: the path and query, then the body.
void echo(request request, respond done) {
  std::string answer = request.path;
  if (!request.query.empty()) answer += "?" + request.query;
  if (!request.body.empty()) answer += " " + request.body;
  done(text_response(std::move(answer)));
}

handler_factory everywhere(handler handle) {
  return [handle = std::move(handle)](boost::asio::io_context&) { return handle; };
}

/// A handler that keeps its requests until the test answers them, from the test's thread.
class held_requests {
 public:
  handler_factory factory() {
    return [this](boost::asio::io_context& loop) -> handler {
      return [this, &loop](request request, respond done) {
        const std::lock_guard lock(mutex_);
        held_.push_back({std::move(request.path), std::move(done), &loop});
        arrived_.notify_all();
      };
    };
  }

  /// Waits for the next request and takes its `respond`, bound to its loop.
  std::function<void(response)> next() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, patience, [this] { return !held_.empty(); })) {
      throw std::runtime_error("no request came");
    }
    held first = std::move(held_.front());
    held_.erase(held_.begin());
    return [first](response response) {
      boost::asio::post(*first.loop, [done = first.done, response] { done(response); });
    };
  }

 private:
  struct held {
    std::string path;
    respond done;
    boost::asio::io_context* loop;
  };
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<held> held_;
};

struct running {
  holdfast::http::transport transport;

  explicit running(handler_factory factory = everywhere(echo), server_options options = {},
                   std::chrono::milliseconds request_deadline = whole_request_within)
      : transport(std::move(factory), on_free_port(options), request_deadline) {
    const auto failure = transport.start();
    if (failure) throw std::runtime_error(*failure);
  }

  raw_client connect() const { return raw_client(transport.port()); }

  static server_options on_free_port(server_options options) {
    options.port = 0;
    return options;
  }
};

std::string get(const std::string& path, const std::string& fields = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

bool serves(const running& server) {
  return server.connect().exchange(get("/alive")).body == "/alive";
}

}  // namespace

// --- Requests and answers ---

TEST_CASE("a response has the headers that every response has") {
  running server;
  const raw_response response = server.connect().exchange(get("/a?b=c"));
  CHECK(response.status_line == "HTTP/1.1 200 OK");
  CHECK(response.body == "/a?b=c");
  CHECK(response.header("server") == "holdfast");
  CHECK(response.header("content-type") == "text/plain");
  CHECK(response.header("content-length") == "6");
  CHECK_FALSE(response.has_header("connection"));
  const std::string date = response.header("date");
  CHECK(date.size() == std::string_view("Sun, 06 Nov 1994 08:49:37 GMT").size());
  CHECK(date.ends_with(" GMT"));
}

TEST_CASE("a connection serves one request after the other") {
  running server;
  raw_client client = server.connect();
  for (int count = 0; count < 50; ++count) {
    const std::string number = std::to_string(count);
    CHECK(client.exchange(get("/" + number)).body == "/" + number);
    CHECK(client.exchange(post("/", number)).body == "/ " + number);
  }
  CHECK(server.transport.connections() == 1);
}

TEST_CASE("pipelined requests are answered in order") {
  running server;
  std::string requests;
  for (int count = 0; count < 100; ++count) {
    requests += count % 2 == 0 ? get("/" + std::to_string(count)) : post("/" + std::to_string(count), "body");
  }
  raw_client client = server.connect();
  client.send(requests);
  for (int count = 0; count < 100; ++count) {
    CHECK(client.read_response().body == "/" + std::to_string(count) + (count % 2 == 0 ? "" : " body"));
  }
}

TEST_CASE("thousands of pipelined requests don't exhaust the stack") {
  running server;
  constexpr int requests = 5000;
  std::string bytes;
  for (int count = 0; count < requests; ++count) bytes += get("/");
  raw_client client = server.connect();
  std::thread sender([&] { client.send(bytes); });
  for (int count = 0; count < requests; ++count) REQUIRE(client.read_response().status == 200);
  sender.join();
}

TEST_CASE("a request may arrive byte by byte") {
  running server;
  raw_client client = server.connect();
  for (const char byte : post("/slow", "{\"userId\":1}")) client.send({&byte, 1});
  CHECK(client.read_response().body == "/slow {\"userId\":1}");
}

TEST_CASE("a chunked request may arrive byte by byte") {
  running server;
  raw_client client = server.connect();
  const std::string request =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const char byte : request) client.send({&byte, 1});
  CHECK(client.read_response().body == "/ abc");
  CHECK(client.exchange(get("/next")).body == "/next");
}

TEST_CASE("HEAD has the headers of GET and no body") {
  running server;
  raw_client client = server.connect();
  const raw_response head = client.exchange("HEAD /twelve-bytes HTTP/1.1\r\nHost: h\r\n\r\n", true);
  CHECK(head.status == 200);
  CHECK(head.header("content-length") == "13");
  CHECK(client.exchange(get("/next")).body == "/next");
}

TEST_CASE("204 and 304 have neither body nor length") {
  running server(everywhere([](request request, respond done) {
    response response = text_response("must not be sent");
    response.status = request.path == "/204" ? 204 : 304;
    response.headers.emplace_back("ETag", "\"7\"");
    done(std::move(response));
  }));
  raw_client client = server.connect();
  for (const char* path : {"/204", "/304"}) {
    const raw_response response = client.exchange(get(path));
    CHECK("/" + std::to_string(response.status) == path);
    CHECK_FALSE(response.has_header("content-length"));
    CHECK_FALSE(response.has_header("content-type"));
    CHECK(response.header("etag") == "\"7\"");
  }
}

TEST_CASE("a large response arrives whole") {
  const std::string large(3'000'000, 'x');
  running server(everywhere([&](request, respond done) { done(text_response(large)); }));
  raw_client client = server.connect();
  for (int count = 0; count < 3; ++count) CHECK(client.exchange(get("/")).body == large);
}

TEST_CASE("a client without a host is given the address it connected to") {
  running server(everywhere([](request request, respond done) { done(text_response(request.host)); }));
  CHECK(server.connect().exchange("GET / HTTP/1.0\r\n\r\n").body ==
        "127.0.0.1:" + std::to_string(server.transport.port()));
  CHECK(server.connect().exchange(get("/")).body == "test");
  CHECK(server.connect().exchange("GET http://named/ HTTP/1.1\r\nHost: other\r\n\r\n").body == "named");
}

TEST_CASE("OPTIONS * is handed on") {
  running server;
  CHECK(server.connect().exchange("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").body == "*");
}

TEST_CASE("an upgrade is ignored and the connection goes on") {
  running server;
  raw_client client = server.connect();
  CHECK(client.exchange(get("/a", "Connection: Upgrade\r\nUpgrade: h2c\r\n")).body == "/a");
  CHECK(client.exchange(get("/b")).body == "/b");
}

// --- How long a connection lives ---

TEST_CASE("a client that asks to close gets its answer and the end") {
  running server;
  raw_client client = server.connect();
  client.send(get("/last", "Connection: close\r\n") + get("/not-read"));
  const raw_response response = client.read_response();
  CHECK(response.body == "/last");
  CHECK(response.header("connection") == "close");
  CHECK(client.read_until_close().empty());
}

TEST_CASE("HTTP/1.0 closes unless it is asked to stay") {
  running server;
  raw_client client = server.connect();
  const raw_response stays = client.exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(stays.header("connection") == "keep-alive");
  const raw_response closes = client.exchange("GET /b HTTP/1.0\r\n\r\n");
  CHECK(closes.header("connection") == "close");
  CHECK(client.read_until_close().empty());
}

TEST_CASE("a client that stops sending after its request is still answered") {
  running server;
  raw_client client = server.connect();
  client.send(get("/half-closed"));
  client.shut_down_sending();
  CHECK(client.read_response().body == "/half-closed");
  CHECK(client.read_until_close().empty());
}

TEST_CASE("100 (Continue) invites the body, and a refusal comes instead of it") {
  running server;
  raw_client client = server.connect();
  const raw_response invitation =
      client.exchange("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(invitation.status == 100);
  CHECK(client.exchange("body").body == "/a body");

  const raw_response refusal =
      client.exchange("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n");
  CHECK(refusal.status == 413);
}

// --- Refusals ---

TEST_CASE("what can't be framed is answered with a problem and the connection closes") {
  struct refusal {
    std::string bytes;
    int status;
    const char* code;
  };
  const std::string begin = "POST /p HTTP/1.1\r\nHost: h\r\n";
  const std::string chunks = "4\r\nbody\r\n0\r\n\r\n";
  const refusal refusals[] = {
      {"nonsense\r\n\r\n", 400, "bad-request"},
      {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 400, "bad-request"},
      {"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad-request"},
      {"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad-request"},
      {"POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400, "ambiguous-framing"},
      {begin + "Transfer-Encoding: xchunked\r\n\r\n" + chunks, 400, "ambiguous-framing"},
      {begin + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunks, 400, "ambiguous-framing"},
      {begin + "Transfer-Encoding: gzip\r\n\r\n", 400, "ambiguous-framing"},
      {begin + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunks, 400, "ambiguous-framing"},
      {begin + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400, "ambiguous-framing"},
      {begin + "Content-Length: 4,4\r\n\r\nbody", 400, "ambiguous-framing"},
      {begin + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", 400, "ambiguous-framing"},
      {begin + "Host: h\r\n\r\n", 400, "ambiguous-framing"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "ambiguous-framing"},
      {begin + "Content-Length: 16385\r\n\r\n" + std::string(16385, 'b'), 413, "body-too-large"},
      {begin + "Transfer-Encoding: chunked\r\n\r\n4001\r\n" + std::string(16385, 'b'), 413, "body-too-large"},
      {begin + "X: " + std::string(9000, 'x') + "\r\n\r\n", 431, "header-too-large"},
  };
  std::atomic<int> handled = 0;
  running server(everywhere([&](request request, respond done) {
    ++handled;
    echo(std::move(request), std::move(done));
  }));
  for (const refusal& refusal : refusals) {
    CAPTURE(refusal.bytes.substr(0, 100));
    raw_client client = server.connect();
    // Whatever follows must not be taken for a request.
    client.send_if_open(refusal.bytes + get("/smuggled"));
    const raw_response response = client.read_response();
    CHECK(response.status == refusal.status);
    CHECK(response.header("content-type") == "application/problem+json");
    CHECK(response.header("connection") == "close");
    CHECK(response.body.find("\"code\":\"" + std::string(refusal.code) + "\"") != std::string::npos);
    CHECK(client.read_until_close().empty());
  }
  CHECK(handled == 0);
  CHECK(serves(server));
}

TEST_CASE("a client that sends far too much still reads the refusal") {
  running server;
  raw_client client = server.connect();
  client.send(post("/", std::string(500'000, 'b')));
  CHECK(client.read_response().status == 413);
}

TEST_CASE("a handler that throws is answered with 500, and the connection goes on") {
  running server(everywhere([](request request, respond done) {
    if (request.path == "/throw") throw std::runtime_error("on purpose");
    echo(std::move(request), done);
    if (request.path == "/late") throw std::runtime_error("after the answer");
  }));
  raw_client client = server.connect();
  const raw_response failure = client.exchange(get("/throw"));
  CHECK(failure.status == 500);
  CHECK(failure.body.find("\"code\":\"internal\"") != std::string::npos);
  CHECK(failure.body.find("\"instance\":\"/throw\"") != std::string::npos);
  CHECK(client.exchange(get("/fine")).body == "/fine");
  CHECK(client.exchange(get("/late")).body == "/late");
  CHECK(client.exchange(get("/fine")).body == "/fine");
}

TEST_CASE("only the first answer to a request counts") {
  running server(everywhere([](request request, respond done) {
    done(text_response(request.path));
    done(text_response("again"));
  }));
  raw_client client = server.connect();
  CHECK(client.exchange(get("/1")).body == "/1");
  CHECK(client.exchange(get("/2")).body == "/2");
}

// --- Clients that go away, or don't, or are slow ---

TEST_CASE("a client that vanishes in the middle of its request leaves nothing behind") {
  running server;
  for (int count = 0; count < 20; ++count) {
    raw_client client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
    if (count % 2 == 0) client.reset();
  }
  CHECK(eventually([&] { return server.transport.connections() == 0; }));
  CHECK(serves(server));
}

TEST_CASE("a body leaves nothing in memory when nobody takes it, however its request ends") {
  constexpr std::string_view card = "7316529840317465";
  running server(everywhere([](request&, respond done) { done(text_response("nothing here")); }));
  const auto send = [&](raw_client& client, std::string_view before, std::string_view behind) {
    std::string bytes;
    bytes.reserve(before.size() + card.size() + behind.size());
    bytes.append(before).append(card).append(behind);
    client.send(bytes);
    CHECK(own_memory_has(card));
    explicit_bzero(bytes.data(), bytes.size());
  };
  const auto is_forgotten = [&] { return eventually([&] { return !own_memory_has(card); }); };
  const std::string begin = "POST /nothing HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = begin + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string rest(15'000, ' ');

  raw_client answered = server.connect();
  send(answered, begin + "Content-Length: 40\r\n\r\n{\"userId\":1,\"cardNo\":\"", "\"}");
  CHECK(answered.read_response().status == 200);
  CHECK(is_forgotten());

  raw_client too_long = server.connect();
  send(too_long, begin + "Content-Length: 17000\r\n\r\n" + rest, "\"}");
  CHECK(too_long.read_response().status == 413);
  too_long.close();

  raw_client malformed = server.connect();
  send(malformed, chunked + "1f\r\n{\"userId\":1,\"x", "\"\r\nno chunk\r\n");
  CHECK(malformed.read_response().status == 400);
  malformed.close();

  for (const auto& before : {begin + "Content-Length: 500\r\n\r\n" + rest.substr(0, 100),
                             chunked + "3e8\r\n" + rest.substr(0, 100)}) {
    raw_client half = server.connect();
    send(half, before, "");
  }
  CHECK(eventually([&] { return server.transport.connections() == 1; }));
  CHECK(is_forgotten());
}

TEST_CASE("a client that vanishes before its answer leaves nothing behind, and its request goes on") {
  held_requests requests;
  running server(requests.factory());
  raw_client client = server.connect();
  client.send(get("/"));
  const auto respond = requests.next();
  client.reset();
  respond(text_response(std::string(1'000'000, 'x')));
  CHECK(eventually([&] { return server.transport.connections() == 0; }));
}

TEST_CASE("a client that vanishes in the middle of its answer leaves nothing behind") {
  running server(
      everywhere([](request, respond done) { done(text_response(std::string(20'000'000, 'x'))); }));
  {
    raw_client client = server.connect();
    client.send(get("/") + get("/"));
    CHECK_FALSE(client.is_quiet_for(10s));
  }
  CHECK(eventually([&] { return server.transport.connections() == 0; }));
}

TEST_CASE("an answer may come late, from another thread") {
  held_requests requests;
  running server(requests.factory());
  raw_client client = server.connect();
  client.send(get("/1") + get("/2"));
  requests.next()(text_response("first"));
  CHECK(client.read_response().body == "first");
  requests.next()(text_response("second"));
  CHECK(client.read_response().body == "second");
}

TEST_CASE("the slow are closed at the deadline while the others are served") {
  constexpr auto deadline = 300ms;
  running server(everywhere(echo), {}, deadline);
  raw_client idle = server.connect();
  raw_client used = server.connect();
  CHECK(used.exchange(get("/used")).status == 200);
  raw_client slow = server.connect();
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<bool> slow_is_closed = false;
  std::thread slow_sender([&] {
    slow.send("GET / HTTP/1.1\r\n");
    // Never a whole request, but never quiet either.
    while (slow.is_quiet_for(20ms)) slow.send_if_open("X: y\r\n");
    slow_is_closed = true;
  });
  while (!slow_is_closed) CHECK(serves(server));
  slow_sender.join();
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took >= deadline - 20ms);
  CHECK(took < patience);
  const raw_response response = slow.read_response();
  CHECK(response.status == 408);
  CHECK(response.header("connection") == "close");
  CHECK(idle.read_until_close().empty());
  CHECK(used.read_until_close().empty());
}

TEST_CASE("a client that never reads its answer is closed at the deadline") {
  running server(everywhere([](request, respond done) { done(text_response(std::string(50'000'000, 'x'))); }),
                 {}, 200ms);
  raw_client client = server.connect();
  client.send(get("/"));
  CHECK(eventually([&] { return server.transport.connections() == 1; }));
  CHECK(eventually([&] { return server.transport.connections() == 0; }));
}

TEST_CASE("a client that goes on reading a large answer slowly gets all of it") {
  constexpr auto deadline = 3s;
  constexpr std::size_t body_bytes = 20'000'000;
  constexpr std::size_t between_two_pauses_bytes = 500'000;
  // Never answered: nothing is heard on its connection.
  running server(everywhere([](request request, respond done) {
                   if (request.path == "/large") done(text_response(std::string(body_bytes, 'x')));
                 }),
                 {}, deadline);
  raw_client quiet = server.connect();
  quiet.send(get("/never"));
  raw_client slow = server.connect();
  slow.bound_receive_buffer(64 * 1024);
  const auto begin = std::chrono::steady_clock::now();
  slow.send(get("/large"));
  std::size_t read = 0;
  for (std::size_t pause_at = 0; read < body_bytes;) {
    const auto some = slow.read_some();
    REQUIRE_FALSE(some.empty());
    read += some.size();
    if (read < pause_at) continue;
    CHECK(quiet.is_quiet_for(200ms));
    pause_at += between_two_pauses_bytes;
  }
  CHECK(std::chrono::steady_clock::now() - begin > 2 * deadline);
}

TEST_CASE("what waits for clients that don't read is bounded, and what is small or read is not refused") {
  constexpr std::size_t body_bytes = 20'000'000;
  constexpr std::size_t most_waiting = largest_waiting_bytes / body_bytes;
  running server(everywhere([](request request, respond done) {
    const std::size_t bytes = request.path == "/large" ? body_bytes : request.path == "/page" ? 50'000 : 10;
    done(text_response(std::string(bytes, 'x')));
  }));
  raw_client other = server.connect();
  const auto get_large = [&] { return other.exchange(get("/large")); };
  const auto check_refused = [](const raw_response& answer) {
    CHECK(answer.status == 503);
    CHECK(answer.header("retry-after") == "1");
    CHECK(answer.body.find("\"code\":\"overloaded\"") != std::string::npos);
    CHECK(answer.body.find("\"instance\":\"/large\"") != std::string::npos);
  };
  CHECK(get_large().body.size() == body_bytes);

  std::vector<raw_client> unread;
  for (std::size_t i = 0; i < most_waiting; ++i) {
    unread.push_back(server.connect());
    unread.back().bound_receive_buffer(64 * 1024);
    unread.back().send(get("/large"));
    // It is being written.
    CHECK_FALSE(unread.back().is_quiet_for(patience));
  }
  check_refused(get_large());
  CHECK(other.exchange(get("/small")).body.size() == 10);
  CHECK(other.exchange(get("/page")).body.size() == 50'000);
  CHECK(other.exchange("HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n", true).status == 200);
  check_refused(get_large());

  // One is read, another one's client leaves: there is room for as many.
  CHECK(unread.back().read_response().body.size() == body_bytes);
  CHECK(get_large().body.size() == body_bytes);
  unread.back().send(get("/large"));
  CHECK_FALSE(unread.back().is_quiet_for(patience));
  check_refused(get_large());
  unread.front().reset();
  CHECK(eventually([&] { return server.transport.connections() == most_waiting; }));
  CHECK(get_large().body.size() == body_bytes);
}

TEST_CASE("a request under way has no deadline of the transport's") {
  held_requests requests;
  running server(requests.factory(), {}, 50ms);
  raw_client client = server.connect();
  client.send(get("/"));
  const auto respond = requests.next();
  CHECK(client.is_quiet_for(200ms));
  respond(text_response("at last"));
  CHECK(client.read_response().body == "at last");
}

TEST_CASE("thousands of idle connections don't keep others from being served") {
  constexpr std::size_t idle_connections = 2000;
  rlimit descriptors{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
  const rlim_t wanted = 2 * idle_connections + 200;
  if (descriptors.rlim_cur < wanted) {
    descriptors.rlim_cur = std::min(wanted, descriptors.rlim_max);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &descriptors) == 0);
  }
  running server(everywhere(echo), {.threads = 2});
  std::vector<raw_client> idle;
  while (idle.size() < idle_connections) idle.push_back(server.connect());
  CHECK(eventually([&] { return server.transport.connections() == idle_connections; }));
  CHECK(serves(server));
  CHECK(idle.front().exchange(get("/first")).body == "/first");
  CHECK(idle.back().exchange(get("/last")).body == "/last");
  idle.clear();
  CHECK(eventually([&] { return server.transport.connections() == 0; }));
}

TEST_CASE("connections beyond the limit are closed, and there is room again when one goes") {
  running server(everywhere(echo), {.largest_connections = 2});
  raw_client one = server.connect();
  CHECK(one.exchange(get("/")).status == 200);
  {
    raw_client two = server.connect();
    CHECK(two.exchange(get("/")).status == 200);
    CHECK(server.connect().read_until_close().empty());
    CHECK(one.exchange(get("/")).status == 200);
  }
  CHECK(eventually([&] { return server.transport.connections() == 1; }));
  CHECK(serves(server));
}

TEST_CASE("connections are spread over the loops") {
  std::mutex mutex;
  std::vector<std::thread::id> threads;
  running server(everywhere([&](request request, respond done) {
                   const std::lock_guard lock(mutex);
                   threads.push_back(std::this_thread::get_id());
                   echo(std::move(request), std::move(done));
                 }),
                 {.threads = 2});
  raw_client one = server.connect();
  raw_client two = server.connect();
  CHECK(one.exchange(get("/")).status == 200);
  CHECK(two.exchange(get("/")).status == 200);
  const std::lock_guard lock(mutex);
  CHECK(threads.at(0) != threads.at(1));
}

// --- Starting and stopping ---

TEST_CASE("a port that is taken is named with the reason") {
  running server;
  server_options options;
  options.port = server.transport.port();
  transport second(everywhere(echo), options);
  const auto failure = second.start();
  REQUIRE(failure);
  CHECK(failure->find("127.0.0.1:" + std::to_string(options.port)) != std::string::npos);
  CHECK(failure->find("Address already in use") != std::string::npos);
}

TEST_CASE("an address that is none is named with the reason") {
  server_options options;
  options.address = "nowhere";
  options.port = 1;
  const auto failure = transport(everywhere(echo), options).start();
  REQUIRE(failure);
  CHECK(failure->starts_with("cannot listen on nowhere:1: "));
}

TEST_CASE("stopping closes the idle, waits for the request under way and answers it") {
  held_requests requests;
  running server(requests.factory());
  raw_client idle = server.connect();
  raw_client busy = server.connect();
  busy.send(get("/"));
  const auto respond = requests.next();

  auto stopped = std::async(std::launch::async, [&] { server.transport.stop(patience); });
  CHECK(idle.read_until_close().empty());
  CHECK(stopped.wait_for(0s) == std::future_status::timeout);
  CHECK(busy.is_quiet_for(50ms));
  respond(text_response("finished"));
  const raw_response response = busy.read_response();
  CHECK(response.body == "finished");
  CHECK(response.header("connection") == "close");
  CHECK(busy.read_until_close().empty());
  busy.close();
  CHECK(stopped.wait_for(patience) == std::future_status::ready);
  CHECK(server.transport.connections() == 0);
  CHECK_THROWS(server.connect().exchange(get("/")));
  server.transport.stop(patience);
}

TEST_CASE("no more is accepted after stop_accepting, and requests under way go on") {
  held_requests requests;
  running server(requests.factory());
  raw_client busy = server.connect();
  busy.send(get("/"));
  const auto respond = requests.next();
  server.transport.stop_accepting();
  CHECK(eventually([&] {
    try {
      server.connect();
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  }));
  respond(text_response("finished"));
  CHECK(busy.read_response().body == "finished");
}

TEST_CASE("a request that has begun to arrive when the server drains may still finish") {
  running server;
  raw_client client = server.connect();
  client.send("GET /begun HTTP/1.1\r\n");
  raw_client probe = server.connect();
  CHECK(probe.exchange(get("/")).status == 200);
  server.transport.stop_accepting();
  CHECK(probe.read_until_close().empty());
  const raw_response response = client.exchange("Host: h\r\n\r\n");
  CHECK(response.body == "/begun");
  CHECK(response.header("connection") == "close");
}

TEST_CASE("stopping waits no longer than it is told to, and a late answer is harmless") {
  held_requests requests;
  std::function<void(response)> respond;
  {
    running server(requests.factory());
    raw_client client = server.connect();
    client.send(get("/"));
    respond = requests.next();
    server.transport.stop(50ms);
    CHECK(client.read_until_close().empty());
    respond(text_response("too late"));
  }
}

// --- Bodies that go on ---

namespace {

/// A stream that the test writes to, from its own thread.
class written_stream final : public body_stream {
 public:
  void start(std::function<void()> wake) override { wake_ = std::move(wake); }
  void take(std::string& out, std::size_t) override {
    const std::lock_guard lock(mutex_);
    out += std::exchange(waiting_, {});
  }
  bool over() const override {
    const std::lock_guard lock(mutex_);
    return over_ && waiting_.empty();
  }
  void keep_alive(std::string& out) override { out += "beat "; }
  void end() override { write("goodbye", true); }
  void abandon() override { abandoned = true; }

  void write(const std::string& text, bool over = false) {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    waiting_ += text;
    over_ = over;
    boost::asio::post(*loop, [this] {
      if (wake_ && !abandoned) wake_();
    });
  }

  boost::asio::io_context* loop = nullptr;
  std::atomic<bool> abandoned{false};

 private:
  mutable std::mutex mutex_;
  std::string waiting_;
  std::function<void()> wake_;
  bool over_ = false;
};

/// Answers everything with the one stream.
struct streaming {
  std::shared_ptr<written_stream> stream = std::make_shared<written_stream>();
  running server;

  explicit streaming(std::chrono::milliseconds request_deadline = whole_request_within)
      : server(
            [stream = stream](boost::asio::io_context& loop) -> handler {
              return [stream, &loop](request, respond done) {
                stream->loop = &loop;
                auto answer = text_response({});
                answer.stream = stream;
                answer.streamed = true;
                done(std::move(answer));
              };
            },
            {}, request_deadline) {}
};

std::string read_until(raw_client& client, const std::string& end) {
  std::string text;
  while (!text.ends_with(end)) text += client.read_some();
  return text;
}

}  // namespace

TEST_CASE("a stream is written in chunks as it comes, and ends with the last one") {
  streaming one;
  raw_client client = one.server.connect();
  const auto head = client.exchange(get("/"));
  CHECK(head.header("transfer-encoding") == "chunked");
  CHECK(head.header("connection") == "close");
  CHECK_FALSE(head.has_header("content-length"));
  one.stream->write("hello");
  CHECK(read_until(client, "hello\r\n") == "00000005\r\nhello\r\n");
  one.stream->write(std::string(0x1234, 'x'));
  CHECK(read_until(client, "x\r\n").starts_with("00001234\r\nxxx"));
  one.stream->write("end", true);
  CHECK(client.read_until_close() == "00000003\r\nend\r\n0\r\n\r\n");
  CHECK(eventually([&] { return one.stream->abandoned.load(); }));
}

TEST_CASE("a stream to HTTP/1.0 is written as it is") {
  streaming one;
  raw_client client = one.server.connect();
  CHECK_FALSE(client.exchange("GET / HTTP/1.0\r\n\r\n").has_header("transfer-encoding"));
  one.stream->write("hello ");
  CHECK(read_until(client, "hello ") == "hello ");
  one.stream->write("end", true);
  CHECK(client.read_until_close() == "end");
}

TEST_CASE("a stream outlives the time for a request, and shows that it lives") {
  streaming one(100ms);
  raw_client client = one.server.connect();
  client.exchange(get("/"));
  chunk_reader chunks;
  std::string text;
  while (text != "beat beat beat beat ") text += chunks.feed(client.read_some());
  one.stream->write("end", true);
  CHECK(client.read_until_close().ends_with("end\r\n0\r\n\r\n"));
}

TEST_CASE("a client that leaves its stream is noticed, whatever it says before") {
  for (const bool talks : {false, true}) {
    streaming one;
    {
      raw_client client = one.server.connect();
      client.exchange(get("/"));
      if (talks) client.send(std::string(10'000, 'x'));
      one.stream->write("hello");
      read_until(client, "hello\r\n");
    }
    CHECK(eventually([&] { return one.stream->abandoned.load(); }));
    CHECK(eventually([&] { return one.server.transport.connections() == 0; }));
  }
}

TEST_CASE("a client that does not read its stream is cut off when its time is up") {
  streaming one(200ms);
  raw_client client = one.server.connect();
  client.exchange(get("/"));
  one.stream->write(std::string(20'000'000, 'x'));
  CHECK(eventually([&] { return one.stream->abandoned.load(); }));
  CHECK(eventually([&] { return one.server.transport.connections() == 0; }));
}

TEST_CASE("a server that drains lets its streams end") {
  streaming one;
  raw_client client = one.server.connect();
  client.exchange(get("/"));
  one.server.transport.stop_accepting();
  CHECK(client.read_until_close() == "00000007\r\ngoodbye\r\n0\r\n\r\n");
  client.close();
  one.server.transport.stop(patience);
  CHECK(one.server.transport.connections() == 0);
}
