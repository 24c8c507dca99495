// A page from Redis is read in two steps, its places and then their rows: what may come between them, and
// what a server may say to either. The server is the test's own, which answers what it is told to.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/redis_session.hpp"
#include "storage/redis_view_reader.hpp"
#include "storage/view_format.hpp"
#include "tests/support/scripted_server.hpp"

using namespace holdfast;
using namespace std::chrono_literals;
using storage::view_cursor;
using storage::view_page;
using storage::view_result;
using testing::loopback_socket;

namespace {

constexpr auto patience = 20s;
constexpr char stamp[] = "stamp";
constexpr char server_run[] = "0123456789012345678901234567890123456789";

std::string bulk(const std::string& bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n";
}
std::string array(const std::vector<std::string>& elements) {
  std::string all = "*" + std::to_string(elements.size()) + "\r\n";
  for (const auto& each : elements) all += each;
  return all;
}
const std::string nothing = "$-1\r\n";

/// To MULTI, the three looks and EXEC.
std::string look(const std::string& published, std::uint64_t total, const std::vector<view_cursor>& places) {
  std::vector<std::string> found;
  for (const auto& place : places) found.push_back(bulk(storage::encode_place(place)));
  return "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" +
         array({published, ":" + std::to_string(total) + "\r\n", array(found)});
}

view_cursor place(storage::entity_id id) {
  return {domain::timestamp(std::chrono::milliseconds(1000 + id)), id};
}

std::string row(storage::entity_id id) {
  storage::view_row row;
  row.id = id;
  row.version = 2 * id;
  row.user_id = 1;
  row.records = "of " + std::to_string(id);
  return bulk(storage::encode_row(row));
}

/// Says one thing after the other to one client, each when that has said something.
class talking_server {
 public:
  /// Then it waits until the client has gone, or goes first.
  talking_server(std::vector<std::string> replies, bool ends_then) : ends_then_(ends_then) {
    listener_.listen();
    const std::string info = std::string("# Server\r\nrun_id:") + server_run + "\r\n";
    replies.insert(replies.begin(), "+OK\r\n" + bulk(info));
    thread_ = std::thread([this, replies = std::move(replies)] { talk(replies); });
  }
  ~talking_server() {
    // One that nobody has come to waits no longer.
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::uint16_t port() const { return listener_.port(); }

 private:
  void talk(const std::vector<std::string>& replies) {
    const int client = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    char heard[4096];
    for (const auto& reply : replies) {
      if (::recv(client, heard, sizeof heard, 0) <= 0) break;
      ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
    if (!ends_then_) {
      while (::recv(client, heard, sizeof heard, 0) > 0) {
      }
    }
    ::close(client);
  }

  const bool ends_then_;
  loopback_socket listener_;
  std::thread thread_;
};

/// What a reader makes of a page about which the server says this.
view_result<view_page> list(std::vector<std::string> replies, std::uint32_t limit = 20,
                            bool ends_then = false) {
  talking_server server(std::move(replies), ends_then);
  const auto session = std::make_shared<storage::redis_session_holder>();
  session->replace({stamp, server_run});
  boost::asio::io_context loop;
  storage::redis_options options;
  options.host = "127.0.0.1";
  options.port = server.port();
  options.request_timeout = patience;
  storage::redis_view_reader reader(loop, options, session);
  std::optional<view_result<view_page>> answer;
  storage::view_query query;
  query.limit = limit;
  // Unavailable is also what is answered before there is a connection: asked again until it is another, or
  // the server has been asked.
  const auto gives_up_at = std::chrono::steady_clock::now() + patience;
  bool asked = false;
  while (!asked && std::chrono::steady_clock::now() < gives_up_at) {
    loop.run_one_for(10ms);
    answer.reset();
    reader.list(query, [&](auto page) { answer = std::move(page); });
    asked = !answer;
  }
  REQUIRE(asked);
  while (!answer && std::chrono::steady_clock::now() < gives_up_at) loop.run_one_for(10ms);
  REQUIRE(answer);
  return *answer;
}

}  // namespace

TEST_CASE("a page is the rows at its places, and says where the next one begins") {
  const auto page =
      list({look(bulk(stamp), 7, {place(1), place(2), place(3)}), array({bulk(stamp), row(1), row(2)})}, 2);
  REQUIRE(page);
  REQUIRE(page->rows.size() == 2);
  CHECK(page->rows[0].id == 1);
  CHECK(page->rows[1].version == 4);
  CHECK(page->rows[1].records == "of 2");
  CHECK(page->total == 7);
  CHECK(page->more);
  CHECK(page->next == place(2));
}

TEST_CASE("a page without places has no rows to ask for") {
  const auto page = list({look(bulk(stamp), 3, {})});
  REQUIRE(page);
  CHECK(page->rows.empty());
  CHECK(page->total == 3);
  CHECK_FALSE(page->more);
}

TEST_CASE("a page is unavailable where the view is not published, or another's, in either step") {
  const auto places = look(bulk(stamp), 1, {place(1)});
  CHECK_FALSE(list({look(nothing, 0, {})}));
  CHECK_FALSE(list({look(bulk("another"), 0, {})}));
  // Emptied between the two.
  CHECK_FALSE(list({places, array({nothing, nothing})}));
  CHECK_FALSE(list({places, array({nothing, row(1)})}));
  CHECK_FALSE(list({places, array({bulk("another"), row(1)})}));
  CHECK(list({places, array({bulk(stamp), row(1)})}));
}

TEST_CASE("a page is unavailable where a row is missing, or what is said makes no sense") {
  const auto places = look(bulk(stamp), 2, {place(1), place(2)});
  CHECK(list({places, array({bulk(stamp), row(1), row(2)})}));
  CHECK_FALSE(list({places, array({bulk(stamp), row(1), nothing})}));
  CHECK_FALSE(list({places, array({bulk(stamp), row(1)})}));
  CHECK_FALSE(list({places, array({bulk(stamp), row(1), bulk("short")})}));
  CHECK_FALSE(list({places, "-ERR no memory\r\n"}));
  CHECK_FALSE(list({"+OK\r\n+QUEUED\r\n-ERR\r\n+QUEUED\r\n-EXECABORT discarded\r\n"}));
  CHECK_FALSE(list({"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" + nothing}));
  CHECK_FALSE(list({"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" +
                    array({bulk(stamp), ":1\r\n", array({bulk("no place")})})}));
}

TEST_CASE(
    "a page is unavailable where the connection ends, before its places, between, and within its rows") {
  const auto places = look(bulk(stamp), 2, {place(1), place(2)});
  const auto rows = array({bulk(stamp), row(1), row(2)});
  CHECK_FALSE(list({}, 20, true));
  CHECK_FALSE(list({places.substr(0, places.size() / 2)}, 20, true));
  CHECK_FALSE(list({places}, 20, true));
  CHECK_FALSE(list({places, rows.substr(0, rows.size() / 2)}, 20, true));
  CHECK(list({places, rows}, 20, true));
}
