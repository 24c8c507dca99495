// The view on an embedded RocksDB in a folder of its own: the default. It lives on disk; its
// memory is bounded by the configured cache. What a crash loses is read again from the journal.
//
// Readers answer from memory on their event loop, without ever waiting for the disk; what is not
// in memory is read by a thread of this store's, one for all readers. The writer has a thread of
// its own. Readers and the writer must be gone before the store is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "storage/view.hpp"

namespace holdfast::storage {

class embedded_view_database;
class task_thread;

inline constexpr std::size_t default_view_cache_bytes = 64 * 1024 * 1024;

struct embedded_view_options {
  /// The folder; made where it is absent, its parent must exist.
  std::string path;
  /// Bounds blocks, indexes, filters and rows not yet written out, together.
  std::size_t cache_bytes = default_view_cache_bytes;
};

class embedded_view final : public view_store {
 public:
  /// Where that fails: the folder and what the system said.
  static tl::expected<std::unique_ptr<embedded_view>, std::string> open(const embedded_view_options& options);
  ~embedded_view() override;

  std::unique_ptr<view_reader> make_reader(boost::asio::io_context& loop) override;
  std::unique_ptr<view_writer> make_writer() override;

  /// Bytes that the cache takes now.
  std::size_t memory_bytes() const;
  /// How many reads had to go to the reading thread since the start, as no memory had what they want.
  std::uint64_t reads_from_disk() const { return reads_from_disk_; }

 private:
  explicit embedded_view(std::unique_ptr<embedded_view_database> database);

  std::unique_ptr<embedded_view_database> database_;
  std::atomic<std::uint64_t> reads_from_disk_{0};
  std::unique_ptr<task_thread> reading_;
};

}  // namespace holdfast::storage
