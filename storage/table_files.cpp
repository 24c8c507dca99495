#include "storage/table_files.hpp"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace holdfast::storage {
namespace {

thread_local read_depth depth_of_thread = read_depth::disk;

rocksdb::IOStatus beyond_memory() {
  return rocksdb::status_to_io_status(rocksdb::Status::Incomplete("not in memory"));
}

/// Takes no hints: RocksDB would have reading ahead turned off at each opening.
class table_file final : public rocksdb::FSRandomAccessFile {
 public:
  table_file(std::string path, int file) : path_(std::move(path)), file_(file) {}
  ~table_file() override { ::close(file_); }

  rocksdb::IOStatus Read(std::uint64_t offset, std::size_t count, const rocksdb::IOOptions&,
                         rocksdb::Slice* result, char* to, rocksdb::IODebugContext*) const override {
    std::size_t read = 0;
    while (read < count) {
      const auto more = read_some(to + read, count - read, static_cast<off_t>(offset + read));
      if (more > 0) {
        read += static_cast<std::size_t>(more);
      } else if (depth_of_thread == read_depth::memory) {
        // Or the file ends here, which Linux before 5.11 says where it should say that it would have to wait;
        // or the file system or a sandbox can't tell; or it can't be read. A read of the disk will tell.
        return beyond_memory();
      } else if (more == 0) {
        break;
      } else if (errno != EINTR) {
        return rocksdb::IOStatus::IOError(
            "while reading " + std::to_string(count) + " bytes at " + std::to_string(offset) + " of " + path_,
            std::strerror(errno));
      }
    }
    *result = rocksdb::Slice(to, read);
    return rocksdb::IOStatus::OK();
  }

  /// Begins to read ahead; that it may not is no failure.
  rocksdb::IOStatus Prefetch(std::uint64_t offset, std::size_t count, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    ::posix_fadvise(file_, static_cast<off_t>(offset), static_cast<off_t>(count), POSIX_FADV_WILLNEED);
    return rocksdb::IOStatus::OK();
  }

 private:
  ssize_t read_some(char* to, std::size_t count, off_t offset) const {
    if (depth_of_thread == read_depth::disk) return ::pread(file_, to, count, offset);
    const iovec part{to, count};
    return ::preadv2(file_, &part, 1, offset, RWF_NOWAIT);
  }

  const std::string path_;
  const int file_;
};

class table_files final : public rocksdb::FileSystemWrapper {
 public:
  table_files() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "holdfast"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions&,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext*) override {
    // One that was opened with half of its parts in memory would go on without its filter.
    if (depth_of_thread == read_depth::memory) return beyond_memory();
    int file = -1;
    do {
      file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    } while (file < 0 && errno == EINTR);
    if (file < 0) {
      const auto why = std::strerror(errno);
      return errno == ENOENT ? rocksdb::IOStatus::PathNotFound("while opening " + path, why)
                             : rocksdb::IOStatus::IOError("while opening " + path, why);
    }
    *result = std::make_unique<table_file>(path, file);
    return rocksdb::IOStatus::OK();
  }
};

}  // namespace

reading_to::reading_to(read_depth depth) : before_(std::exchange(depth_of_thread, depth)) {}

reading_to::~reading_to() {
  depth_of_thread = before_;
}

rocksdb::Env* table_environment() {
  static const auto environment = rocksdb::NewCompositeEnv(std::make_shared<table_files>());
  return environment.get();
}

}  // namespace holdfast::storage
