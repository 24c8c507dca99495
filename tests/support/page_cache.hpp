// A page cache that has everything, or nothing: what whoever reads without waiting for the disk is answered.
// To be included by one file of a test program: it stands in front of the C library's preadv2(), also for
// RocksDB.
#pragma once

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace holdfast::testing {

inline std::atomic<bool> page_cache_is_cold = false;

/// While it lives the page cache has nothing.
class cold_page_cache {
 public:
  cold_page_cache() { page_cache_is_cold = true; }
  ~cold_page_cache() { page_cache_is_cold = false; }
  cold_page_cache(const cold_page_cache&) = delete;
  cold_page_cache& operator=(const cold_page_cache&) = delete;
};

}  // namespace holdfast::testing

/// preadv2() where offsets have 64 bits.
extern "C" ssize_t preadv64v2(int file, const iovec* parts, int count, off_t offset, int flags) {
  if ((flags & RWF_NOWAIT) != 0 && holdfast::testing::page_cache_is_cold) {
    errno = EAGAIN;
    return -1;
  }
  return ::syscall(SYS_preadv2, file, parts, count, offset, 0, flags & ~RWF_NOWAIT);
}
