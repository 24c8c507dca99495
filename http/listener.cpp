#include "http/listener.hpp"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "http/session.hpp"

namespace holdfast::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

/// How often the sessions are searched for those whose time is up.
constexpr milliseconds longest_sweep_interval{1000};
constexpr milliseconds shortest_sweep_interval{10};
/// An eighth of the deadline is how late its sessions may be closed.
constexpr int sweeps_per_deadline = 8;

/// After a failed accept (no descriptors left, usually) trying again at once would spin.
constexpr milliseconds accept_retry_interval{50};

using tcp_acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;

/// Of what a client has not taken for so long, nothing is kept, nor sent again (tcp(7)).
boost::system::error_code set_user_timeout(int socket, milliseconds timeout) {
  const auto value = static_cast<unsigned>(timeout.count());
  if (::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value) == 0) return {};
  return {errno, boost::system::system_category()};
}

boost::system::error_code listen_on(tcp_acceptor& acceptor, const std::string& ip_address,
                                    std::uint16_t port) {
  boost::system::error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(ip_address, error), port);
  if (error) return error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  // A restart must not wait for the connections of the process before to time out.
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (error) return error;
  acceptor.bind(endpoint, error);
  if (error) return error;
  // What it accepts has these two from it, without a call for each.
  acceptor.set_option(asio::socket_base::send_buffer_size(send_buffer_bytes), error);
  if (error) return error;
  error = set_user_timeout(acceptor.native_handle(), nothing_taken_within);
  if (error) return error;
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

std::string cannot_listen(const std::string& address, std::uint16_t port,
                          const boost::system::error_code& error) {
  return "cannot listen on " + address + ":" + std::to_string(port) + ": " + error.message();
}

/// Counts connections over all loops and lets stop() wait for the last one.
class connection_count {
 public:
  explicit connection_count(std::uint32_t largest) : largest_(largest) {}

  bool try_open() {
    const std::lock_guard lock(mutex_);
    if (open_ >= largest_) return false;
    ++open_;
    return true;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    assert(open_ > 0);
    if (--open_ == 0) none_open_.notify_all();
  }

  void wait_until_none(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    none_open_.wait_for(lock, at_most, [this] { return open_ == 0; });
  }

  std::uint32_t open() const {
    const std::lock_guard lock(mutex_);
    return open_;
  }

 private:
  const std::uint32_t largest_;
  mutable std::mutex mutex_;
  std::condition_variable none_open_;
  std::uint32_t open_ = 0;
};

/// One event loop. The order of the members is that of their lives: the handler's sockets and
/// the sessions' need the context until they are gone.
class event_loop {
 public:
  event_loop(const handler_factory& make_handler, milliseconds request_deadline,
             connection_count& connections, const server_options& options)
      : sessions_(
            make_handler(context_), request_deadline, [&connections] { connections.close(); },
            options.refused, options.certificates),
        sweep_interval_(std::clamp(request_deadline / sweeps_per_deadline, shortest_sweep_interval,
                                   longest_sweep_interval)) {}

  ~event_loop() { assert(!thread_.joinable()); }

  asio::io_context& context() { return context_; }

  void start() {
    sweep_later();
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "http");
      context_.run();
    });
  }

  void adopt(loop_socket socket) {
    asio::dispatch(context_,
                   [this, socket = std::move(socket)]() mutable { sessions_.open(std::move(socket)); });
  }

  void drain() {
    asio::post(context_, [this] { sessions_.drain(); });
  }

  void pause() {
    asio::dispatch(context_, [this] { sessions_.pause(); });
  }

  void close_all() {
    if (!thread_.joinable()) return;
    std::promise<void> closed;
    asio::post(context_, [this, &closed] {
      sessions_.close_all();
      closed.set_value();
    });
    closed.get_future().wait();
  }

  void end() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] { context_.stop(); });
    thread_.join();
  }

 private:
  void sweep_later() {
    sweep_timer_.expires_after(sweep_interval_);
    sweep_timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      sessions_.sweep();
      sweep_later();
    });
  }

  asio::io_context context_{1};
  session_set sessions_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  asio::steady_timer sweep_timer_{context_};
  milliseconds sweep_interval_;
  std::thread thread_;
};

}  // namespace

class transport::implementation {
 public:
  implementation(handler_factory make_handler, server_options options, milliseconds request_deadline)
      : options_(std::move(options)), connections_(options_.largest_connections) {
    for (std::uint32_t loop = 0; loop < std::max(options_.threads, 1u); ++loop) {
      loops_.push_back(std::make_unique<event_loop>(make_handler, request_deadline, connections_, options_));
    }
    acceptor_.emplace(loops_.front()->context());
    retry_timer_.emplace(loops_.front()->context());
  }

