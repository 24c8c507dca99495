// What a Redis server sends, down to the bytes: a server of the target's own greets the view's reader
// as Redis does and then sends the made-up bytes in answer to reads. Every read is answered once, and
// the connection is given up or goes on.
//
// hiredis connects by name and port; here it is sent to a Unix socket instead, so that thousands of
// connections a second use up no ports.
#include <hiredis/async.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "storage/redis_options.hpp"
#include "storage/redis_session.hpp"
#include "storage/redis_view_reader.hpp"
#include "tests/fuzz/target.hpp"

namespace holdfast::fuzz {
namespace {

/// More than a made-up input ever is, and less than a socket's buffer takes at once.
constexpr std::size_t largest_input_bytes = 64 * 1024;
/// Of the loop, until something must have happened.
constexpr int most_turns = 100'000;

const char server_run[] = "0123456789012345678901234567890123456789";
const char stamp[] = "stamp";

/// Listens on a path of its own.
class fake_server {
 public:
  fake_server() {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    path_ = "/tmp/holdfast-fuzz-redis-" + std::to_string(::getpid());
    ::unlink(path_.c_str());
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_.copy(name.sun_path, sizeof name.sun_path - 1);
    require(::bind(listener_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 &&
                ::listen(listener_, 16) == 0,
            "the server can listen");
  }
  ~fake_server() {
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  fake_server(const fake_server&) = delete;
  fake_server& operator=(const fake_server&) = delete;

  const std::string& path() const { return path_; }
  int accept() const { return ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int listener_ = -1;
  std::string path_;
};

const fake_server& server() {
  static const fake_server one;
  return one;
}

void send_all(int to, std::string_view bytes) {
  require(::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
          "a socket takes an input at once");
}

std::string greeting() {
  const std::string info = std::string("# Server\r\nrun_id:") + server_run + "\r\n";
  return "+OK\r\n$" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
}

/// Asks again with every answer, so that hiredis always has somebody who waits for the next reply:
/// for a reply that nobody asked for it ends the process.
class asker {
 public:
  explicit asker(storage::redis_view_reader& reader) : reader_(reader) {}

  /// Whether a read is on its way; it is refused at once where there is no connection.
  bool ask() {
    const int answers_before = answers_;
    asking_ = true;
    if (++asked_ % 2 == 0) {
      reader_.get(257, [this](const auto&) { answered(); });
    } else {
      storage::view_query query;
      query.collection =
          asked_ % 4 == 1 ? storage::view_collection::reservations : storage::view_collection::receipts;
      reader_.list(query, [this](const auto& page) {
        require(!page || page->rows.size() <= largest_input_bytes, "a page is bounded");
        answered();
      });
    }
    asking_ = false;
    return answers_ == answers_before;
  }

  bool all_answered() const { return answers_ == asked_; }

 private:
  void answered() {
    ++answers_;
    if (!asking_) ask();
  }

  storage::redis_view_reader& reader_;
  int asked_ = 0;
  int answers_ = 0;
  bool asking_ = false;
};

/// Runs what is ready until the condition holds.
template <class Condition>
void run_until(boost::asio::io_context& loop, Condition holds, const char* what) {
  for (int turn = 0; turn < most_turns; ++turn) {
    if (holds()) return;
    loop.poll();
  }
  require(false, what);
}

void serve(std::string_view bytes) {
  const auto session = std::make_shared<storage::redis_session_holder>();
  session->replace({stamp, server_run});
  boost::asio::io_context loop;
  {
    storage::redis_options options;
    // A second connection would stay in the server's queue, for the next input to be sent on.
    options.reconnect_first_delay = options.reconnect_longest_delay = std::chrono::hours{1};
    // Nothing is said about how fast a machine with sanitizers is.
    options.request_timeout = std::chrono::minutes{1};
    storage::redis_view_reader reader(loop, options, session);
    asker asker(reader);
    const int client = server().accept();
    send_all(client, greeting());
    run_until(
        loop, [&] { return asker.ask(); }, "a greeted reader reads");
    send_all(client, bytes);
    ::shutdown(client, SHUT_WR);
    run_until(
        loop, [&] { return asker.all_answered(); }, "every read is answered");
    ::close(client);
  }
  loop.poll();
}

}  // namespace
}  // namespace holdfast::fuzz

/// In the place of hiredis's own.
extern "C" redisAsyncContext* redisAsyncConnect(const char*, int) {
  return redisAsyncConnectUnix(holdfast::fuzz::server().path().c_str());
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= holdfast::fuzz::largest_input_bytes) holdfast::fuzz::serve(holdfast::fuzz::text_of(data, size));
  return 0;
}
