#include "data_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace holdfast {

namespace {

tl::unexpected<std::string> failure(const std::string& doing, const std::filesystem::path& path, int error) {
  return tl::unexpected("can't " + doing + " " + path.string() + ": " +
                        std::generic_category().message(error));
}

constexpr const char* lock_name = "lock";
constexpr const char* restore_mark = "restoring";

/// That a file is there, or is not any more, is durable when its folder is.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

tl::expected<data_directory, std::string> data_directory::open(const std::string& path) {
  const std::filesystem::path folder = path;
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) return failure("make the data folder", folder, error.value());

  const auto lock_path = folder / lock_name;
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return failure("open", lock_path, errno);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(lock);
    if (reason != EWOULDBLOCK) return failure("lock", lock_path, reason);
    return tl::unexpected("the data folder " + folder.string() +
                          " is in use by another holdfast process; end that one or give another --data");
  }
  return data_directory{folder, lock};
}

bool data_directory::is_in_use(const std::string& path) {
  const int lock = ::open((std::filesystem::path(path) / lock_name).c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return false;
  const bool taken = ::flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(lock);
  return taken;
}

std::optional<std::string> data_directory::begin_restore() const {
  const int mark = ::open(path_of(restore_mark).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (mark < 0) return failure("make", path_ / restore_mark, errno).value();
  ::close(mark);
  sync_folder(path_);
  return std::nullopt;
}

void data_directory::end_restore() const {
  ::unlink(path_of(restore_mark).c_str());
  sync_folder(path_);
}

std::optional<std::string> data_directory::broken_restore() const {
  if (!std::filesystem::exists(path_ / restore_mark)) return std::nullopt;
  return "a restore into " + path_.string() + " was broken off: remove the folder, and restore again";
}

data_directory::data_directory(data_directory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

data_directory::~data_directory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace holdfast
