// An ext4 file system of its own that can lose its power: an image in memory, mounted through a loop
// device, and shut down by EXT4_IOC_SHUTDOWN, which drops whatever was not synced.
//
// Needs the right to mount, and mounts of its own (own_mounts.hpp). One thread.
#pragma once

#include <filesystem>

#include "tests/chaos/own_mounts.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::powerloss {

using chaos::cannot_mount;

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
  chaos::memory_disk store_;
  std::filesystem::path image_;
  std::filesystem::path mounted_at_;
  bool mounted_ = false;
};

}  // namespace holdfast::powerloss
