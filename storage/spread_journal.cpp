#include "storage/spread_journal.hpp"

#include <algorithm>
#include <cassert>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "storage/open_calls.hpp"

namespace holdfast::storage {
namespace {

/// A call that several parts answer.
class spread_call {
 public:
  virtual ~spread_call() = default;
  virtual void call_back(const std::optional<journal_error>& failure) = 0;

  std::size_t open_parts = 0;
  std::optional<journal_error> failure;
};

/// One with an answer for each item that was given, whichever part it went to.
template <class Answer>
class itemized_call final : public spread_call {
 public:
  itemized_call(std::size_t items, journal_callback<std::vector<Answer>> done)
      : answers_(items), done_(std::move(done)) {}

  /// What a part has answered, and where these answers stand among all.
  void take(journal_result<std::vector<Answer>> result, const std::vector<std::size_t>& places) {
    if (!result) {
      failure = std::move(result.error());
      return;
    }
    for (std::size_t i = 0; i < places.size(); ++i) answers_[places[i]] = std::move((*result)[i]);
  }

  void call_back(const std::optional<journal_error>& failure_of_all) override {
    if (failure_of_all) {
      done_(tl::unexpected(*failure_of_all));
    } else {
      done_(std::move(answers_));
    }
  }

 private:
  std::vector<Answer> answers_;
  journal_callback<std::vector<Answer>> done_;
};

/// What goes to one part, and where it stood in the call.
template <class Item>
struct share {
  std::vector<Item> items;
  std::vector<std::size_t> places;
};

}  // namespace

/// Gives the answers in the order of the calls, one at a time: each part answers when it is done, and a call
/// that concerns a quick one only would overtake.
class spread_journal::answers {
 public:
  void wait_for_none() const { open_.wait_for_none(); }

  void begin(const std::shared_ptr<spread_call>& call, std::size_t parts) {
    open_.begin();
    call->open_parts = parts;
    const std::lock_guard lock(mutex_);
    waiting_.push_back(call);
  }

  /// Another part has answered. `take` puts its answer into the call.
  template <class Take>
  void add(spread_call& to, const Take& take) {
    std::unique_lock lock(mutex_);
    take();
    --to.open_parts;
    // Who is at it already takes these along.
    if (std::exchange(delivering_, true)) return;
    while (!waiting_.empty() && waiting_.front()->open_parts == 0) {
      const auto call = std::move(waiting_.front());
      waiting_.pop_front();
      // The first failure sticks.
      if (!failure_) failure_ = call->failure;
      lock.unlock();
      call->call_back(failure_);
      open_.end();
      lock.lock();
    }
    delivering_ = false;
  }

  /// Of a read, which has no order.
  template <class Answer>
  journal_callback<Answer> counted(journal_callback<Answer> done) {
    open_.begin();
    return [this, done = std::move(done)](journal_result<Answer> result) {
      done(std::move(result));
      open_.end();
    };
  }

