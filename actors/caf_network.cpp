#include "actors/caf_network.hpp"

#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/middleman_actor.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/sec.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>

namespace holdfast::actors {
namespace {

/// For the kernel to connect to a node.
constexpr std::chrono::milliseconds longest_connect{1000};
/// For one try to reach a node, or to listen.
constexpr std::chrono::seconds longest_try{2};

caf::io::middleman_actor middleman_of(caf::actor_system& system, const node_options& node) {
  return node.certificates ? system.openssl_manager().actor_handle() : system.middleman().actor_handle();
}

std::optional<std::pair<std::string, std::uint16_t>> host_and_port_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto* end = address.data() + address.size();
  const auto read = std::from_chars(address.data() + colon + 1, end, port);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return std::pair(std::move(host), port);
}

/// A connection to who listens there, or -1. Blocks its thread for `longest_connect` at most.
int connected_socket(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> place(found, ::freeaddrinfo);
  const int made = ::socket(place->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) return -1;
  bool connected = ::connect(made, place->ai_addr, place->ai_addrlen) == 0;
  if (!connected && errno == EINPROGRESS) {
    pollfd waits{made, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    connected = ::poll(&waits, 1, static_cast<int>(longest_connect.count())) == 1 &&
                ::getsockopt(made, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  if (connected) return made;
  ::close(made);
  return -1;
}

/// Whether somebody listens there.
bool answers(const std::string& host, std::uint16_t port) {
  const int made = connected_socket(host, port);
  if (made >= 0) ::close(made);
  return made >= 0;
}

long forget_earlier_errors(BIO* socket, int operation, const char*, std::size_t, int, long, int result,
                           std::size_t*) {
  const bool moves_bytes = operation == BIO_CB_READ || operation == BIO_CB_WRITE;
  if (moves_bytes && BIO_method_type(socket) == BIO_TYPE_SOCKET) ERR_clear_error();
  return result;
}

/// CAF's TLS leaves the errors of a connection that ends in its thread's queue of errors, and then takes them
/// for those of every other connection that has nothing to read: all end, and those made anew as well. The
/// queue has to be empty before a call (SSL_get_error(3)), so every socket of OpenSSL's empties it first.
void forget_errors_of_other_connections() {
  static const int index = BIO_get_ex_new_index(
      0, nullptr,
      [](void* socket, void*, CRYPTO_EX_DATA*, int, long, void*) {
        BIO_set_callback_ex(static_cast<BIO*>(socket), forget_earlier_errors);
      },
      nullptr, nullptr);
  static_cast<void>(index);
}

std::intptr_t now_in_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// CAF's TLS waits for ever for a handshake that does not go on, and looks for it without a pause where it
/// has something to send: whoever connects and says nothing would cost a processor, and keep the process from
/// ending.
void end_slow_handshakes() {
  static const int begun_at = SSL_get_ex_new_index(
      0, nullptr,
      [](void* session, void*, CRYPTO_EX_DATA* data, int index, long, void*) {
        CRYPTO_set_ex_data(data, index, reinterpret_cast<void*>(now_in_ms()));
        SSL_set_info_callback(static_cast<SSL*>(session), [](const SSL* of, int where, int result) {
          const bool tried = where == SSL_CB_ACCEPT_EXIT || where == SSL_CB_CONNECT_EXIT;
          if (!tried || result > 0) return;
          const auto begun = reinterpret_cast<std::intptr_t>(SSL_get_ex_data(of, begun_at));
          if (now_in_ms() - begun > caf_network::longest_handshake.count())
            ::shutdown(SSL_get_fd(of), SHUT_RDWR);
        });
      },
      nullptr, nullptr);
  static_cast<void>(begun_at);
}

}  // namespace

std::string node_address(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

void caf_network::prepare(caf::actor_system_config& config, const node_options& node) {
  config.load<caf::io::middleman>();
  // Nodes that know other messages are not connected.
  config.set("middleman.app-identifiers", std::vector<std::string>{messages_version});
  config.set("middleman.heartbeat-interval", caf::timespan(heartbeat_every));
  config.set("middleman.connection-timeout", caf::timespan(silent_for));
  if (!node.certificates) return;
  forget_errors_of_other_connections();
  end_slow_handshakes();
  config.load<caf::openssl::manager>();
  config.openssl_certificate = node.certificates->certificate;
  config.openssl_key = node.certificates->key;
  config.openssl_cafile = node.certificates->authority;
}

void caf_network::publish(const node_gate_actor& gate,
                          std::function<void(tl::expected<std::string, std::string>)> done) {
  system_.spawn([middleman = middleman_of(system_, node_), node = node_, done = std::move(done),
                 whom = caf::actor_cast<caf::strong_actor_ptr>(gate)](caf::event_based_actor* self) {
    self->request(middleman, longest_try, caf::publish_atom::value, node.port, whom, std::set<std::string>{},
                  node.address, true)
        .then(
            [=](std::uint16_t port) { done(node_address(node.address, port)); },
            [=](const caf::error& why) {
              done(tl::unexpected("can't listen for other nodes on " + node_address(node.address, node.port) +
                                  ": " + self->system().render(why)));
            });
  });
}

void caf_network::find(const std::string& address,
                       std::function<void(tl::expected<node_gate_actor, std::string>)> done) {
  const auto place = host_and_port_of(address);
  if (!place) return done(tl::unexpected("'" + address + "' is no address of a node"));
  // CAF connects to one node after the other, in one thread, which machines that are gone would keep from all
  // others. So it is asked for those that answer only.
  system_.spawn<caf::detached>([middleman = middleman_of(system_, node_), place = *place, address,
                                done = std::move(done)](caf::event_based_actor* self) {
    if (!answers(place.first, place.second)) {
      return done(tl::unexpected("the node at " + address + " does not answer"));
    }
    self->request(middleman, longest_try, caf::connect_atom::value, place.first, place.second)
        .then(
            [=](const caf::node_id&, const caf::strong_actor_ptr& gate, const std::set<std::string>&) {
              if (!gate) return done(tl::unexpected("the node at " + address + " has no gate"));
              done(caf::actor_cast<node_gate_actor>(gate));
            },
            [=](const caf::error& why) {
              done(tl::unexpected("the node at " + address +
                                  " can't be reached: " + self->system().render(why)));
            });
  });
}

}  // namespace holdfast::actors

namespace caf::io::network {

/// In place of CAF's own, by the rules of the dynamic linker, for its TLS too: that one waits for as long as
/// the kernel tries, two minutes, for a machine that goes at the wrong moment. Meanwhile no other node could
/// be connected to, and the process could not end.
expected<native_socket> new_tcp_connection(const std::string& host, std::uint16_t port,
                                           optional<protocol::network>) {
  const int made = holdfast::actors::connected_socket(host, port);
  if (made < 0) return make_error(sec::cannot_connect_to_node, host, port);
  // As CAF gets it from its own.
  if (auto blocking = nonblocking(made, false); !blocking) {
    ::close(made);
    return std::move(blocking.error());
  }
  return made;
}

}  // namespace caf::io::network
