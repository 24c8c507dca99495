// What systemd is told by a service of Type=notify: on its socket, at the right moments.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {
namespace {

/// The socket that $NOTIFY_SOCKET names, abstract where its name begins with '@'.
class notify_socket {
 public:
  explicit notify_socket(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  }
  ~notify_socket() { ::close(socket_); }
  notify_socket(const notify_socket&) = delete;
  notify_socket& operator=(const notify_socket&) = delete;

  std::string receive() const {
    char text[256];
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(child_deadline).count())) != 1)
      return "";
    const auto size = ::recv(socket_, text, sizeof text, 0);
    return {text, size > 0 ? static_cast<std::size_t>(size) : 0};
  }

 private:
  const int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST_CASE("the service manager hears when it serves, and when it ends") {
  const temporary_folder folder;
  for (const auto& name : {folder / "notify", "@holdfast-test-" + std::to_string(::getpid())}) {
    CAPTURE(name);
    const notify_socket manager(name);
    process server({"serve", "--listen", "127.0.0.1:0", "--data", folder / "data"},
                   {{"NOTIFY_SOCKET", name}});
    CHECK(manager.receive() == "READY=1");
    const auto port = port_in(server.wait_for_line());
    CHECK(http_client(port).get("/actuator/health/readiness").status == 200);
    server.send(SIGTERM);
    CHECK(manager.receive() == "STOPPING=1");
    CHECK(server.wait_for_exit() == 0);
  }
}

TEST_CASE("where no service manager listens, it serves all the same") {
  const temporary_folder folder;
  process server({"serve", "--listen", "127.0.0.1:0", "--data", folder / "data"},
                 {{"NOTIFY_SOCKET", folder / "nobody"}});
  CHECK(http_client(port_in(server.wait_for_line())).get("/actuator/health/readiness").status == 200);
}

}  // namespace
}  // namespace holdfast::testing
