#include "tests/simulation/simulated_view.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace holdfast::simulation {

namespace {

constexpr moment slowest_call = 2 * second;

tl::unexpected<storage::view_error> unavailable() {
  return tl::make_unexpected(storage::view_error::unavailable);
}

}  // namespace

// --- The rows ---

void view_rows::flush() {
  ++generation_;
  rows_.clear();
  checkpoints_.assign(storage::shard_count, 0);
  store_id_.clear();
  published_ = false;
}

std::optional<view_rows::generation> view_rows::open(const std::string& store_id) {
  if (down_) return std::nullopt;
  if (store_id != store_id_) flush();
  store_id_ = store_id;
  return generation_;
}

bool view_rows::store(generation opened, const std::vector<storage::view_row>& rows,
                      const reached_positions& reached) {
  if (!writable(opened)) return false;
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

bool view_rows::publish(generation opened) {
  if (!writable(opened)) return false;
  published_ = true;
  world_.trace([&] { return std::string("view is published"); });
  return true;
}

// --- A node's way to them ---

void simulated_view::crash() {
  ++run_;
  if (!waiting_.empty() && waiting_.front().effect && world_.random.chance(30)) {
    const auto when = world_.random.chance(50) ? 0 : world_.random.between(0, slowest_call);
    world_.after(when, nobody, std::move(waiting_.front().effect));
  }
  waiting_.clear();
}

void simulated_view::forget() {
  ++run_;
  waiting_.clear();
}

moment simulated_view::latency() {
  if (world_.strikes(fault::view_slow, "")) return world_.random.between(0, slowest_call);
  return world_.latency(world_.drawn.view_latency);
}

void simulated_view::take(call what) {
  waiting_.push_back(std::move(what));
  if (waiting_.size() == 1) send_next();
}

/// Once it is sent it gets there, whatever becomes of the node.
void simulated_view::send_next() {
  world_.after(latency(), nobody, [this, sent_by = run_] {
    if (sent_by == run_ && !waiting_.empty()) serve_next();
  });
}

/// The head stays until it is answered: calls are served one after the other.
void simulated_view::serve_next() {
  std::exchange(waiting_.front().effect, nullptr)();
  world_.after(world_.latency(world_.drawn.view_latency), owner_, [this] {
    const auto tell = std::move(waiting_.front().tell);
    waiting_.pop_front();
    if (!waiting_.empty()) send_next();
    tell();
  });
}

// --- The projector's side ---

template <class Effect>
simulated_view::call simulated_view::told_whether(Effect effect,
                                                  storage::view_callback<std::monostate> done) {
  const auto succeeded = std::make_shared<bool>(false);
  return {[succeeded, effect = std::move(effect)] { *succeeded = effect(); },
          [succeeded, done = std::move(done)] {
            if (!*succeeded) return done(unavailable());
            done(std::monostate{});
          }};
}

void simulated_view::open(std::string store_id, storage::view_callback<storage::checkpoints> done) {
  const auto reached = std::make_shared<std::optional<storage::checkpoints>>();
  take({[this, reached, store_id = std::move(store_id), sent_by = run_] {
          const auto opened = rows_.open(store_id);
          if (!opened || sent_by != run_) return;
          opened_ = *opened;
          *reached = rows_.reached();
        },
        [reached, done = std::move(done)] {
          if (!*reached) return done(unavailable());
          done(std::move(**reached));
        }});
}

void simulated_view::write(std::vector<storage::view_row> rows, view_rows::reached_positions reached,
                           storage::view_callback<std::monostate> done) {
  take(told_whether([this, opened = opened_, rows = std::move(rows),
                     reached = std::move(reached)] { return rows_.store(opened, rows, reached); },
                    std::move(done)));
}

void simulated_view::publish(storage::view_callback<std::monostate> done) {
  take(told_whether([this, opened = opened_] { return rows_.publish(opened); }, std::move(done)));
}

// --- The readers' side ---

void simulated_view::get(storage::entity_id id,
                         storage::view_callback<std::optional<storage::stored_row>> done) {
  world_.after(latency(), owner_, [this, id, done = std::move(done)] {
    if (!rows_.readable()) return done(unavailable());
    std::optional<storage::stored_row> seen;
    const auto& all = rows_.rows();
    if (const auto found = all.find(id); found != all.end()) {
      seen = {id, found->second.version, found->second.records};
    }
    world_.after(world_.latency(world_.drawn.view_latency), owner_,
                 [seen = std::move(seen), done] { done(seen); });
  });
}

void simulated_view::list(storage::view_query, storage::view_callback<storage::view_page> done) {
  world_.after(latency(), owner_, [this, done = std::move(done)] {
    if (!rows_.readable()) return done(unavailable());
    storage::view_page page;
    for (const auto& [id, row] : rows_.rows()) page.rows.add({id, row.version, row.records});
    page.total = page.rows.size();
    world_.after(world_.latency(world_.drawn.view_latency), owner_,
                 [page = std::move(page), done] { done(page); });
  });
}

}  // namespace holdfast::simulation