  ~implementation() {
    stop(milliseconds{0});
    for (const auto& loop : loops_) loop->end();
  }

  std::optional<std::string> start() {
    if (const auto error = listen()) {
      return cannot_listen(options_.address, options_.port, error);
    }
    accept();
    for (const auto& loop : loops_) loop->start();
    return std::nullopt;
  }

  std::vector<task_runner> loops() {
    std::vector<task_runner> all;
    for (const auto& loop : loops_) {
      all.push_back(
          [&context = loop->context()](std::function<void()> task) { asio::post(context, std::move(task)); });
    }
    return all;
  }

  std::uint16_t port() const { return port_; }
  std::uint32_t connections() const { return connections_.open(); }

  void pause() {
    asio::dispatch(loops_.front()->context(), [this] { close_acceptor(); });
    for (const auto& loop : loops_) loop->pause();
  }

  void resume() {
    asio::dispatch(loops_.front()->context(), [this] { listen_again(); });
  }

  void stop_accepting() {
    asio::post(loops_.front()->context(), [this] {
      draining_ = true;
      close_acceptor();
    });
    for (const auto& loop : loops_) loop->drain();
  }

  void wait_until_none(milliseconds at_most) { connections_.wait_until_none(at_most); }

  void stop(milliseconds at_most) {
    if (stopped_) return;
    stopped_ = true;
    stop_accepting();
    connections_.wait_until_none(at_most);
    for (const auto& loop : loops_) loop->close_all();
  }

 private:
  boost::system::error_code listen() {
    // The one that it had before, where any free one was asked for.
    auto error = listen_on(*acceptor_, options_.address, port_ != 0 ? port_ : options_.port);
    if (error) return error;
    port_ = acceptor_->local_endpoint(error).port();
    return error;
  }

  void close_acceptor() {
    ++listening_;
    boost::system::error_code ignored;
    acceptor_->close(ignored);
    retry_timer_->cancel();
  }

  /// Until it works: somebody else may have the port just then.
  void listen_again() {
    if (draining_ || acceptor_->is_open()) return;
    if (!listen()) return accept();
    close_acceptor();
    retry_timer_->expires_after(accept_retry_interval);
    retry_timer_->async_wait([this](boost::system::error_code error) {
      if (!error) listen_again();
    });
  }

  void accept() {
    event_loop& loop = *loops_[next_loop_++ % loops_.size()];
    acceptor_->async_accept(loop.context(), [this, &loop, listening = listening_](
                                                boost::system::error_code error, loop_socket socket) {
      if (listening == listening_) on_accepted(error, loop, std::move(socket));
    });
  }

  void on_accepted(boost::system::error_code error, event_loop& loop, loop_socket socket) {
    if (error) return accept_later();
    // Where there are too many, the socket closes as it goes out of scope.
    if (connections_.try_open()) loop.adopt(std::move(socket));
    accept();
  }

  void accept_later() {
    retry_timer_->expires_after(accept_retry_interval);
    retry_timer_->async_wait([this, listening = listening_](boost::system::error_code error) {
      if (!error && listening == listening_) accept();
    });
  }

  server_options options_;
  connection_count connections_;
  std::vector<std::unique_ptr<event_loop>> loops_;
  std::optional<tcp_acceptor> acceptor_;
  std::optional<asio::steady_timer> retry_timer_;
  std::size_t next_loop_ = 0;
  /// Of this and the next only the first loop's thread knows, once it runs: how often the port was
  /// given up, so that what was accepted before is not taken for a new one's.
  std::uint64_t listening_ = 0;
  bool draining_ = false;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
};

std::optional<std::string> failure_to_listen(const std::string& address, std::uint16_t port) {
  asio::io_context loop;
  tcp_acceptor acceptor(loop);
  const auto error = listen_on(acceptor, address, port);
  if (!error) return std::nullopt;
  return cannot_listen(address, port, error);
}

transport::transport(handler_factory make_handler, server_options options, milliseconds request_deadline)
    : implementation_(
          std::make_unique<implementation>(std::move(make_handler), std::move(options), request_deadline)) {}

transport::~transport() = default;

std::optional<std::string> transport::start() {
  return implementation_->start();
}
std::vector<task_runner> transport::loops() {
  return implementation_->loops();
}
std::uint16_t transport::port() const {
  return implementation_->port();
}
void transport::pause() {
  implementation_->pause();
}
void transport::resume() {
  implementation_->resume();
}
void transport::stop_accepting() {
  implementation_->stop_accepting();
}
void transport::wait_until_none(milliseconds at_most) {
  implementation_->wait_until_none(at_most);
}
void transport::stop(milliseconds at_most) {
  implementation_->stop(at_most);
}
std::uint32_t transport::connections() const {
  return implementation_->connections();
}

}  // namespace holdfast::http
