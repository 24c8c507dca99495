#include "tests/simulation/simulated_journal.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <optional>

namespace holdfast::simulation {

namespace {

constexpr moment slowest_write = 3 * second;
/// What a node has sent before it went may wait in the store's sockets for so long.
constexpr moment latest_arrival = 10 * second;
constexpr std::uint32_t all_records = 100'000;
constexpr std::uint32_t list_fails_percent = 30;

/// The answer of a journal that answers at once.
template <class Result, class Call>
Result at_once(Call call) {
  std::optional<Result> answer;
  call([&](const auto& result) { answer = result.value(); });
  assert(answer);
  return std::move(*answer);
}

std::string text_of(const storage::journal_entry& entry) {
  return std::to_string(entry.entity) + "@" + std::to_string(entry.expected_sequence) + "+" +
         std::to_string(entry.event_count) + (entry.unfinished ? "" : " finished");
}

std::string_view name_of(storage::append_status status) {
  constexpr std::array<std::string_view, 5> names{"appended", "stale-epoch", "stale-sequence",
                                                  "stale-counter", "key-taken"};
  return names.at(static_cast<std::size_t>(status));
}

}  // namespace

// --- The store ---

journal_store::journal_store(world& in, std::string called)
    : name(std::move(called)), world_(in), kept_([](auto job) { job(); }, name) {}

journal_store::verdicts journal_store::append(std::vector<storage::journal_entry> entries,
                                              const std::string& node) {
  auto judged = at_once<verdicts>([&](auto done) { kept_.append(entries, done); });
  for (std::size_t i = 0; i < entries.size(); ++i) {
    world_.trace([&] {
      return name + " " + std::string(name_of(judged[i].status)) + " " + text_of(entries[i]) + " at " +
             std::to_string(entries[i].shard) + "/" + std::to_string(judged[i].at) + " of " + node;
    });
    if (judged[i].status != storage::append_status::appended) continue;
    shards_written_.insert(entries[i].shard);
    written_[{entries[i].shard, judged[i].at}] = {world_.stamp(), entries[i].owner_epoch, node};
  }
  return judged;
}

std::vector<storage::shard_claim> journal_store::claim(const std::vector<storage::shard_id>& shards,
                                                       const std::string& node) {
  auto claims = at_once<std::vector<storage::shard_claim>>([&](auto done) { kept_.claim(shards, done); });
  const auto at = world_.stamp();
  for (const auto& one : claims) claims_.push_back({one.shard, one.owner_epoch, node, at});
  world_.trace([&] { return name + " is claimed by " + node + ": " + std::to_string(claims.size()); });
  return claims;
}

std::vector<storage::journal_record> journal_store::read_entity(storage::entity_id entity) const {
  return at_once<std::vector<storage::journal_record>>([&](auto done) { kept_.read_entity(entity, done); });
}

std::vector<storage::journal_record> journal_store::read_shard(storage::shard_id shard,
                                                               storage::position from,
                                                               std::uint32_t limit) const {
  return at_once<std::vector<storage::journal_record>>(
      [&](auto done) { kept_.read_shard(shard, from, limit, done); });
}

std::vector<storage::entity_id> journal_store::list_unfinished(storage::shard_id shard,
                                                               storage::entity_id after,
                                                               std::uint32_t limit) const {
  return at_once<std::vector<storage::entity_id>>(
      [&](auto done) { kept_.list_unfinished(shard, after, limit, done); });
}

std::vector<storage::kept_key> journal_store::list_keys(storage::shard_id shard, const std::string& after,
                                                        std::uint32_t limit) const {
  return at_once<std::vector<storage::kept_key>>(
      [&](auto done) { kept_.list_keys(shard, after, limit, done); });
}

std::vector<storage::position> journal_store::read_ends() const {
  return at_once<std::vector<storage::position>>([&](auto done) { kept_.read_ends(done); });
}

std::vector<proof::journal_line> journal_store::lines() const {
  std::vector<proof::journal_line> all;
  for (const auto shard : shards_written_) {
    for (const auto& record : read_shard(shard, 1, all_records)) {
      const auto& by = written_.at({shard, record.at});
      all.push_back({record, by.owner_epoch, by.at, by.node});
    }
  }
  return all;
}

std::vector<storage::entity_id> journal_store::unfinished() const {
  std::vector<storage::entity_id> all;
  for (const auto shard : shards_written_) {
    const auto some = list_unfinished(shard, 0, all_records);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// --- A node's way to it ---

simulated_journal::simulated_journal(world& in, journal_store& store, owner of, bool shared)
    : world_(in), store_(store), owner_(of), shared_(shared) {}

void simulated_journal::claim(std::vector<storage::shard_id> shards,
                              storage::journal_callback<std::vector<storage::shard_claim>> done) {
  take({std::move(shards), {}, std::move(done), {}});
}

void simulated_journal::append(std::vector<storage::journal_entry> entries,
                               storage::journal_callback<std::vector<storage::append_verdict>> done) {
  take({{}, std::move(entries), {}, std::move(done)});
}

void simulated_journal::take(waiting_call call) {
  waiting_.push_back(std::move(call));
  if (waiting_.size() == 1) send_next();
}

moment simulated_journal::latency() {
  return std::max(world_.latency(world_.drawn.journal_latency), cut_off_until_ - world_.now());
}

moment simulated_journal::write_latency() {
  if (world_.strikes(fault::journal_slow, store_.name)) return world_.random.between(0, slowest_write);
  return latency();
}

/// Once it is sent it gets there, whatever becomes of the node.
void simulated_journal::send_next() {
  world_.after(write_latency(), nobody, [this, sent_by = run_] {
    if (sent_by == run_ && !waiting_.empty()) serve_next();
  });
}

/// The head stays where it is until it is answered, so that the next one is not begun before.
void simulated_journal::serve_next() {
  auto& call = waiting_.front();
  call.append_done ? serve_append(call) : serve_claim(call);
}

void simulated_journal::answered() {
  waiting_.pop_front();
  if (!waiting_.empty()) send_next();
}

void simulated_journal::serve_append(waiting_call& call) {
  auto result = std::make_shared<verdicts>(tl::unexpected(error("no space left on device")));
  auto entries = std::exchange(call.entries, {});
  broken_ = broken_ || world_.strikes(fault::append_fails, store_.name);
  if (!broken_ && world_.strikes(fault::append_unacknowledged, store_.name)) {
    broken_ = true;
    doubt(std::move(entries));
    *result = tl::unexpected(error("input/output error"));
  } else if (!broken_) {
    *result = store_.append(std::move(entries), node_);
    if (on_written) on_written();
  }
  world_.after(latency(), owner_, [this, result, done = std::move(call.append_done)] {
    world_.trace([&] { return store_.name + " answers an append" + (*result ? "" : ": failed"); });
    answered();
    done(std::move(*result));
  });
}

void simulated_journal::serve_claim(waiting_call& call) {
  const auto claims = store_.claim(std::exchange(call.claimed, {}), node_);
  world_.after(latency(), owner_, [this, claims, done = std::move(call.claim_done)] {
    answered();
    done(claims);
  });
}

/// Other nodes may see at once what this one does not know to be written.
void simulated_journal::doubt(std::vector<storage::journal_entry> entries) {
  if (!shared_) {
    in_doubt_ = std::move(entries);
  } else if (world_.random.chance(50)) {
    store_.append(std::move(entries), node_);
  } else {
    std::vector<waiting_call> late(1);
    late.front().entries = std::move(entries);
    land_later(std::move(late));
  }
}

void simulated_journal::crash() {
  ++run_;
  if (broken_) waiting_.clear();
  if (!in_doubt_.empty()) waiting_.push_front({{}, std::exchange(in_doubt_, {}), {}, {}});
  cut_off_until_ = 0;
  broken_ = false;
  auto calls = std::exchange(waiting_, {});
  if (shared_) return land_later({calls.begin(), calls.end()});
  // Only what was handed over can have reached the disk, in its order, and the tail may be torn off.
  bool torn = false;
  for (auto& call : calls) {
    if (torn || call.entries.empty() || !world_.random.chance(50)) break;
    land_some(std::move(call.entries), torn);
  }
}

void simulated_journal::land_some(std::vector<storage::journal_entry> entries, bool& torn) {
  const auto whole = entries.size();
  entries.resize(1 + world_.random.below(whole));
  torn = entries.size() < whole;
  world_.trace([&] { return store_.name + " keeps what was not acknowledged" + (torn ? ", torn" : ""); });
  store_.append(std::move(entries), node_);
}

/// A database takes each call whole or not at all, and only the first of them can have been sent.
void simulated_journal::land_later(std::vector<waiting_call> calls) {
  if (calls.empty() || !world_.random.chance(50)) return;
  auto& first = calls.front();
  const auto when = world_.random.chance(50) ? 0 : world_.random.between(0, latest_arrival);
  world_.after(when, nobody,
               [this, node = node_, claimed = std::move(first.claimed), entries = std::move(first.entries)] {
                 if (claimed.empty() && entries.empty()) return;
                 world_.trace([&] { return store_.name + " gets what " + node + " had sent"; });
                 if (claimed.empty()) {
                   store_.append(entries, node);
                 } else {
                   store_.claim(claimed, node);
                 }
               });
}

void simulated_journal::forget() {
  ++run_;
  waiting_.clear();
}

// --- Reads ---

template <class Result, class Read>
storage::journal_result<Result> simulated_journal::try_to_read(const std::string& what, Read read) {
  if (world_.strikes(fault::journal_read_fails, store_.name + " " + what)) {
    return tl::unexpected(error("can't be read"));
  }
  return read();
}

template <class Result, class Read>
void simulated_journal::read(std::string what, storage::journal_callback<Result> done, Read read) {
  world_.after(latency(), owner_, [this, what, read, done = std::move(done)] {
    auto result = std::make_shared<storage::journal_result<Result>>(try_to_read<Result>(what, read));
    world_.after(latency(), owner_, [result, done] { done(std::move(*result)); });
  });
}

void simulated_journal::read_entity(storage::entity_id entity,
                                    storage::journal_callback<std::vector<storage::journal_record>> done) {
  using records = std::vector<storage::journal_record>;
  const auto what = "entity " + std::to_string(entity);
  const auto from_store = [this, entity] { return store_.read_entity(entity); };
  // What a store of the node's own has in memory it gives at once.
  if (!shared_ && world_.random.chance(50)) return done(try_to_read<records>(what, from_store));
  read(what, std::move(done), from_store);
}

void simulated_journal::read_shard(storage::shard_id shard, storage::position from, std::uint32_t limit,
                                   storage::journal_callback<std::vector<storage::journal_record>> done) {
  read("shard " + std::to_string(shard), std::move(done),
       [this, shard, from, limit] { return store_.read_shard(shard, from, limit); });
}

void simulated_journal::list_unfinished(storage::shard_id shard, storage::entity_id after,
                                        std::uint32_t limit,
                                        storage::journal_callback<std::vector<storage::entity_id>> done) {
  // A fault here ends the process, and nearly every start where it could strike for all shards.
  const bool may_fail = store_.has_records(shard) && world_.random.chance(list_fails_percent);
  world_.after(latency(), owner_, [this, may_fail, shard, after, limit, done = std::move(done)] {
    if (may_fail && world_.strikes(fault::list_fails, store_.name + " " + std::to_string(shard))) {
      return done(tl::unexpected(error("can't be read")));
    }
    done(store_.list_unfinished(shard, after, limit));
  });
}

void simulated_journal::list_keys(storage::shard_id shard, std::string after, std::uint32_t limit,
                                  storage::journal_callback<std::vector<storage::kept_key>> done) {
  read("keys " + std::to_string(shard), std::move(done),
       [this, shard, after = std::move(after), limit] { return store_.list_keys(shard, after, limit); });
}

void simulated_journal::read_ends(storage::journal_callback<std::vector<storage::position>> done) {
  read("ends", std::move(done), [this] { return store_.read_ends(); });
}

storage::journal_error simulated_journal::error(const std::string& what) const {
  return {store_.name + ": " + what};
}

}  // namespace holdfast::simulation
