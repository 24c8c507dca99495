#include "tests/simulation/simulated_view.hpp"

#include <utility>

namespace holdfast::simulation {

namespace {

constexpr moment slowest_call = 2 * second;

tl::unexpected<storage::view_error> unavailable() {
  return tl::make_unexpected(storage::view_error::unavailable);
}

}  // namespace

void simulated_view::flush() {
  rows_.clear();
  checkpoints_.assign(storage::shard_count, 0);
  store_id_.clear();
  published_ = false;
}

void simulated_view::crash() {
  if (!waiting_.empty() && waiting_.front() && world_.random.chance(30)) waiting_.front()();
  waiting_.clear();
}

moment simulated_view::latency() {
  if (world_.strikes(fault::view_slow, "")) return world_.random.between(0, slowest_call);
  return world_.latency(world_.drawn.view_latency);
}

void simulated_view::take(call what) {
  waiting_.push_back(std::move(what));
  if (waiting_.size() == 1) world_.after(latency(), fate::lost_in_crash, [this] { serve_next(); });
}

/// The head stays until it is answered: calls are served one after the other.
void simulated_view::serve_next() {
  auto tell = waiting_.front()();
  waiting_.front() = nullptr;
  world_.after(world_.latency(world_.drawn.view_latency), fate::lost_in_crash, [this, tell] {
    waiting_.pop_front();
    if (!waiting_.empty()) world_.after(latency(), fate::lost_in_crash, [this] { serve_next(); });
    tell();
  });
}

// --- The projector's side ---

void simulated_view::open(std::string store_id, storage::view_callback<storage::checkpoints> done) {
  take([this, store_id = std::move(store_id), done = std::move(done)]() -> std::function<void()> {
    if (down_) return [done] { done(unavailable()); };
    if (store_id != store_id_) flush();
    store_id_ = store_id;
    return [done, reached = checkpoints_] { done(reached); };
  });
}

void simulated_view::write(std::vector<storage::view_row> rows,
                           std::vector<std::pair<storage::shard_id, storage::position>> reached,
                           storage::view_callback<std::monostate> done) {
  take([this, rows = std::move(rows), reached = std::move(reached),
        done = std::move(done)]() -> std::function<void()> {
    if (store(rows, reached)) return [done] { done(std::monostate{}); };
    return [done] { done(unavailable()); };
  });
}

bool simulated_view::store(const std::vector<storage::view_row>& rows,
                           const std::vector<std::pair<storage::shard_id, storage::position>>& reached) {
  if (down_ || store_id_.empty()) return false;
  const bool lost = world_.strikes(fault::view_write_unacknowledged, "");
  // Rows come before checkpoints: what breaks off in between has some of the rows only.
  const auto written = lost ? world_.random.below(rows.size() + 1) : rows.size();
  for (std::size_t i = 0; i < written; ++i) {
    if (rows_[rows[i].id].version < rows[i].version) rows_[rows[i].id] = rows[i];
  }
  if (written < rows.size() || (lost && world_.random.chance(50))) return false;
  for (const auto& [shard, at] : reached) checkpoints_[shard] = at;
  if (!rows.empty()) world_.trace([&] { return "view takes " + std::to_string(rows.size()) + " rows"; });
  return !lost;
}

void simulated_view::publish(storage::view_callback<std::monostate> done) {
  take([this, done = std::move(done)]() -> std::function<void()> {
    if (down_ || store_id_.empty()) return [done] { done(unavailable()); };
    published_ = true;
    world_.trace([&] { return std::string("view is published"); });
    return [done] { done(std::monostate{}); };
  });
}

// --- The readers' side ---

void simulated_view::get(storage::entity_id id,
                         storage::view_callback<std::optional<storage::stored_row>> done) {
  world_.after(latency(), fate::lost_in_crash, [this, id, done = std::move(done)] {
    if (!readable()) return done(unavailable());
    std::optional<storage::stored_row> seen;
    if (const auto found = rows_.find(id); found != rows_.end()) {
      seen = {id, found->second.version, found->second.records};
    }
    world_.after(world_.latency(world_.drawn.view_latency), fate::lost_in_crash,
                 [seen = std::move(seen), done] { done(seen); });
  });
}

void simulated_view::list(storage::view_query, storage::view_callback<storage::view_page> done) {
  world_.after(latency(), fate::lost_in_crash, [this, done = std::move(done)] {
    if (!readable()) return done(unavailable());
    storage::view_page page;
    for (const auto& [id, row] : rows_) page.rows.push_back({id, row.version, row.records});
    page.total = page.rows.size();
    world_.after(world_.latency(world_.drawn.view_latency), fate::lost_in_crash,
                 [page = std::move(page), done] { done(page); });
  });
}

}  // namespace holdfast::simulation
