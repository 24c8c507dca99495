// A page cache that has everything, nothing, or half of it: what whoever reads without waiting for the disk
// is answered. To be included by one file of a test program: it stands in front of the C library's preadv2(),
// also for RocksDB.
#pragma once

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace holdfast::testing {

enum class page_cache : std::uint8_t {
  /// It has everything.
  warm,
  /// It has nothing.
  cold,
  /// It has the beginning of what is read, and says behind it that the file ends, as Linux before 5.11 may.
  half
};

inline std::atomic<page_cache> page_cache_is = page_cache::warm;

/// While it lives the page cache is so.
class with_page_cache {
 public:
  explicit with_page_cache(page_cache how) { page_cache_is = how; }
  ~with_page_cache() { page_cache_is = page_cache::warm; }
  with_page_cache(const with_page_cache&) = delete;
  with_page_cache& operator=(const with_page_cache&) = delete;
};

}  // namespace holdfast::testing

/// preadv2() where offsets have 64 bits.
extern "C" ssize_t preadv64v2(int file, const iovec* parts, int count, off_t offset, int flags) {
  using holdfast::testing::page_cache;
  const auto how = (flags & RWF_NOWAIT) == 0 ? page_cache::warm : holdfast::testing::page_cache_is.load();
  if (how == page_cache::cold) {
    errno = EAGAIN;
    return -1;
  }
  if (how == page_cache::half) {
    thread_local bool begun = false;
    begun = !begun;
    const iovec beginning{parts->iov_base, parts->iov_len / 2};
    return begun ? ::syscall(SYS_preadv2, file, &beginning, 1, offset, 0, 0) : 0;
  }
  return ::syscall(SYS_preadv2, file, parts, count, offset, 0, flags & ~RWF_NOWAIT);
}
