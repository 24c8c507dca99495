#include "storage/postgres_journal.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "storage/append_rules.hpp"
#include "storage/call_queue.hpp"
#include "storage/open_calls.hpp"
#include "storage/postgres_batch.hpp"
#include "storage/postgres_connection.hpp"
#include "storage/postgres_reads.hpp"
#include "storage/postgres_schema.hpp"
#include "storage/postgres_session.hpp"

namespace holdfast::storage {
namespace {

/// Calls committed together. Bounds a batch; the journal writer gathers entries before this.
constexpr std::size_t most_calls_of_a_batch = 1024;
constexpr std::size_t looking_threads = 2;

template <class Given, class Answer>
struct waiting_call {
  std::vector<Given> given;
  journal_callback<std::vector<Answer>> done;
  std::vector<Answer> answers = {};
  /// What it counts for of the memory for calls that wait.
  std::size_t bytes = 0;
  /// There was no place for it, and what was given is gone.
  bool dropped = false;
};
using waiting_claim = waiting_call<shard_id, shard_claim>;
using waiting_append = waiting_call<journal_entry, append_verdict>;
using waiting_write = std::variant<waiting_claim, waiting_append>;

template <class Call>
void gather(postgres_batch& batch, const Call& call) {
  for (const auto& item : call.given) batch.need(item);
}

void judge(postgres_batch& batch, waiting_claim& call) {
  call.answers.clear();
  for (const auto shard : call.given) call.answers.push_back(batch.claim(shard));
}

void judge(postgres_batch& batch, waiting_append& call) {
  call.answers.clear();
  for (const auto& entry : call.given) call.answers.push_back(batch.append(entry));
}

std::size_t bytes_of(const std::vector<journal_entry>& entries) {
  std::size_t bytes = 0;
  for (const auto& entry : entries) {
    bytes += sizeof(entry) + entry.record.size() + (entry.key ? entry.key->key.size() : 0);
  }
  return bytes;
}

}  // namespace

class postgres_journal::threads {
 public:
  threads(const postgres_options& options, std::string where, std::string store_id)
      : options_(options), where_(std::move(where)), store_id_(std::move(store_id)) {}

  ~threads() {
    give_up();
    calls_.wait_for_none();
    writes_.close();
    looks_.close();
    scans_.close();
  }

  void give_up() { over_ = true; }

  const std::string& store_id() const { return store_id_; }

  void claim(waiting_claim call) {
    calls_.begin();
    writes_.push(std::move(call));
  }

  void append(waiting_append call) {
    calls_.begin();
    call.bytes = bytes_of(call.given);
    // A call that finds nothing in front of it always has a place.
    const auto waiting = waiting_bytes_.fetch_add(call.bytes);
    call.dropped = waiting > 0 && waiting + call.bytes > options_.most_waiting_bytes;
    if (call.dropped) {
      call.given = {};
      waiting_bytes_ -= std::exchange(call.bytes, 0);
    }
    writes_.push(std::move(call));
  }

  /// Answers what `read(connection)` returns, which somebody waits for.
  template <class Answer, class Read>
  void look(Read read, journal_callback<Answer> done) {
    calls_.begin();
    const bool dropped = ++waiting_looks_ > options_.most_waiting_reads;
    const auto now = postgres_session::clock::now();
    looks_.push([this, dropped, now, read = std::move(read), done = std::move(done)](auto& session) {
      --waiting_looks_;
      done(dropped ? failed("more than " + std::to_string(options_.most_waiting_reads) + " reads wait")
                   : guarded<Answer>(session, now, read));
      calls_.end();
    });
  }

  /// The same, however long the server is away. All have a place: who scans waits for the answer before he
  /// scans on, so there are few for each shard, and a shard that gets none ends the process.
  template <class Answer, class Read>
  void scan(Read read, journal_callback<Answer> done) {
    calls_.begin();
    const auto now = postgres_session::clock::now();
    scans_.push([this, now, read = std::move(read), done = std::move(done)](auto& session) {
      done(guarded<Answer>(session, now, read));
      calls_.end();
    });
  }

 private:
  using read_task = std::function<void(postgres_session&)>;

  tl::unexpected<journal_error> failed(const std::string& what) const {
    return tl::unexpected(journal_error{"journal " + where_ + ": " + what});
  }

  template <class Answer, class Read>
  journal_result<Answer> guarded(postgres_session& session, postgres_session::clock::time_point asked_at,
                                 const Read& read) const {
    try {
      Answer answer;
      session.run(asked_at, [&](postgres_connection& connection) { answer = read(connection); });
      return answer;
    } catch (const postgres_failure& failure) {
      return failed(failure.what());
    }
  }

  postgres_session session_with(std::optional<std::chrono::milliseconds> patience) const {
    const auto prepare = [this](postgres_connection& connection) {
      set_up_session(connection, options_);
      check_schema(connection, store_id_);
    };
    return {options_, prepare, {patience, over_}};
  }

  /// Forgets its calls before it waits again: who is called back may wait for the callback to go.
  void write_all() {
    ::pthread_setname_np(::pthread_self(), "journal write");
    auto session = session_with(std::nullopt);
    while (true) {
      auto calls = writes_.take(most_calls_of_a_batch);
      if (calls.empty()) return;
      commit(session, calls);
      for (auto& call : calls) {
        std::visit([this](auto& known) { answer(known); }, call);
        calls_.end();
      }
    }
  }

