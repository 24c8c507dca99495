#include "http/saga_walk.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "storage/event_codec.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::http {

namespace {

std::string in_one(const std::vector<storage::journal_record>& records) {
  std::string joined;
  for (const auto& record : records) joined += record.record;
  return joined;
}

}  // namespace

/// One walk. Kept by the callbacks that it waits for, which go with the reader.
class saga_reader::walker : public std::enable_shared_from_this<walker> {
 public:
  walker(saga_reader& from, saga_query query, domain::timestamp now, std::function<void(saga_result)> done)
      : from_(from), query_(std::move(query)), now_(now), done_(std::move(done)), at_(query_.after) {
    shard_ = at_ == 0 ? 0 : storage::shard_of(at_);
  }

  void list() {
    from_.journal_.list_unfinished(
        static_cast<storage::shard_id>(shard_), at_, sagas_read_at_once,
        from_.listings_.expect([self = shared_from_this()](listing ids) { self->listed(std::move(ids)); }));
  }

 private:
  void listed(listing ids) {
    if (!ids) return fail();
    last_of_shard_ = ids->size() < sagas_read_at_once;
    read_.clear();
    for (const auto id : *ids) read_.push_back({id, {}});
    open_ = read_.size();
    if (open_ == 0) return go_on();
    for (std::size_t i = 0; i < read_.size(); ++i) {
      from_.journal_.read_entity(read_[i].id, from_.reads_.expect([self = shared_from_this(), i](records of) {
        self->take(i, std::move(of));
      }));
    }
  }

  void take(std::size_t place, records of) {
    if (!of) {
      failed_ = true;
    } else if (auto state = storage::fold_reservation(in_one(*of))) {
      read_[place].state = std::move(*state);
    } else {
      const tracing::logged_trace about(storage::trace_of(in_one(*of)));
      spdlog::error("reservation {} can't be read: {}", read_[place].id, state.error().message);
    }
    if (--open_ > 0) return;
    failed_ ? fail() : pick();
  }

  void pick() {
    for (auto& one : read_) {
      at_ = one.id;
      ++looked_at_;
      if (one.state.version == 0 || !matches(query_.filter, one.state, now_)) continue;
      page_.sagas.push_back(std::move(one));
      if (page_.sagas.size() == query_.size) return end(at_);
    }
    if (looked_at_ >= most_sagas_looked_at) return end(at_);
    go_on();
  }

  void go_on() {
    if (last_of_shard_) {
      at_ = 0;
      if (++shard_ == storage::shard_count) return end(std::nullopt);
    }
    list();
  }

  void end(std::optional<domain::reservation_id> next) {
    page_.next = next;
    --from_.walks_;
    done_(std::move(page_));
  }
  void fail() {
    --from_.walks_;
    done_(tl::unexpected(saga_failure::journal_unavailable));
  }

  saga_reader& from_;
  const saga_query query_;
  const domain::timestamp now_;
  const std::function<void(saga_result)> done_;
  std::uint32_t shard_ = 0;
  storage::entity_id at_;
  bool last_of_shard_ = false;
  bool failed_ = false;
  std::vector<saga> read_;
  std::size_t open_ = 0;
  std::uint32_t looked_at_ = 0;
  saga_page page_;
};

void saga_reader::walk(saga_query query, domain::timestamp now, std::function<void(saga_result)> done) {
  if (walks_ == largest_saga_walks) return done(tl::unexpected(saga_failure::too_many_walks));
  ++walks_;
  std::make_shared<walker>(*this, std::move(query), now, std::move(done))->list();
}

void saga_reader::read(domain::reservation_id id,
                       std::function<void(tl::expected<std::string, saga_failure>)> done) {
  journal_.read_entity(id, reads_.expect([done = std::move(done)](records of) {
    if (!of) return done(tl::unexpected(saga_failure::journal_unavailable));
    done(in_one(*of));
  }));
}

}  // namespace holdfast::http
