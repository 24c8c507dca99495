// The reading side of the Redis view: one pipelined connection for an event loop. A row is read in
// one round trip, a page in two, its places and then their rows. Each looks at the published stamp
// together with what it reads, so that an emptied Redis is never mistaken for an empty view. While there is
// no connection, or one to a run of the server that the writer has not opened the view on, it answers
// `unavailable` at once. Threading: as view_reader.
#pragma once

#include <memory>

#include "storage/redis_options.hpp"
#include "storage/view.hpp"

namespace holdfast::storage {

class redis_connection;
class redis_session_holder;
struct redis_session;

/// Reads of one event loop at once; further ones are answered `unavailable`.
inline constexpr std::size_t largest_redis_reads_in_flight = 1024;

class redis_view_reader final : public view_reader {
 public:
  redis_view_reader(boost::asio::io_context& loop, redis_options options,
                    std::shared_ptr<const redis_session_holder> session);
  ~redis_view_reader() override;

  void get(entity_id id, view_callback<std::optional<stored_row>> done) override;
  void list(view_query query, view_callback<view_page> done) override;

 private:
  /// What to expect of the server, or null where no read can be answered now.
  std::shared_ptr<const redis_session> usable_session() const;

  const std::string prefix_;
  std::shared_ptr<const redis_session_holder> session_;
  std::shared_ptr<redis_connection> connection_;
};

}  // namespace holdfast::storage
