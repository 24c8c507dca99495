#include "tests/chaos/own_world.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <thread>

namespace holdfast::chaos {

namespace {

constexpr const char* bridge = "holdfast";
constexpr const char* subnet = "/24";

[[noreturn]] void fail_to(const std::string& what) {
  throw no_world(what + ": " + std::strerror(errno));
}

void command(const std::string& line) {
  if (std::system(line.c_str()) != 0) throw no_world("this failed: " + line);
}

void prepare_world() {
  // Behind this process's parent nobody waits for it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail_to("mounts of its own");
  if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) fail_to("a /proc of its own");
  command("ip link set lo up");
}

[[noreturn]] void be_first(const std::function<int()>& run) {
  int code = EXIT_FAILURE;
  try {
    prepare_world();
    code = run();
  } catch (const std::exception& error) {
    std::cerr << "chaos: " << error.what() << "\n";
  }
  std::cout.flush();
  ::_exit(code);
}

std::string rules_of(const std::set<cut>& cuts, direction which) {
  const bool in = which == direction::in;
  std::string text = in ? "chain hears { type filter hook input priority 0;"
                        : "chain says { type filter hook output priority 0;";
  for (const auto& each : cuts) {
    if (each.which == which) text += (in ? " ip saddr " : " ip daddr ") + each.address + " drop;";
  }
  return text + " }\n";
}

}  // namespace

int in_own_world(const std::function<int()>& run) {
  std::cout.flush();
  if (::unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) != 0) fail_to("namespaces of its own");
  const pid_t first = ::fork();
  if (first < 0) fail_to("fork");
  if (first == 0) be_first(run);
  int status = 0;
  ::waitpid(first, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

void make_bridge(const std::vector<std::string>& addresses) {
  const std::string name = bridge;
  command("ip link add " + name + " type bridge");
  for (const auto& each : addresses) command("ip address add " + each + subnet + " dev " + name);
  command("ip link set " + name + " up");
}

own_host::own_host(const std::string& name, const std::string& address) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) fail_to("a network namespace");
      namespace_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
      if (namespace_ < 0) fail_to("the network namespace");
      // The other end goes to this process's first thread's namespace.
      command("ip link add eth0 type veth peer name " + name + " netns " + std::to_string(::getpid()));
      command("ip address add " + address + subnet + " dev eth0");
      command("ip link set lo up");
      command("ip link set eth0 up");
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  command("ip link set " + name + " master " + bridge + " up");
}

own_host::~own_host() {
  ::close(namespace_);
}

void own_host::inside(const std::function<void()>& what) const {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::setns(namespace_, CLONE_NEWNET) != 0) fail_to("into a network namespace");
      what();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

void own_host::set_cuts(const std::set<cut>& cuts) const {
  const auto path = folder_ / "rules";
  std::ofstream(path) << "flush ruleset\ntable ip cuts {\n"
                      << rules_of(cuts, direction::in) << rules_of(cuts, direction::out) << "}\n";
  inside([&] { command("nft --file " + path); });
}

}  // namespace holdfast::chaos
