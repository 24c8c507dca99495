// The network between nodes on real sockets.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/caf_network.hpp"
#include "actors/type_registry.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {
namespace {

using found_gate = tl::expected<actors::node_gate_actor, std::string>;

constexpr std::chrono::seconds deadline{30};

/// A node's actor system, with a gate that answers nothing.
struct network_node {
  explicit network_node(std::optional<actors::node_certificates> certificates = {})
      : options(with(std::move(certificates))) {}

  struct system_config : caf::actor_system_config {
    explicit system_config(const actors::node_options& node) {
      actors::register_messages(*this);
      actors::caf_network::prepare(*this, node);
    }
  };

  ~network_node() { caf::anon_send_exit(gate, caf::exit_reason::user_shutdown); }

  std::future<found_gate> find(const std::string& address) {
    auto found = std::make_shared<std::promise<found_gate>>();
    network.find(address, [found](auto gate) { found->set_value(std::move(gate)); });
    return found->get_future();
  }
  std::string publish() {
    std::promise<tl::expected<std::string, std::string>> published;
    network.publish(gate, [&](auto address) { published.set_value(std::move(address)); });
    return published.get_future().get().value();
  }

  static actors::node_options with(std::optional<actors::node_certificates> certificates) {
    actors::node_options node;
    node.address = "127.0.0.1";
    node.certificates = std::move(certificates);
    return node;
  }

  actors::node_options options;
  system_config config{options};
  caf::actor_system system{config};
  actors::caf_network network{system, options};
  actors::node_gate_actor gate = system.spawn([]() -> actors::node_gate_actor::behavior_type {
    return {
        [](const actors::place_reservation&) { return actors::placement_answer{}; },
        [](const actors::cancel_reservation&) { return actors::cancellation_answer{}; },
        [](const actors::operator_command&) { return actors::operation_answer{}; },
        [](const actors::issue_receipt&) { return actors::receipt_answer{}; },
        [](const actors::void_receipt&) { return actors::receipt_answer{}; },
        [](const actors::gate_placed&) {},
        [](const actors::gate_cancelled&) {},
        [](const actors::gate_operated&) {},
    };
  });
};

/// Takes one connection, and then no more: the kernel lets those who come wait as it does for a machine that
/// has gone.
class full_listener {
 public:
  full_listener() {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&place);
    socklen_t size = sizeof place;
    REQUIRE(::bind(listener_, address, size) == 0);
    REQUIRE(::listen(listener_, 0) == 0);
    REQUIRE(::getsockname(listener_, address, &size) == 0);
    port_ = ntohs(place.sin_port);
  }
  ~full_listener() { ::close(listener_); }
  full_listener(const full_listener&) = delete;
  full_listener& operator=(const full_listener&) = delete;

  std::string address() const { return actors::node_address("127.0.0.1", port_); }

 private:
  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
};

/// What scripts/certs makes.
class certificate_folder {
 public:
  certificate_folder() {
    const auto command =
        std::string(HOLDFAST_SOURCE_DIR "/scripts/certs ") + folder_.path().string() + " node";
    REQUIRE(std::system((command + " >/dev/null").c_str()) == 0);
  }
  actors::node_certificates of_node() const {
    return {folder_ / "node.pem", folder_ / "node.key", folder_ / "authority.pem"};
  }

 private:
  temporary_folder folder_;
};

using tcp = boost::asio::ip::tcp;

/// Of no node.
class stranger {
 public:
  explicit stranger(const std::string& address) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"),
                     static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))});
  }
  void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  /// All that it gets until the other side closes.
  std::string receive_all() {
    std::string got;
    boost::system::error_code over;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(got), over);
    return got;
  }
  /// The same over TLS, behind a handshake that it believes to have come to an end.
  std::string receive_all_over_tls(boost::asio::ssl::context& context) {
    boost::asio::ssl::stream<tcp::socket&> stream(socket_, context);
    boost::system::error_code over;
    stream.handshake(boost::asio::ssl::stream_base::client, over);
    std::string got;
    if (!over) boost::asio::read(stream, boost::asio::dynamic_buffer(got), over);
    CHECK(over);
    return got;
  }

 private:
  boost::asio::io_context context_;
  tcp::socket socket_{context_};
};

}  // namespace

TEST_CASE("a gate is found where it is published, and nowhere else") {
  network_node here;
  network_node there;
  auto found = here.find(there.publish());
  REQUIRE(found.wait_for(deadline) == std::future_status::ready);
  CHECK(found.get().has_value());
  // Nobody listens there.
  auto missing = here.find("127.0.0.1:1");
  REQUIRE(missing.wait_for(deadline) == std::future_status::ready);
  CHECK(missing.get().error().find("127.0.0.1:1") != std::string::npos);
  CHECK_FALSE(here.find("nowhere").get().has_value());
}

TEST_CASE(
    "a machine that goes while it is connected to keeps nobody from the others, nor the process from "
    "ending") {
  const full_listener gone;
  network_node there;
  const auto address = there.publish();
  {
    network_node here;
    // The look at whether it is there takes its last place.
    auto stuck = here.find(gone.address());
    REQUIRE(stuck.wait_for(deadline) == std::future_status::ready);
    CHECK(stuck.get().error().find(gone.address()) != std::string::npos);
    auto found = here.find(address);
    REQUIRE(found.wait_for(deadline) == std::future_status::ready);
    CHECK(found.get().has_value());
    stuck = here.find(gone.address());
  }
}

TEST_CASE(
    "over TLS strangers get nothing and are sent away, whatever they say, and nodes find each other beside "
    "them") {
  const certificate_folder good;
  network_node there(good.of_node());
  const auto address = there.publish();
  stranger silent(address);
  stranger silent_too(address);
  silent_too.send(std::string(1, '\x16'));
  stranger plain(address);
  // The head of a message between nodes without TLS: a client's handshake.
  plain.send(std::string(3, '\0') + '\1' + std::string(28, '\0'));
  {
    network_node here(good.of_node());
    auto found = here.find(address);
    REQUIRE(found.wait_for(deadline) == std::future_status::ready);
    CHECK(found.get().has_value());
  }
  // An alert of TLS at most.
  constexpr std::size_t alert = 7;
  CHECK(plain.receive_all().size() <= alert);
  CHECK(silent.receive_all().empty());
  CHECK(silent_too.receive_all().empty());

  const certificate_folder others;
  boost::asio::ssl::context without(boost::asio::ssl::context::tls_client);
  CHECK(stranger(address).receive_all_over_tls(without).empty());
  boost::asio::ssl::context foreign(boost::asio::ssl::context::tls_client);
  foreign.use_certificate_chain_file(others.of_node().certificate);
  foreign.use_private_key_file(others.of_node().key, boost::asio::ssl::context::pem);
  CHECK(stranger(address).receive_all_over_tls(foreign).empty());
  network_node here(others.of_node());
  auto found = here.find(address);
  REQUIRE(found.wait_for(deadline) == std::future_status::ready);
  CHECK_FALSE(found.get().has_value());
}

}  // namespace holdfast::testing
