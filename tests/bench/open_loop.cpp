// Places reservations in an open loop: customers come by a Poisson clock, whether or not those before
// them were answered, and each waits from the moment at which he meant to ask (so that a server which
// stops answering can't hide how long it did). Each connection has one request under way at most;
// customers who find none free queue for one, and leave after a while.
//
//     open_loop PORT RATE_PER_S SECONDS CONNECTIONS
//
// Prints a line of JSON for each second, by the second in which customers came, and one for all.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

/// A customer who has found no free connection by then leaves.
constexpr seconds longest_wait_for_connection{1.0};
/// After the last customer came, those under way have this long.
constexpr seconds last_answers_within{10.0};
/// Sleeping for less would take more of the processor than it saves.
constexpr long shortest_sleep_ns = 100'000;
constexpr int events_at_once = 256;

constexpr std::string_view order =
    R"({"userId":1,"userAddress":"seoul","productId":1,"productName":"fold","price":1300000,)"
    R"("cardNo":"1234-1234-1234-1234"})";

const std::string request =
    "POST /preReservations HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
    "Content-Length: " +
    std::to_string(order.size()) + "\r\n\r\n" + std::string(order);

/// Times in milliseconds of one kind of answer.
class times {
 public:
  void add(seconds took) { all_.push_back(static_cast<float>(took.count() * 1e3)); }
  std::size_t count() const { return all_.size(); }
  double quantile(double q) {
    if (all_.empty()) return 0;
    const auto at = all_.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(all_.size() - 1));
    std::nth_element(all_.begin(), at, all_.end());
    return *at;
  }
  void add_all(const times& others) { all_.insert(all_.end(), others.all_.begin(), others.all_.end()); }

 private:
  std::vector<float> all_;
};

/// What became of the customers who came in one second.
struct tally {
  std::size_t came = 0;
  /// Found no free connection in time.
  std::size_t left = 0;
  /// Neither 2xx nor 503, or the connection was lost.
  std::size_t failed = 0;
  times accepted;
  /// The same, from when the request was sent: without the wait for a connection.
  times served;
  /// Not admitted: 503 `overloaded`.
  times refused;
  /// Placed, and not paid: any other 503.
  times unpaid;

  void add(const tally& other) {
    came += other.came;
    left += other.left;
    failed += other.failed;
    accepted.add_all(other.accepted);
    served.add_all(other.served);
    refused.add_all(other.refused);
    unpaid.add_all(other.unpaid);
  }
  void print(const char* name, double value) {
    std::printf(
        "{\"%s\":%g,\"came\":%zu,\"left\":%zu,\"failed\":%zu,\"accepted\":%zu,\"acceptedP50\":%.2f,"
        "\"acceptedP99\":%.2f,\"servedP50\":%.2f,\"servedP99\":%.2f,\"refused\":%zu,\"refusedP50\":%.2f,"
        "\"refusedP99\":%.2f,\"refusedMost\":%.2f,"
        "\"unpaid\":%zu,\"unpaidP50\":%.2f,\"unpaidP99\":%.2f}\n",
        name, value, came, left, failed, accepted.count(), accepted.quantile(0.5), accepted.quantile(0.99),
        served.quantile(0.5), served.quantile(0.99), refused.count(), refused.quantile(0.5),
        refused.quantile(0.99), refused.quantile(1.0), unpaid.count(), unpaid.quantile(0.5),
        unpaid.quantile(0.99));
    std::fflush(stdout);
  }
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "open_loop: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

struct connection {
  int socket = -1;
  clock_type::time_point meant_to_ask;
  clock_type::time_point asked;
  std::string received;
};

class customers {
 public:
  customers(int port, double rate, double lasting, std::size_t connections)
      : between_(rate), lasting_(lasting), epoll_(::epoll_create1(EPOLL_CLOEXEC)), connections_(connections) {
    endpoint_.sin_family = AF_INET;
    endpoint_.sin_port = htons(static_cast<std::uint16_t>(port));
    endpoint_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (auto& each : connections_) {
      connect(each);
      free_.push_back(&each);
    }
    seconds_.resize(static_cast<std::size_t>(lasting) + 1);
  }

