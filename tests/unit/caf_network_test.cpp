// The network between nodes on real sockets.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "actors/caf_network.hpp"
#include "actors/type_registry.hpp"

namespace holdfast::testing {
namespace {

using found_gate = tl::expected<actors::node_gate_actor, std::string>;

constexpr std::chrono::seconds deadline{30};

/// A node's actor system, with a gate that answers nothing.
struct network_node {
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

  actors::node_options options = [] {
    actors::node_options node;
    node.address = "127.0.0.1";
    return node;
  }();
  system_config config{options};
  caf::actor_system system{config};
  actors::caf_network network{system, options};
  actors::node_gate_actor gate = system.spawn([]() -> actors::node_gate_actor::behavior_type {
    return {
        [](const actors::place_reservation&) { return actors::placement_answer{}; },
        [](const actors::cancel_reservation&) { return actors::cancellation_answer{}; },
        [](const actors::issue_receipt&) { return actors::receipt_answer{}; },
        [](const actors::void_receipt&) { return actors::receipt_answer{}; },
        [](const actors::gate_placed&) {},
        [](const actors::gate_cancelled&) {},
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

}  // namespace holdfast::testing
