#include "tests/chaos/own_mounts.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace holdfast::chaos {

namespace {

constexpr const char* filler = "filler";

std::string reason() {
  return std::strerror(errno);
}

}  // namespace

void begin_own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) throw cannot_mount("no mounts of its own: " + reason());
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    throw cannot_mount("mounts can't be kept apart: " + reason());
  }
}

memory_disk::memory_disk(std::uintmax_t bytes) : path_(folder_ / "memory") {
  std::filesystem::create_directory(path_);
  const auto size = "size=" + std::to_string(bytes);
  if (::mount("tmpfs", path_.c_str(), "tmpfs", 0, size.c_str()) != 0)
    throw cannot_mount("tmpfs: " + reason());
}

memory_disk::~memory_disk() {
  ::umount2(path_.c_str(), MNT_DETACH);
}

void memory_disk::fill_up(std::uintmax_t but_for_bytes) {
  const auto free = std::filesystem::space(path_).available;
  const auto bytes = free > but_for_bytes ? free - but_for_bytes : 0;
  const int file = ::open((path_ / filler).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  // The server goes on writing meanwhile: what there is less of is taken by the next one.
  const bool filled =
      file >= 0 && (bytes == 0 || ::fallocate(file, 0, 0, static_cast<off_t>(bytes)) == 0 || errno == ENOSPC);
  const auto why = reason();
  if (file >= 0) ::close(file);
  if (!filled) throw std::runtime_error("can't fill up " + path_.string() + ": " + why);
}

void memory_disk::make_room() {
  std::filesystem::remove(path_ / filler);
}

}  // namespace holdfast::chaos
