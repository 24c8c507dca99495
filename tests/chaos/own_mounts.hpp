// Mounts that belong to this process and its children alone, and end with them, however they end.
// One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>

#include "tests/support/temporary_folder.hpp"

namespace holdfast::chaos {

/// This machine can't mount: what needs it shows nothing.
struct cannot_mount : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Keeps mounts from the rest of the machine. Throws cannot_mount. Once, before any thread.
void begin_own_mounts();

/// A small file system in memory, which can be filled up. Gone at the end of its scope.
class memory_disk {
 public:
  /// Throws cannot_mount.
  explicit memory_disk(std::uintmax_t bytes);
  ~memory_disk();
  memory_disk(const memory_disk&) = delete;
  memory_disk& operator=(const memory_disk&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Leaves so many bytes free, at most a page more.
  void fill_up(std::uintmax_t but_for_bytes);
  void make_room();

 private:
  testing::temporary_folder folder_;
  std::filesystem::path path_;
};

}  // namespace holdfast::chaos
