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

}  // namespace

tl::expected<data_directory, std::string> data_directory::open(const std::string& path) {
  const std::filesystem::path folder = path;
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) return failure("make the data folder", folder, error.value());

  const auto lock_path = folder / "lock";
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

data_directory::data_directory(data_directory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

data_directory::~data_directory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace holdfast
