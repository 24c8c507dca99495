// The writing side of the Redis view: a thread of its own with one blocking connection, on which
// each batch goes out pipelined. Nothing but open() connects: what failed once fails until the
// projector opens the view again and learns where it stands.
// Threading: as view_writer. Destroying it finishes what was begun, each exchange within the
// time-out of redis_options.
#pragma once

#include <memory>

#include "storage/redis_options.hpp"
#include "storage/task_thread.hpp"
#include "storage/view.hpp"

namespace holdfast::storage {

class redis_session_holder;

class redis_view_writer final : public view_writer {
 public:
  redis_view_writer(redis_options options, std::shared_ptr<redis_session_holder> session);
  ~redis_view_writer() override;

  void open(std::string store_id, view_callback<checkpoints> done) override;
  void write(std::vector<view_row> rows, std::vector<std::pair<shard_id, position>> reached,
             view_callback<std::monostate> done) override;
  void publish(view_callback<std::monostate> done) override;

 private:
  class server;

  template <class T, class Function>
  void enqueue(Function function, view_callback<T> done);

  std::unique_ptr<server> server_;
  task_thread writing_;
};

}  // namespace holdfast::storage
