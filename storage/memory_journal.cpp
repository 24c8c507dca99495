#include "storage/memory_journal.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "storage/append_rules.hpp"
#include "storage/call_queue.hpp"
#include "storage/open_calls.hpp"

namespace holdfast::storage {

/// What is kept, behind one mutex. Jobs share it, so that they may outlive the journal.
class memory_journal::store {
 public:
  std::vector<shard_claim> claim(const std::vector<shard_id>& shards) {
    const std::lock_guard lock(mutex_);
    std::vector<shard_claim> claims;
    for (const auto id : shards) {
      auto& shard = shards_.at(id);
      const auto last_entity = shard.entities.empty() ? 0 : shard.entities.rbegin()->first;
      claims.push_back({id, ++shard.owner_epoch, shard.records.size(), last_entity, shard.counter});
    }
    return claims;
  }

  journal_result<std::vector<append_verdict>> append(std::vector<journal_entry> entries) {
    const std::lock_guard lock(mutex_);
    if (failures_.strikes()) {
      return tl::unexpected(journal_error{failures_.message});
    }
    std::vector<append_verdict> verdicts;
    for (auto& entry : entries) {
      verdicts.push_back(judge(entry, *this));
      if (verdicts.back().status == append_status::appended) {
        verdicts.back().at = write(std::move(entry));
      }
    }
    if (losses_.strikes()) {
      return tl::unexpected(journal_error{losses_.message});
    }
    return verdicts;
  }

  std::vector<journal_record> read_entity(entity_id entity) {
    const std::lock_guard lock(mutex_);
    const auto& shard = shards_.at(shard_of(entity));
    std::vector<journal_record> records;
    if (const auto found = shard.entities.find(entity); found != shard.entities.end()) {
      for (const auto at : found->second) {
        records.push_back(shard.records[at - 1]);
      }
    }
    return records;
  }

  std::vector<journal_record> read_shard(shard_id id, position from, std::uint32_t limit) {
    const std::lock_guard lock(mutex_);
    const auto& records = shards_.at(id).records;
    const auto first = std::min<std::size_t>(std::max<position>(from, 1) - 1, records.size());
    const auto count = std::min<std::size_t>(limit, records.size() - first);
    const auto begin = records.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }

  std::vector<entity_id> list_unfinished(shard_id id, entity_id after, std::uint32_t limit) {
    const std::lock_guard lock(mutex_);
    const auto& unfinished = shards_.at(id).unfinished;
    std::vector<entity_id> entities;
    for (auto next = unfinished.upper_bound(after); next != unfinished.end() && entities.size() < limit;
         ++next) {
      entities.push_back(*next);
    }
    return entities;
  }

  std::vector<kept_key> list_keys(shard_id id, const std::string& after, std::uint32_t limit) {
    const std::lock_guard lock(mutex_);
    const auto& keys = shards_.at(id).keys;
    std::vector<kept_key> some;
    for (auto next = keys.upper_bound(after); next != keys.end() && some.size() < limit; ++next) {
      some.push_back({next->second.entity, {next->first, next->second.fingerprint}});
    }
    return some;
  }

  std::vector<position> read_ends() {
    const std::lock_guard lock(mutex_);
    std::vector<position> ends;
    for (const auto& shard : shards_) ends.push_back(shard.records.size());
    return ends;
  }

  void fail_next_appends(std::size_t count, std::string message) {
    const std::lock_guard lock(mutex_);
    failures_ = {count, std::move(message)};
  }
  void lose_next_acknowledgements(std::size_t count, std::string message) {
    const std::lock_guard lock(mutex_);
    losses_ = {count, std::move(message)};
  }

  // For judge(), with the mutex held.
  epoch epoch_of(shard_id id) const { return shards_.at(id).owner_epoch; }
  std::uint64_t counter_of(shard_id id) const { return shards_.at(id).counter; }
  std::optional<key_holder> holder_of(shard_id id, const std::string& key) const {
    const auto& keys = shards_.at(id).keys;
    const auto found = keys.find(key);
    return found == keys.end() ? std::nullopt : std::optional{found->second};
  }
  std::uint64_t last_sequence_of(entity_id entity) const {
    const auto& shard = shards_.at(shard_of(entity));
    const auto found = shard.entities.find(entity);
    if (found == shard.entities.end()) {
      return 0;
    }
    const auto& last = shard.records[found->second.back() - 1];
    return last.first_sequence + last.event_count - 1;
  }