 private:
  std::mutex mutex_;
  std::deque<std::shared_ptr<spread_call>> waiting_;
  bool delivering_ = false;
  /// Written and read by who delivers.
  std::optional<journal_error> failure_;
  open_calls open_;
};

spread_journal::spread_journal(std::vector<journal_part> parts)
    : answers_(std::make_unique<answers>()), parts_(std::move(parts)) {
  std::uint32_t next = 0;
  for (const auto& part : parts_) {
    assert(part.first == next && part.last >= part.first);
    next = part.last + 1u;
  }
  assert(next == shard_count);
}

/// A callback may call again, into any part: none may go before all calls are answered.
spread_journal::~spread_journal() {
  answers_->wait_for_none();
}

std::string spread_journal::store_id() const {
  std::string id;
  for (const auto& part : parts_) {
    if (!id.empty()) id += '-';
    id += part.where->store_id();
  }
  return id;
}

void spread_journal::claim(std::vector<shard_id> shards, journal_callback<std::vector<shard_claim>> done) {
  const auto ask = [](journal& part, std::vector<shard_id> some, auto answered) {
    part.claim(std::move(some), std::move(answered));
  };
  spread<shard_claim>(
      std::move(shards), [](shard_id shard) { return shard; }, ask, std::move(done));
}

void spread_journal::append(std::vector<journal_entry> entries,
                            journal_callback<std::vector<append_verdict>> done) {
  const auto ask = [](journal& part, std::vector<journal_entry> some, auto answered) {
    part.append(std::move(some), std::move(answered));
  };
  const auto shard_of_entry = [](const journal_entry& entry) { return entry.shard; };
  spread<append_verdict>(std::move(entries), shard_of_entry, ask, std::move(done));
}

/// A call without items goes to the first part, so that it is answered behind those before it.
template <class Answer, class Item, class ShardOf, class Ask>
void spread_journal::spread(std::vector<Item> items, const ShardOf& shard_of_item, const Ask& ask,
                            journal_callback<std::vector<Answer>> done) {
  std::vector<share<Item>> shares(parts_.size());
  for (std::size_t place = 0; place < items.size(); ++place) {
    auto& mine = shares[part_of(shard_of_item(items[place]))];
    mine.items.push_back(std::move(items[place]));
    mine.places.push_back(place);
  }
  const auto concerned = [&](std::size_t part) {
    return !shares[part].items.empty() || (items.empty() && part == 0);
  };
  std::size_t parts = 0;
  for (std::size_t part = 0; part < shares.size(); ++part) parts += concerned(part) ? 1 : 0;

  const auto call = std::make_shared<itemized_call<Answer>>(items.size(), std::move(done));
  answers_->begin(call, parts);
  for (std::size_t part = 0; part < shares.size(); ++part) {
    if (!concerned(part)) continue;
    ask(*parts_[part].where, std::move(shares[part].items),
        [this, call, places = std::move(shares[part].places)](journal_result<std::vector<Answer>> result) {
          answers_->add(*call, [&] { call->take(std::move(result), places); });
        });
  }
}

void spread_journal::read_entity(entity_id entity, journal_callback<std::vector<journal_record>> done) {
  journal_of(shard_of(entity)).read_entity(entity, answers_->counted(std::move(done)));
}

void spread_journal::read_shard(shard_id shard, position from, std::uint32_t limit,
                                journal_callback<std::vector<journal_record>> done) {
  journal_of(shard).read_shard(shard, from, limit, answers_->counted(std::move(done)));
}

void spread_journal::list_unfinished(shard_id shard, entity_id after, std::uint32_t limit,
                                     journal_callback<std::vector<entity_id>> done) {
  journal_of(shard).list_unfinished(shard, after, limit, answers_->counted(std::move(done)));
}

void spread_journal::list_keys(shard_id shard, std::string after, std::uint32_t limit,
                               journal_callback<std::vector<kept_key>> done) {
  journal_of(shard).list_keys(shard, std::move(after), limit, answers_->counted(std::move(done)));
}

/// Each part knows the shards that it is for.
void spread_journal::read_ends(journal_callback<std::vector<position>> done) {
  struct gathered {
    std::mutex mutex;
    std::size_t open_parts;
    journal_result<std::vector<position>> ends = std::vector<position>(shard_count, 0);
    journal_callback<std::vector<position>> done;
  };
  const auto call = std::make_shared<gathered>();
  call->open_parts = parts_.size();
  call->done = answers_->counted(std::move(done));
  for (const auto& part : parts_) {
    part.where->read_ends([call, first = part.first, last = part.last](auto result) {
      std::unique_lock lock(call->mutex);
      if (!result) {
        call->ends = tl::unexpected(std::move(result.error()));
      } else if (call->ends) {
        std::copy(result->begin() + first, result->begin() + last + 1, call->ends->begin() + first);
      }
      if (--call->open_parts > 0) return;
      lock.unlock();
      call->done(std::move(call->ends));
    });
  }
}

void spread_journal::close() {
  for (const auto& part : parts_) part.where->close();
}

std::size_t spread_journal::part_of(shard_id shard) const {
  const auto found = std::find_if(parts_.begin(), parts_.end(),
                                  [shard](const journal_part& part) { return shard <= part.last; });
  return static_cast<std::size_t>(found - parts_.begin());
}

}  // namespace holdfast::storage