  void run() {
    began_ = clock_type::now();
    auto next = began_;
    const auto ends = began_ + std::chrono::duration_cast<clock_type::duration>(lasting_);
    const auto over = ends + std::chrono::duration_cast<clock_type::duration>(last_answers_within);
    for (;;) {
      const auto now = clock_type::now();
      for (; next <= now && next < ends; next += pause()) {
        queue_.push_back(next);
        ++of(next).came;
      }
      while (!queue_.empty() && now - queue_.front() > longest_wait_for_connection) leave();
      while (!queue_.empty() && !free_.empty()) ask();
      if (next >= ends && queue_.empty() && free_.size() == connections_.size()) break;
      if (now > over) break;
      await(next < ends ? std::max<long>((next - clock_type::now()).count(), 0) : 1'000'000);
    }
    print();
  }

 private:
  clock_type::duration pause() {
    return std::chrono::duration_cast<clock_type::duration>(seconds(between_(random_)));
  }
  tally& of(clock_type::time_point meant_to_ask) {
    return seconds_[static_cast<std::size_t>(seconds(meant_to_ask - began_).count())];
  }

  void connect(connection& each) {
    each.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (each.socket < 0) fail("socket");
    if (::connect(each.socket, reinterpret_cast<const sockaddr*>(&endpoint_), sizeof endpoint_) != 0) {
      fail("connect");
    }
    const int yes = 1;
    ::setsockopt(each.socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &each;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, each.socket, &event);
  }

  void leave() {
    ++of(queue_.front()).left;
    queue_.pop_front();
  }

  void ask() {
    connection& asking = *free_.back();
    free_.pop_back();
    asking.meant_to_ask = queue_.front();
    asking.asked = clock_type::now();
    queue_.pop_front();
    // A request fits any socket's buffer; one that was closed is found when it is read from.
    (void)!::send(asking.socket, request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void await(long at_most_ns) {
    const timespec time{0, std::clamp(at_most_ns, shortest_sleep_ns, 10'000'000L)};
    std::array<epoll_event, events_at_once> events;
    const int count = ::epoll_pwait2(epoll_, events.data(), events_at_once, &time, nullptr);
    for (int i = 0; i < count; ++i)
      read(*static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr));
  }

  void read(connection& from) {
    char bytes[8192];
    const ssize_t count = ::recv(from.socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return lost(from);
    from.received.append(bytes, static_cast<std::size_t>(count));
    const auto head_end = from.received.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    const auto length = from.received.find("Content-Length: ");
    const std::size_t body =
        length < head_end ? std::strtoul(from.received.c_str() + length + 16, nullptr, 10) : 0;
    if (from.received.size() < head_end + 4 + body) return;
    answered(from, std::atoi(from.received.c_str() + 9));
    from.received.clear();
    free_.push_back(&from);
  }

  void answered(const connection& by, int status) {
    tally& to = of(by.meant_to_ask);
    const seconds took = clock_type::now() - by.meant_to_ask;
    if (status / 100 == 2) {
      to.accepted.add(took);
      to.served.add(clock_type::now() - by.asked);
    } else if (status == 503) {
      const bool overloaded = by.received.find("\"overloaded\"") != std::string::npos;
      (overloaded ? to.refused : to.unpaid).add(took);
    } else {
      ++to.failed;
    }
  }

  void lost(connection& from) {
    const bool asking = std::find(free_.begin(), free_.end(), &from) == free_.end();
    if (asking) {
      ++of(from.meant_to_ask).failed;
      free_.push_back(&from);
    }
    from.received.clear();
    ::close(from.socket);
    connect(from);
  }

  void print() {
    tally all;
    for (std::size_t i = 0; i + 1 < seconds_.size(); ++i) {
      all.add(seconds_[i]);
      seconds_[i].print("second", static_cast<double>(i));
    }
    all.print("seconds", lasting_.count());
  }

  std::mt19937_64 random_{1};
  std::exponential_distribution<double> between_;
  seconds lasting_;
  int epoll_;
  sockaddr_in endpoint_{};
  std::vector<connection> connections_;
  /// The one used last first: what is idle stays idle.
  std::vector<connection*> free_;
  std::deque<clock_type::time_point> queue_;
  std::vector<tally> seconds_;
  clock_type::time_point began_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fprintf(stderr, "open_loop PORT RATE_PER_S SECONDS CONNECTIONS\n");
    return 2;
  }
  customers all(std::atoi(arguments[1]), std::atof(arguments[2]), std::atof(arguments[3]),
                std::strtoul(arguments[4], nullptr, 10));
  all.run();
  return 0;
}