 private:
  struct shard_state {
    epoch owner_epoch = 0;
    std::uint64_t counter = 0;
    /// The record at position n is the n-th.
    std::vector<journal_record> records;
    std::map<entity_id, std::vector<position>> entities;
    std::set<entity_id> unfinished;
    std::map<std::string, key_holder> keys;
  };
  struct fault {
    std::size_t left = 0;
    std::string message;
    bool strikes() { return left > 0 && left-- > 0; }
  };

  position write(journal_entry entry) {
    auto& shard = shards_.at(entry.shard);
    const position at = shard.records.size() + 1;
    shard.records.push_back({entry.shard, at, entry.entity, entry.expected_sequence + 1, entry.event_count,
                             std::move(entry.record)});
    shard.entities[entry.entity].push_back(at);
    if (entry.unfinished) {
      shard.unfinished.insert(entry.entity);
    } else {
      shard.unfinished.erase(entry.entity);
    }
    if (entry.key) {
      shard.keys.try_emplace(std::move(entry.key->key), key_holder{entry.entity, entry.key->fingerprint});
    }
    shard.counter = entry.counter.value_or(shard.counter);
    return at;
  }

  std::mutex mutex_;
  std::array<shard_state, shard_count> shards_;
  fault failures_;
  fault losses_;
};

/// The journal's own thread, where no executor is given.
class memory_journal::worker {
 public:
  ~worker() {
    calls_.wait_for_none();
    jobs_.close();
  }
  void run(job work) {
    calls_.begin();
    jobs_.push(std::move(work));
  }

 private:
  void loop() {
    while (true) {
      // Forgotten before the next wait: who is called back may wait for the callback to go.
      const auto jobs = jobs_.take(1);
      if (jobs.empty()) return;
      jobs.front()();
      calls_.end();
    }
  }

  call_queue<job> jobs_;
  open_calls calls_;
  std::jthread thread_{[this] { loop(); }};
};

memory_journal::memory_journal(executor run, std::string store_id)
    : store_id_(std::move(store_id)), store_(std::make_shared<store>()), run_(std::move(run)) {
  if (!run_) {
    worker_ = std::make_unique<worker>();
    run_ = [own = worker_.get()](job work) { own->run(std::move(work)); };
  }
}

memory_journal::~memory_journal() = default;

void memory_journal::fail_next_appends(std::size_t count, std::string message) {
  store_->fail_next_appends(count, std::move(message));
}

void memory_journal::lose_next_acknowledgements(std::size_t count, std::string message) {
  store_->lose_next_acknowledgements(count, std::move(message));
}

std::string memory_journal::store_id() const {
  return store_id_;
}

void memory_journal::claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) {
  run_([kept = store_, shards = std::move(shards), done = std::move(done)] { done(kept->claim(shards)); });
}

void memory_journal::append(std::vector<journal_entry> entries,
                            journal_callback<std::vector<append_verdict>> done) {
  std::for_each(entries.begin(), entries.end(), assert_well_formed);
  run_([kept = store_, entries = std::move(entries), done = std::move(done)]() mutable {
    done(kept->append(std::move(entries)));
  });
}

void memory_journal::read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) {
  run_([kept = store_, entity, done = std::move(done)] { done(kept->read_entity(entity)); });
}

void memory_journal::read_shard(shard_id shard, position from, std::uint32_t limit,
                                journal_callback<std::vector<journal_record>> done) {
  run_([kept = store_, shard, from, limit, done = std::move(done)] {
    done(kept->read_shard(shard, from, limit));
  });
}

void memory_journal::list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                                     journal_callback<std::vector<entity_id>> done) {
  run_([kept = store_, shard, after, limit, done = std::move(done)] {
    done(kept->list_unfinished(shard, after, limit));
  });
}

void memory_journal::list_keys(shard_id shard, std::string after, std::uint32_t limit,
                               journal_callback<std::vector<kept_key>> done) {
  run_([kept = store_, shard, after = std::move(after), limit, done = std::move(done)] {
    done(kept->list_keys(shard, after, limit));
  });
}

void memory_journal::read_ends(journal_callback<std::vector<position>> done) {
  run_([kept = store_, done = std::move(done)] { done(kept->read_ends()); });
}

}  // namespace holdfast::storage
