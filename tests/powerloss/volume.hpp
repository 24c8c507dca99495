// An ext4 file system of its own that can lose its power: an image in memory, mounted through a loop
// device, and shut down by EXT4_IOC_SHUTDOWN, which drops whatever was not synced.
//
// The mounts belong to this process and its children alone and end with them, however they end.
// Needs the right to mount. One thread.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/support/temporary_folder.hpp"

namespace holdfast::powerloss {

/// This machine can't mount: nothing was shown.
struct cannot_mount : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Keeps mounts from the rest of the machine. Throws cannot_mount. Once, before any thread.
void begin_own_mounts();

enum class power_cut {
  /// The file system's own log is lost too, from its last commit on.
  without_log,
  /// The log is written: names and sizes may be newer than the bytes of files.
  with_log
};

class volume {
 public:
  /// Makes it and mounts it. Throws cannot_mount.
  volume();
  ~volume();
  volume(const volume&) = delete;
  volume& operator=(const volume&) = delete;

  const std::filesystem::path& path() const { return mounted_at_; }

  /// From now on every access fails, until it was mounted again. Leaves a file that was not synced
  /// and one that was.
  void cut_power(power_cut how);
  /// Once nobody uses it any more. Throws where the file that was synced is lost, or the one that
  /// was not is still there: then this machine's cuts show nothing.
  void mount_again();

 private:
  bool mount();
  void look_for_witnesses();

  testing::temporary_folder folder_;
  std::filesystem::path image_;
  std::filesystem::path mounted_at_;
  bool mounted_ = false;
};

}  // namespace holdfast::powerloss
