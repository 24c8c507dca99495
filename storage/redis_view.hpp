// The view on a Redis server, shared by the nodes of a cluster. It may be emptied, killed or
// paused at any time: readers answer `unavailable` then, and the projector builds it anew.
// The server must not evict keys (`maxmemory-policy noeviction`).
// Threading: the store may be used from any thread; readers and the writer as the port says.
#pragma once

#include <memory>

#include "storage/redis_options.hpp"
#include "storage/view.hpp"

namespace holdfast::storage {

class redis_session_holder;

class redis_view final : public view_store {
 public:
  /// Connects to nothing yet. Readers answer once the writer has opened the view.
  explicit redis_view(redis_options options);
  ~redis_view() override;

  std::unique_ptr<view_reader> make_reader(boost::asio::io_context& loop) override;
  std::unique_ptr<view_writer> make_writer() override;

 private:
  const redis_options options_;
  const std::shared_ptr<redis_session_holder> session_;
};

}  // namespace holdfast::storage
