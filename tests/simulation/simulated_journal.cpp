#include "tests/simulation/simulated_journal.hpp"

#include <algorithm>
#include <cassert>
#include <memory>
#include <optional>

namespace holdfast::simulation {

namespace {

constexpr moment slowest_write = 3 * second;
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

simulated_journal::simulated_journal(world& in, std::string name)
    : world_(in), name_(std::move(name)), kept_([](auto job) { job(); }, name_) {}

// --- Writes ---

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
  if (waiting_.size() == 1) world_.after(write_latency(), fate::lost_in_crash, [this] { serve_next(); });
}

moment simulated_journal::write_latency() {
  if (world_.strikes(fault::journal_slow, name_)) return world_.random.between(0, slowest_write);
  return world_.latency(world_.drawn.journal_latency);
}

/// The head stays where it is until it is answered, so that the next one is not begun before.
void simulated_journal::serve_next() {
  auto& call = waiting_.front();
  const auto answered = [this] {
    waiting_.pop_front();
    if (!waiting_.empty()) world_.after(write_latency(), fate::lost_in_crash, [this] { serve_next(); });
  };
  if (call.append_done) {
    auto result = std::make_shared<verdicts>(tl::unexpected(error("no space left on device")));
    auto entries = std::exchange(call.entries, {});
    broken_ = broken_ || world_.strikes(fault::append_fails, name_);
    if (!broken_ && world_.strikes(fault::append_unacknowledged, name_)) {
      broken_ = true;
      in_doubt_ = std::move(entries);
      *result = tl::unexpected(error("input/output error"));
    } else if (!broken_) {
      *result = write(std::move(entries));
    }
    world_.after(world_.latency(world_.drawn.journal_latency), fate::lost_in_crash,
                 [this, result, answered, done = std::move(call.append_done)] {
                   world_.trace([&] { return name_ + " answers an append" + (*result ? "" : ": failed"); });
                   answered();
                   done(std::move(*result));
                 });
    return;
  }
  const auto claims =
      at_once<std::vector<storage::shard_claim>>([&](auto done) { kept_.claim(call.claimed, done); });
  world_.after(world_.latency(world_.drawn.journal_latency), fate::lost_in_crash,
               [this, claims, answered, done = std::move(call.claim_done)] {
                 world_.trace([&] { return name_ + " is claimed"; });
                 answered();
                 done(claims);
               });
}

simulated_journal::verdicts simulated_journal::write(std::vector<storage::journal_entry> entries) {
  auto judged =
      at_once<std::vector<storage::append_verdict>>([&](auto done) { kept_.append(entries, done); });
  for (std::size_t i = 0; i < entries.size(); ++i) {
    world_.trace([&] {
      return name_ + " " + std::string(name_of(judged[i].status)) + " " + text_of(entries[i]) + " at " +
             std::to_string(entries[i].shard) + "/" + std::to_string(judged[i].at);
    });
    if (judged[i].status != storage::append_status::appended) continue;
    shards_written_.insert(entries[i].shard);
    written_[{entries[i].shard, judged[i].at}] = {world_.stamp(), entries[i].owner_epoch};
  }
  return judged;
}

void simulated_journal::crash() {
  if (broken_) waiting_.clear();
  if (!in_doubt_.empty()) waiting_.push_front({{}, std::exchange(in_doubt_, {}), {}, {}});
  // Only what was handed over can have reached the disk, in its order, and the tail may be torn off.
  for (auto& call : waiting_) {
    if (call.entries.empty() || !world_.random.chance(50)) break;
    const auto whole = call.entries.size();
    call.entries.resize(1 + world_.random.below(whole));
    const bool torn = call.entries.size() < whole;
    world_.trace([&] { return name_ + " keeps what was not acknowledged" + (torn ? ", torn" : ""); });
    write(std::move(call.entries));
    if (torn) break;
  }
  waiting_.clear();
  broken_ = false;
}

// --- Reads ---

template <class Result, class Read>
void simulated_journal::read(std::string what, storage::journal_callback<Result> done, Read read) {
  const auto latency = [this] { return world_.latency(world_.drawn.journal_latency); };
  world_.after(latency(), fate::lost_in_crash, [this, what, latency, read, done = std::move(done)] {
    auto result = std::make_shared<storage::journal_result<Result>>(read());
    if (world_.strikes(fault::journal_read_fails, name_ + " " + what)) {
      *result = tl::unexpected(error("can't be read"));
    }
    world_.after(latency(), fate::lost_in_crash, [result, done] { done(std::move(*result)); });
  });
}

void simulated_journal::read_entity(storage::entity_id entity,
                                    storage::journal_callback<std::vector<storage::journal_record>> done) {
  read("entity " + std::to_string(entity), std::move(done), [this, entity] {
    return at_once<std::vector<storage::journal_record>>(
        [&](auto answer) { kept_.read_entity(entity, answer); });
  });
}

void simulated_journal::read_shard(storage::shard_id shard, storage::position from, std::uint32_t limit,
                                   storage::journal_callback<std::vector<storage::journal_record>> done) {
  read("shard " + std::to_string(shard), std::move(done), [this, shard, from, limit] {
    return at_once<std::vector<storage::journal_record>>(
        [&](auto answer) { kept_.read_shard(shard, from, limit, answer); });
  });
}

void simulated_journal::list_unfinished(storage::shard_id shard, storage::entity_id after,
                                        std::uint32_t limit,
                                        storage::journal_callback<std::vector<storage::entity_id>> done) {
  // A fault here ends the process, and nearly every start where it could strike for all shards.
  const bool may_fail = shards_written_.contains(shard) && world_.random.chance(list_fails_percent);
  const auto latency = world_.latency(world_.drawn.journal_latency);
  world_.after(latency, fate::lost_in_crash, [this, may_fail, shard, after, limit, done = std::move(done)] {
    if (may_fail && world_.strikes(fault::list_fails, name_ + " " + std::to_string(shard))) {
      return done(tl::unexpected(error("can't be read")));
    }
    kept_.list_unfinished(shard, after, limit, done);
  });
}

void simulated_journal::read_ends(storage::journal_callback<std::vector<storage::position>> done) {
  kept_.read_ends(std::move(done));
}

storage::journal_error simulated_journal::error(const std::string& what) const {
  return {name_ + ": " + what};
}

// --- For the judge ---

std::vector<proof::journal_line> simulated_journal::lines() const {
  std::vector<proof::journal_line> all;
  for (const auto shard : shards_written_) {
    const auto records = at_once<std::vector<storage::journal_record>>(
        [&](auto done) { kept_.read_shard(shard, 1, all_records, done); });
    for (const auto& record : records) {
      const auto& by = written_.at({shard, record.at});
      all.push_back({record, by.owner_epoch, by.at});
    }
  }
  return all;
}

std::vector<storage::entity_id> simulated_journal::unfinished() const {
  std::vector<storage::entity_id> all;
  for (const auto shard : shards_written_) {
    const auto some = at_once<std::vector<storage::entity_id>>(
        [&](auto done) { kept_.list_unfinished(shard, 0, all_records, done); });
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace holdfast::simulation
