// What Beast itself can do: answers every request with the same JSON from one thread, with keep
// alive and nothing else. The server is measured against it. With BYTES the answer is spaces of that
// length, to compare with answers as long. With FILE each answer waits for SYNCS writes to it that are synced
// one after the other, as a placement's answer waits for its reservation and its payment, and a
// cancellation's for the wish, the receipt's void and the refund: what a server with those promises could do
// that had nothing else to do.
//
//     ceiling PORT [BYTES]
//     ceiling PORT --synced FILE SYNCS
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

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

/// Writes whatever has come together and syncs it once, on a thread of its own, over and over from the
/// beginning of a file that has its size: nothing but data goes to the disk.
class synced_log {
 public:
  synced_log(const char* path, asio::io_context& loop)
      : loop_(loop), file_(::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    if (file_ < 0) fail("open");
    const std::string zeros(file_bytes, '\0');
    write(zeros, 0);
    thread_ = std::thread([this] { run(); });
  }
  ~synced_log() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    more_.notify_one();
    thread_.join();
    ::close(file_);
  }
  synced_log(const synced_log&) = delete;
  synced_log& operator=(const synced_log&) = delete;

  /// `done` is called on the loop once a record of the usual size is on the disk.
  void append(std::function<void()> done) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(done));
    }
    more_.notify_one();
  }

 private:
  /// Of a reservation's three.
  static constexpr std::size_t record_bytes = 110;
  static constexpr std::size_t file_bytes = 64 * 1024 * 1024;

  [[noreturn]] static void fail(const char* call) {
    throw std::system_error(errno, std::generic_category(), call);
  }

  void write(const std::string& bytes, std::size_t at) {
    if (::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at)) !=
        static_cast<ssize_t>(bytes.size())) {
      fail("pwrite");
    }
    if (::fdatasync(file_) != 0) fail("fdatasync");
  }

  void run() {
    std::size_t at = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      more_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
      if (ended_) return;
      auto batch = std::exchange(waiting_, {});
      lock.unlock();
      const std::string bytes(batch.size() * record_bytes, 'x');
      if (at + bytes.size() > file_bytes) at = 0;
      write(bytes, at);
      at += bytes.size();
      asio::post(loop_, [batch = std::move(batch)] {
        for (const auto& done : batch) done();
      });
      lock.lock();
    }
  }

  asio::io_context& loop_;
  const int file_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::function<void()>> waiting_;
  bool ended_ = false;
  std::thread thread_;
};

/// Null where nothing is written.
synced_log* the_log = nullptr;
int syncs_of_answer = 0;

using stream = beast::basic_stream<tcp, asio::io_context::executor_type>;

class connection : public std::enable_shared_from_this<connection> {
 public:
  explicit connection(stream stream) : stream_(std::move(stream)) {}

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       if (!error) self->write_behind(syncs_of_answer);
                     });
  }

 private:
  void write_behind(int syncs) {
    if (syncs == 0) return write();
    the_log->append([self = shared_from_this(), syncs] { self->write_behind(syncs - 1); });
  }

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
  const int port = count >= 2 ? std::atoi(arguments[1]) : 0;
  const bool synced = count == 5 && std::strcmp(arguments[2], "--synced") == 0;
  if (synced) syncs_of_answer = std::atoi(arguments[4]);
  if (port < 1 || port > 65535 || (count > 3 && !synced) || (synced && syncs_of_answer < 1)) {
    std::cerr << "usage: ceiling PORT [BYTES | --synced FILE SYNCS]\n";
    return EXIT_FAILURE;
  }
  if (count == 3) constant_answer.assign(std::strtoul(arguments[2], nullptr, 10), ' ');
  asio::io_context loop{1};
  std::optional<synced_log> log;
  if (synced) the_log = &log.emplace(arguments[3], loop);
  acceptor listener(loop, {asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(port)});
  accept(listener);
  loop.run();
}
