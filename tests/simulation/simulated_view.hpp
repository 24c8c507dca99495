// A view as its port allows it to be: slow, down for a while, emptied, written without anybody
// hearing of it. It outlives the engine's crashes, as a server of its own does.
//
// Refers to the world, which must outlive it. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "storage/view.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

class simulated_view final : public storage::view_writer, public storage::view_reader {
 public:
  explicit simulated_view(world& in) : world_(in) {}

  void open(std::string store_id, storage::view_callback<storage::checkpoints> done) override;
  void write(std::vector<storage::view_row> rows,
             std::vector<std::pair<storage::shard_id, storage::position>> reached,
             storage::view_callback<std::monostate> done) override;
  void publish(storage::view_callback<std::monostate> done) override;

  void get(storage::entity_id id, storage::view_callback<std::optional<storage::stored_row>> done) override;
  /// Every row, whatever is asked for.
  void list(storage::view_query query, storage::view_callback<storage::view_page> done) override;

  void go_down() { down_ = true; }
  void come_back() { down_ = false; }
  void flush();
  /// The engine's process ends: of the calls that wait, the first may still be served.
  void crash();
  /// Drops what was asked since then, by actors that went down.
  void forget() { waiting_.clear(); }

  bool published() const { return published_; }
  bool all_written() const { return waiting_.empty(); }
  const std::map<storage::entity_id, storage::view_row>& rows() const { return rows_; }

 private:
  /// Does it, and gives back what tells the caller.
  using call = std::function<std::function<void()>()>;

  void take(call what);
  void serve_next();
  moment latency();
  bool readable() const { return !down_ && published_; }
  bool store(const std::vector<storage::view_row>& rows,
             const std::vector<std::pair<storage::shard_id, storage::position>>& reached);

  world& world_;
  std::deque<call> waiting_;
  std::map<storage::entity_id, storage::view_row> rows_;
  storage::checkpoints checkpoints_ = storage::checkpoints(storage::shard_count, 0);
  std::string store_id_;
  bool published_ = false;
  bool down_ = false;
};

}  // namespace holdfast::simulation
