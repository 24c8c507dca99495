#include "data_directory.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace holdfast {

namespace {

tl::unexpected<std::string> failure(const std::string& doing, const std::filesystem::path& path, int error) {
  const auto advice =
      error == EACCES ? "; give the folder to the user that runs holdfast, or another --data" : "";
  return tl::unexpected("can't " + doing + " " + path.string() + ": " +
                        std::generic_category().message(error) + advice);
}

constexpr const char* lock_name = "lock";
constexpr const char* restore_mark = "restoring";

/// As the user in effect. What is not there, or goes meanwhile, is nobody's.
std::optional<std::string> barred_from(const std::filesystem::path& path, folder_access wanted) {
  const bool writes = wanted == folder_access::writing;
  std::error_code ignored;
  const int in_folders = std::filesystem::is_directory(path, ignored) ? X_OK : 0;
  const int mode = (writes ? R_OK | W_OK : R_OK) | in_folders;
  if (::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 || errno == ENOENT) return std::nullopt;
  return failure(writes ? "write" : "read", path, errno).value();
}

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

std::optional<std::string> data_directory::no_access(const std::string& path,
                                                     const std::vector<std::string>& names,
                                                     folder_access wanted) {
  namespace fs = std::filesystem;
  for (const auto& name : names) {
    const auto whole = fs::path(path) / name;
    if (auto barred = barred_from(whole, wanted)) return barred;
    std::error_code error;
    for (fs::recursive_directory_iterator each(whole, error), end; !error && each != end;
         each.increment(error)) {
      if (auto barred = barred_from(each->path(), wanted)) return barred;
    }
  }
  return std::nullopt;
}

std::optional<std::string> data_directory::anothers(const std::string& path) {
  struct stat about {};
  if (::geteuid() != 0 || ::stat(path.c_str(), &about) != 0 || about.st_uid == 0) return std::nullopt;
  const auto* owner = ::getpwuid(about.st_uid);
  const auto name = owner == nullptr ? "#" + std::to_string(about.st_uid) : std::string(owner->pw_name);
  return "the data folder " + path + " is " + name +
         "'s, who could not open what root makes there: run this as " + name + " (runuser -u " + name +
         " -- ...)";
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

std::optional<std::string> data_directory::broken_restore(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::path(path) / restore_mark, ignored)) return std::nullopt;
  return "a restore into " + path + " was broken off: remove the folder, and restore again";
}

data_directory::data_directory(data_directory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

data_directory::~data_directory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace holdfast