  /// The first failure sticks, as the port says.
  void commit(postgres_session& session, std::deque<waiting_write>& calls) {
    if (failure_) return;
    try {
      postgres_batch batch(known_);
      for (const auto& call : calls) {
        std::visit([&](const auto& known) { gather(batch, known); }, call);
      }
      const auto judge_all = [&] {
        for (auto& call : calls) std::visit([&](auto& known) { judge(batch, known); }, call);
      };
      session.run(postgres_session::clock::now(),
                  [&](postgres_connection& connection) { batch.commit(connection, judge_all); });
    } catch (const postgres_failure& failure) {
      failure_ = failed(failure.what());
    }
  }

  template <class Call>
  void answer(Call& call) {
    waiting_bytes_ -= call.bytes;
    if (call.dropped && !failure_) {
      failure_ =
          failed("more than " + std::to_string(options_.most_waiting_bytes) + " bytes wait to be written");
    }
    if (failure_) {
      call.done(*failure_);
    } else {
      call.done(std::move(call.answers));
    }
  }

  void read_all(call_queue<read_task>& queue, std::optional<std::chrono::milliseconds> patience) {
    ::pthread_setname_np(::pthread_self(), "journal read");
    auto session = session_with(patience);
    while (true) {
      const auto calls = queue.take(1);
      if (calls.empty()) return;
      calls.front()(session);
    }
  }

  const postgres_options options_;
  const std::string where_;
  const std::string store_id_;
  std::optional<tl::unexpected<journal_error>> failure_;
  /// The writer's.
  postgres_known known_;
  std::atomic<std::size_t> waiting_bytes_ = 0;
  std::atomic<std::size_t> waiting_looks_ = 0;
  open_calls calls_;
  call_queue<waiting_write> writes_;
  call_queue<read_task> looks_;
  call_queue<read_task> scans_;
  std::atomic<bool> over_ = false;
  // Last, so that they end before what they use.
  std::jthread writer_{[this] { write_all(); }};
  std::array<std::jthread, looking_threads> lookers_{
      std::jthread{[this] { read_all(looks_, options_.give_up_reading_after); }},
      std::jthread{[this] { read_all(looks_, options_.give_up_reading_after); }}};
  std::jthread scanner_{[this] { read_all(scans_, std::nullopt); }};
};

journal_result<std::unique_ptr<postgres_journal>> postgres_journal::open(const postgres_options& options) {
  std::string where = "in PostgreSQL";
  try {
    where = where_of(options);
    postgres_connection connection(options);
    set_up_session(connection, options);
    auto store_id = open_schema(connection, options);
    return std::unique_ptr<postgres_journal>(
        new postgres_journal(std::make_unique<threads>(options, where, std::move(store_id))));
  } catch (const postgres_failure& failure) {
    // What may pass is, at the start, mostly a URL that is wrong or a server that does not run.
    const auto advice = failure.passing() ? "; see that the server runs and that " + options.setting +
                                                " names it, as postgres://USER@HOST:PORT/DATABASE"
                                          : "";
    return tl::unexpected(journal_error{"journal " + where + ": " + failure.what() + advice});
  }
}

postgres_journal::postgres_journal(std::unique_ptr<threads> running) : threads_(std::move(running)) {}

postgres_journal::~postgres_journal() = default;

std::string postgres_journal::store_id() const {
  return threads_->store_id();
}

void postgres_journal::claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) {
  threads_->claim({std::move(shards), std::move(done)});
}

void postgres_journal::append(std::vector<journal_entry> entries,
                              journal_callback<std::vector<append_verdict>> done) {
  for (const auto& entry : entries) assert_well_formed(entry);
  threads_->append({std::move(entries), std::move(done)});
}

void postgres_journal::read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) {
  const auto read = [=](postgres_connection& connection) { return storage::read_entity(connection, entity); };
  threads_->look(read, std::move(done));
}

void postgres_journal::read_shard(shard_id shard, position from, std::uint32_t limit,
                                  journal_callback<std::vector<journal_record>> done) {
  const auto read = [=](postgres_connection& connection) {
    return storage::read_shard(connection, shard, from, limit);
  };
  threads_->scan(read, std::move(done));
}

void postgres_journal::list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                                       journal_callback<std::vector<entity_id>> done) {
  const auto read = [=](postgres_connection& connection) {
    return storage::list_unfinished(connection, shard, after, limit);
  };
  threads_->scan(read, std::move(done));
}

void postgres_journal::list_keys(shard_id shard, std::string after, std::uint32_t limit,
                                 journal_callback<std::vector<kept_key>> done) {
  const auto read = [=](postgres_connection& connection) {
    return storage::list_keys(connection, shard, after, limit);
  };
  threads_->scan(read, std::move(done));
}

void postgres_journal::read_ends(journal_callback<std::vector<position>> done) {
  threads_->scan([](postgres_connection& connection) { return storage::read_ends(connection); },
                 std::move(done));
}

void postgres_journal::close() {
  threads_->give_up();
}

}  // namespace holdfast::storage
