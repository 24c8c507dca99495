// A world of the run's own: its processes, mounts and network are namespaces of the kernel's, which takes
// them away with all that is in them when the run ends, however it ends. In it lies a network: a bridge with
// this process's addresses, and hosts that are joined to it, each with rules of what does not get through.
//
// Needs root. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace holdfast::chaos {

struct no_world : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Runs it as the first process of a new world; what it returns. Throws no_world.
int in_own_world(const std::function<int()>& run);

/// What a host does not hear from an address, or does not say to it.
enum class direction : std::uint8_t { in, out };
struct cut {
  direction which = direction::in;
  std::string address;

  auto operator<=>(const cut&) const = default;
};

/// The bridge, with addresses of this process's; the first is what it speaks from. One to a world.
void make_bridge(const std::vector<std::string>& addresses);

/// A host of the bridge's, in a network namespace of its own.
class own_host {
 public:
  /// `name` is the link's on the bridge.
  own_host(const std::string& name, const std::string& address);
  ~own_host();
  own_host(const own_host&) = delete;
  own_host& operator=(const own_host&) = delete;

  /// Does it there: processes that it starts stay there.
  void inside(const std::function<void()>& what) const;
  /// These and no others.
  void set_cuts(const std::set<cut>& cuts) const;

 private:
  int namespace_ = -1;
  testing::temporary_folder folder_;
};

}  // namespace holdfast::chaos
