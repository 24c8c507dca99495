#include "storage/rocksdb_journal.hpp"

#include <pthread.h>

#include <array>
#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <variant>

#include "storage/append_rules.hpp"
#include "storage/call_queue.hpp"
#include "storage/journal_store.hpp"
#include "storage/open_calls.hpp"

namespace holdfast::storage {
namespace {

/// Calls committed together. Bounds a batch; the journal writer gathers entries before this.
constexpr std::size_t most_calls_of_a_group = 1024;
constexpr std::size_t reader_threads = 2;

template <class Given, class Answer>
struct write_call {
  std::vector<Given> given;
  journal_callback<std::vector<Answer>> done;
  std::vector<Answer> answers;
};
using claim_call = write_call<shard_id, shard_claim>;
using append_call = write_call<journal_entry, append_verdict>;

void carry_out(journal_store& store, claim_call& call) {
  for (const auto shard : call.given) {
    call.answers.push_back(store.claim(shard));
  }
}

void carry_out(journal_store& store, append_call& call) {
  for (const auto& entry : call.given) {
    call.answers.push_back(store.append(entry));
  }
}

}  // namespace

class rocksdb_journal::threads {
 public:
  threads(const rocksdb_journal_options& options, store_access access) : store_(options, access) {}

  ~threads() {
    calls_.wait_for_none();
    writes_.close();
    reads_.close();
  }

  const std::string& store_id() const { return store_.id(); }

  template <class Call>
  void write(Call call) {
    calls_.begin();
    writes_.push(std::move(call));
  }

  /// At once where memory has it, as it has what was written lately.
  void read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) {
    const auto read = [entity](read_depth depth) {
      return [=](const journal_store& store) { return store.read_entity(entity, depth); };
    };
    auto known = guarded<std::vector<journal_record>>(read(read_depth::memory));
    if (known && !known->empty()) return done(std::move(known));
    this->read(read(read_depth::disk), std::move(done));
  }

  /// Answers what `read(store)` returns.
  template <class Answer, class Read>
  void read(Read read, journal_callback<Answer> done) {
    calls_.begin();
    reads_.push([this, read = std::move(read), done = std::move(done)] {
      done(guarded<Answer>(read));
      calls_.end();
    });
  }

 private:
  using any_write = std::variant<claim_call, append_call>;

  template <class Answer, class Read>
  journal_result<Answer> guarded(const Read& read) const {
    try {
      return read(store_);
    } catch (const store_failure& failure) {
      return tl::unexpected(journal_error{failure.what()});
    }
  }

  /// Forgets its calls before it waits again: who is called back may wait for the callback to go.
  void write_all() {
    ::pthread_setname_np(::pthread_self(), "journal write");
    while (true) {
      auto calls = writes_.take(most_calls_of_a_group);
      if (calls.empty()) return;
      commit(calls);
      for (auto& call : calls) {
        std::visit([this](auto& known) { answer(known); }, call);
        calls_.end();
      }
    }
  }

  /// The first failure sticks: what is in memory may be ahead of the disk from then on.
  void commit(std::deque<any_write>& calls) {
    if (failure_) {
      return;
    }
    try {
      for (auto& call : calls) {
        std::visit([this](auto& known) { carry_out(store_, known); }, call);
      }
      store_.commit();
    } catch (const store_failure& failure) {
      failure_ = journal_error{failure.what()};
    }
  }

  template <class Call>
  void answer(Call& call) {
    if (failure_) {
      call.done(tl::unexpected(*failure_));
    } else {
      call.done(std::move(call.answers));
    }
  }

  void read_all() {
    ::pthread_setname_np(::pthread_self(), "journal read");
    while (true) {
      const auto calls = reads_.take(1);
      if (calls.empty()) return;
      calls.front()();
    }
  }

  journal_store store_;
  std::optional<journal_error> failure_;
  open_calls calls_;
  call_queue<any_write> writes_;
  call_queue<std::function<void()>> reads_;
  // Last, so that they end before what they use.
  std::jthread writer_{[this] { write_all(); }};
  std::array<std::jthread, reader_threads> readers_{std::jthread{[this] { read_all(); }},
                                                    std::jthread{[this] { read_all(); }}};
};

journal_result<std::unique_ptr<rocksdb_journal>> rocksdb_journal::open_as(
    const rocksdb_journal_options& options, store_access access) {
  try {
    return std::unique_ptr<rocksdb_journal>(new rocksdb_journal(std::make_unique<threads>(options, access)));
  } catch (const store_failure& failure) {
    return tl::unexpected(journal_error{failure.what()});
  }
}

journal_result<std::unique_ptr<rocksdb_journal>> rocksdb_journal::open(
    const rocksdb_journal_options& options) {
  return open_as(options, store_access::owner);
}

journal_result<std::unique_ptr<rocksdb_journal>> rocksdb_journal::open_read_only(
    const rocksdb_journal_options& options) {
  return open_as(options, store_access::read_only);
}

rocksdb_journal::rocksdb_journal(std::unique_ptr<threads> running) : threads_(std::move(running)) {}

rocksdb_journal::~rocksdb_journal() = default;

std::string rocksdb_journal::store_id() const {
  return threads_->store_id();
}

void rocksdb_journal::claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) {
  threads_->write(claim_call{std::move(shards), std::move(done), {}});
}

void rocksdb_journal::append(std::vector<journal_entry> entries,
                             journal_callback<std::vector<append_verdict>> done) {
  for (const auto& entry : entries) {
    assert_well_formed(entry);
  }
  threads_->write(append_call{std::move(entries), std::move(done), {}});
}

void rocksdb_journal::read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) {
  threads_->read_entity(entity, std::move(done));
}

void rocksdb_journal::read_shard(shard_id shard, position from, std::uint32_t limit,
                                 journal_callback<std::vector<journal_record>> done) {
  const auto read = [=](const journal_store& store) { return store.read_shard(shard, from, limit); };
  threads_->read(read, std::move(done));
}

void rocksdb_journal::list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                                      journal_callback<std::vector<entity_id>> done) {
  const auto read = [=](const journal_store& store) { return store.list_unfinished(shard, after, limit); };
  threads_->read(read, std::move(done));
}

void rocksdb_journal::list_keys(shard_id shard, std::string after, std::uint32_t limit,
                                journal_callback<std::vector<kept_key>> done) {
  const auto read = [=](const journal_store& store) { return store.list_keys(shard, after, limit); };
  threads_->read(read, std::move(done));
}

void rocksdb_journal::read_ends(journal_callback<std::vector<position>> done) {
  threads_->read([](const journal_store& store) { return store.read_ends(); }, std::move(done));
}

}  // namespace holdfast::storage
