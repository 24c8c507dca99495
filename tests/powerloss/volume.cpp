#include "tests/powerloss/volume.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/support/http_client.hpp"

namespace holdfast::powerloss {

namespace {

constexpr std::uintmax_t image_bytes = 160ull << 20;

/// include/uapi/linux/ext4.h of Linux 6.6; Debian 12's headers are older than this file of theirs.
constexpr unsigned long ext4_ioc_shutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t flags_logflush = 1;
constexpr std::uint32_t flags_nologflush = 2;

constexpr const char* synced_witness = "witness-synced";
constexpr const char* unsynced_witness = "witness-unsynced";
const std::string testimony(4096, 'w');

/// The exit code of a tool of the system, its output where that of this process goes.
int run_tool(std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, pointers.front(), nullptr, nullptr, pointers.data(), environ) != 0) return 127;
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string reason() {
  return std::strerror(errno);
}

void write_witness(const std::filesystem::path& path, bool synced) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool written = file >= 0 &&
                 ::write(file, testimony.data(), testimony.size()) == static_cast<ssize_t>(testimony.size());
  if (written && synced) written = ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!written) throw std::runtime_error("can't write " + path.string() + ": " + reason());
}

bool testifies(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {}) == testimony;
}

}  // namespace

// In memory: what is lost is lost above the device, so the device needs no disk of its own.
volume::volume() : store_(2 * image_bytes), image_(store_.path() / "image"), mounted_at_(folder_ / "disk") {
  std::filesystem::create_directory(mounted_at_);
  std::ofstream(image_, std::ios::binary);
  std::filesystem::resize_file(image_, image_bytes);
  // The smallest blocks there are: so what was being written tears most finely.
  if (run_tool({"mkfs.ext4", "-q", "-F", "-b", "1024", image_}) != 0) throw cannot_mount("mkfs.ext4 fails");
  if (!mount()) throw cannot_mount("no ext4 through a loop device");
  write_witness(mounted_at_ / synced_witness, true);
}

volume::~volume() {
  if (mounted_) ::umount2(mounted_at_.c_str(), MNT_DETACH);
}

bool volume::mount() {
  mounted_ = run_tool({"mount", "-t", "ext4", "-o", "loop", image_, mounted_at_}) == 0;
  return mounted_;
}

void volume::cut_power(power_cut how) {
  write_witness(mounted_at_ / unsynced_witness, false);
  const int folder = ::open(mounted_at_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::uint32_t flags = how == power_cut::with_log ? flags_logflush : flags_nologflush;
  const bool cut = folder >= 0 && ::ioctl(folder, ext4_ioc_shutdown, &flags) == 0;
  const auto why = reason();
  if (folder >= 0) ::close(folder);
  if (!cut) throw cannot_mount("the file system can't be shut down: " + why);
}

void volume::mount_again() {
  if (!testing::eventually([&] { return ::umount(mounted_at_.c_str()) == 0; })) {
    throw std::runtime_error("can't unmount: " + reason());
  }
  mounted_ = false;
  if (!mount()) throw std::runtime_error("the file system can't be mounted again");
  look_for_witnesses();
}

void volume::look_for_witnesses() {
  const auto unsynced = mounted_at_ / unsynced_witness;
  if (!testifies(mounted_at_ / synced_witness)) throw std::runtime_error("what was synced is lost");
  if (testifies(unsynced)) throw std::runtime_error("what was not synced is kept: this cut shows nothing");
  std::filesystem::remove(unsynced);
}

}  // namespace holdfast::powerloss
