// A view as its port allows it to be: slow, down for a while, emptied, written without anybody
// hearing of it. The store outlives the engine's crashes, as a server of its own does, and is one for all
// nodes; each node has its own way to it.
//
// Both refer to the world, and the ways to the store, which must outlive them. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/view.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

class view_rows {
 public:
  using reached_positions = std::vector<std::pair<storage::shard_id, storage::position>>;

  explicit view_rows(world& in) : world_(in) {}

  void go_down() { down_ = true; }
  void come_back() { down_ = false; }
  void flush();

  /// Counts how often it was emptied; nothing where it is down.
  using generation = std::uint64_t;
  std::optional<generation> open(const std::string& store_id);
  /// Each false where it is down, or was emptied since it was opened.
  bool store(generation opened, const std::vector<storage::view_row>& rows, const reached_positions& reached);
  bool publish(generation opened);

  bool readable() const { return !down_ && published_; }
  const storage::checkpoints& reached() const { return checkpoints_; }
  const std::map<storage::entity_id, storage::view_row>& rows() const { return rows_; }

 private:
  world& world_;
  std::map<storage::entity_id, storage::view_row> rows_;
  storage::checkpoints checkpoints_ = storage::checkpoints(storage::shard_count, 0);
  std::string store_id_;
  generation generation_ = 0;
  bool published_ = false;
  bool down_ = false;

  bool writable(generation opened) const { return !down_ && !store_id_.empty() && opened == generation_; }
};

class simulated_view final : public storage::view_writer, public storage::view_reader {
 public:
  simulated_view(world& in, view_rows& rows, owner of) : world_(in), rows_(rows), owner_(of) {}

  void open(std::string store_id, storage::view_callback<storage::checkpoints> done) override;
  void write(std::vector<storage::view_row> rows, view_rows::reached_positions reached,
             storage::view_callback<std::monostate> done) override;
  void publish(storage::view_callback<std::monostate> done) override;

  void get(storage::entity_id id, storage::view_callback<std::optional<storage::stored_row>> done) override;
  /// Every row, whatever is asked for.
  void list(storage::view_query query, storage::view_callback<storage::view_page> done) override;

  /// The engine's process ends: of the calls that wait, the first may still be served, at any time.
  void crash();
  /// Drops what was asked since then, by actors that went down.
  void forget();

 private:
  struct call {
    /// Holds nothing of the node's, which may be gone by then.
    std::function<void()> effect;
    std::function<void()> tell;
  };
  template <class Effect>
  call told_whether(Effect effect, storage::view_callback<std::monostate> done);

  void take(call what);
  void send_next();
  void serve_next();
  moment latency();

  world& world_;
  view_rows& rows_;
  const owner owner_;
  /// What this node has opened.
  view_rows::generation opened_ = 0;
  std::deque<call> waiting_;
  /// Counts the processes: what was sent by an earlier one is not served as this one's.
  std::uint64_t run_ = 0;
};

}  // namespace holdfast::simulation
