#include "actors/receipt_clerk.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/sec.hpp>
#include <cassert>
#include <utility>

#include "actors/entity_reading.hpp"
#include "actors/port_callback.hpp"
#include "tracing/logged_trace.hpp"

namespace holdfast::actors {

void receipt_clerk_state::start(self_pointer self, surroundings_ptr around, journal_intake_ptr journal) {
  self_ = self;
  around_ = std::move(around);
  journal_ = std::move(journal);
}

// --- Books ---

void receipt_clerk_state::gain(const shards_gained& what) {
  const auto round = ++last_round_;
  for (const auto shard : what.shards) books_[shard] = {round, 0, 0};
  call_begins();
  around_->ports.receipts.claim(
      what.shards, to_actor(around_, caf::actor_cast<receipt_clerk_actor>(self_), [round](auto result) {
        return shards_claimed{std::make_shared<decltype(result)>(std::move(result)), round};
      }));
}

/// Its receipts may change from now on where nobody tells of it here, so they are forgotten. Those that wait
/// for the journal live on with their appends, for whoever waits for these.
void receipt_clerk_state::lose(const shards_lost& what) {
  const auto lost = [&](storage::entity_id id) {
    return std::find(what.shards.begin(), what.shards.end(), storage::shard_of(id)) != what.shards.end();
  };
  for (const auto shard : what.shards) books_[shard] = {};
  recency_.remove_if(lost);
  std::erase_if(open_, [&](auto& one) { return lost(one.first); });
  for (auto& [id, read] : loading_) {
    if (!lost(id)) continue;
    held_ -= read.waiting.size();
    read = {{}, {}, true};
  }
}

void receipt_clerk_state::claimed(const shards_claimed& claims) {
  call_ends();
  if (!*claims.result) return around_->ports.on_fatal(claims.result->error().message);
  for (const auto& claim : **claims.result) {
    auto& book = books_[claim.shard];
    if (book.round == claims.round) book = {claims.round, claim.owner_epoch, claim.counter};
  }
  held_ -= waiting_for_claim_.size();
  for (auto& later : std::exchange(waiting_for_claim_, {})) later();
}

/// The desk says so in the log, and brings it back.
void receipt_clerk_state::go_down(const std::string& why) {
  self_->quit(caf::make_error(caf::sec::runtime_error, why));
}

// --- Receipts in memory ---

template <class Use>
void receipt_clerk_state::with_receipt(storage::entity_id id, bool is_new,
                                       const tracing::trace_context& trace, Use then) {
  if (const auto log = at_hand(id, is_new)) return then(log);
  hold(id, is_new, trace, std::move(then));
}

/// Null where it has to be read first.
receipt_clerk_state::receipt_ptr receipt_clerk_state::at_hand(storage::entity_id id, bool is_new) {
  if (auto found = open_.find(id); found != open_.end()) {
    recency_.splice(recency_.end(), recency_, found->second.recency);
    return found->second.log;
  }
  if (book_of(id).owner_epoch != 0 && is_new && !loading_.contains(id)) return open(receipt_entity(id));
  return nullptr;
}

void receipt_clerk_state::hold(storage::entity_id id, bool is_new, const tracing::trace_context& trace,
                               use then) {
  // Beyond the bound, and where the book is not here, it is dropped, and with it the reply that it owes: the
  // child tries again.
  if (held_ == largest_held_commands || book_of(id).round == 0) return;
  ++held_;
  if (book_of(id).owner_epoch == 0) {
    waiting_for_claim_.push_back([this, id, is_new, trace, then] { with_receipt(id, is_new, trace, then); });
    return;
  }
  const auto [read, begins] = loading_.try_emplace(id);
  read->second.waiting.push_back(std::move(then));
  if (begins) read->second.trace = trace;
  if (begins) this->read(id);
}

void receipt_clerk_state::read(storage::entity_id id) {
  call_begins();
  if (auto read =
          read_or_hear(around_, around_->ports.receipts, id, caf::actor_cast<receipt_clerk_actor>(self_))) {
    loaded(*read);
  }
}

// --- Commands ---

/// While its journal gives no answer nobody else begins to wait for it: the reply that is owed is dropped,
/// and who asked sleeps until the next try.
bool receipt_clerk_state::journal_stands_still() const {
  const auto now = self_->clock().now();
  const auto patience = around_->options.journal_patience;
  return around_->meters->receipts.busy_for_longer_than(patience, now) ||
         (calls_ > 0 && now - heard_at_ > patience);
}

void receipt_clerk_state::call_begins() {
  if (calls_++ == 0) heard_at_ = self_->clock().now();
}

void receipt_clerk_state::call_ends() {
  --calls_;
  heard_at_ = self_->clock().now();
}

void receipt_clerk_state::issue(const issue_receipt& what, receipt_reply to) {
  if (journal_stands_still()) return;
  with_receipt(what.reservation, what.first_attempt, what.trace, [this, what, to](const receipt_ptr& log) {
    const domain::timestamp paid_at{std::chrono::milliseconds{what.paid_at_ms}};
    auto& book = book_of(what.reservation);
    decide(log, domain::receipts::issue{book.last_number + 1, around_->ports.delivery_date(paid_at)},
           what.trace, to);
  });
}

void receipt_clerk_state::make_void(const void_receipt& what, receipt_reply to) {
  if (journal_stands_still()) return;
  with_receipt(what.reservation, false, what.trace, [this, trace = what.trace, to](const receipt_ptr& log) {
    decide(log, domain::receipts::void_receipt{}, trace, to);
  });
}

void receipt_clerk_state::decide(const receipt_ptr& log, const domain::receipts::command& command,
                                 const tracing::trace_context& trace, receipt_reply to) {
  // A refusal is an answer here: the state says that the receipt is void.
  auto decision = domain::receipts::decide(log->state(), command, around_->ports.clock());
  if (!decision.events.empty()) append(log, std::move(decision.events), trace);
  log->when_durable([this, of = log.get(), to]() mutable { to.deliver(answer(*of)); });
}

void receipt_clerk_state::append(const receipt_ptr& log, std::vector<domain::receipts::event> events,
                                 const tracing::trace_context& trace) {
  auto& book = book_of(log->id());
  append_entry append;
  append.on_open_appends = log->appends_under_way();
  const bool issued = std::holds_alternative<domain::receipts::issued>(events.front());
  append.entry = log->commit(std::move(events), book.owner_epoch);
  if (issued) append.entry.counter = ++book.last_number;
  // Who cancels waits for its void, nobody for a receipt.
  append.awaited = !issued;
  append.asker = caf::actor_cast<caf::actor>(self_);
  append.ticket = ++last_ticket_;
  appends_.emplace(append.ticket,
                   append_under_way{log, log->state().version, book.owner_epoch,
                                    tracing::open_span(around_->ports.tracer, trace,
                                                       tracing::span_kind::internal, "append receipt")});
  journal_->add(std::move(append));
}

void receipt_clerk_state::append_over(const append_ended& what) {
  const auto ended = appends_.extract(what.ticket);
  if (!what.verdict) return go_down("the journal has failed");
  appended(ended.mapped(), *what.verdict);
}

void receipt_clerk_state::appended(const append_under_way& what, const storage::append_verdict& verdict) {
  if (verdict.status == storage::append_status::appended) {
    what.log->appended(what.version);
    shrink();
  } else if (book_of(what.log->id()).owner_epoch == what.owner_epoch) {
    go_down("its journal refused an append as stale");
  }
  // Else the book is gone, and with the receipt's last append goes the reply that is owed: the child tries
  // again.
}

receipt_answer receipt_clerk_state::answer(const receipt_entity& log) const {
  const auto& state = log.state();
  receipt_answer answer;
  answer.is_void = state.status == domain::receipts::status::voided;
  if (state.number == 0) return answer;
  answer.receipt_no = domain::receipts::receipt_no(storage::shard_of(log.id()), state.number);
  answer.expected_delivery_at_ms = state.expected_delivery_at.at.time_since_epoch().count();
  answer.utc_offset_minutes = static_cast<std::int32_t>(state.expected_delivery_at.utc_offset.count());
  return answer;
}

// --- Receipts read, and forgotten ---

void receipt_clerk_state::loaded(const entity_read& read) {
  call_ends();
  auto found = loading_.find(read.entity);
  if (std::exchange(found->second.of_lost_book, false)) {
    if (found->second.waiting.empty()) {
      loading_.erase(found);
    } else {
      this->read(read.entity);
    }
    return;
  }
  const auto waiting = std::move(found->second.waiting);
  const tracing::logged_trace about(found->second.trace);
  loading_.erase(found);
  held_ -= waiting.size();
  receipt_entity log(read.entity);
  std::optional<std::string> wrong;
  if (!*read.result) wrong = read.result->error().message;
  for (std::size_t i = 0; !wrong && i < (*read.result)->size(); ++i) wrong = log.replay((**read.result)[i]);
  if (wrong) {
    // Only those who asked for this one are sent back.
    spdlog::error("the receipt of reservation {} can't be read: {}", read.entity, *wrong);
    return;
  }
  const auto kept = open(std::move(log));
  for (auto& then : waiting) then(kept);
}

receipt_clerk_state::receipt_ptr receipt_clerk_state::open(receipt_entity log) {
  shrink();
  const auto id = log.id();
  recency_.push_back(id);
  auto [place, fresh] = open_.emplace(
      id, open_receipt{std::make_shared<receipt_entity>(std::move(log)), std::prev(recency_.end())});
  assert(fresh);
  return place->second.log;
}

void receipt_clerk_state::shrink() {
  // Those that wait for the journal stay: what is decided next stands on them.
  while (open_.size() >= largest_open_receipts) {
    auto oldest = open_.find(recency_.front());
    if (!oldest->second.log->settled()) return;
    recency_.pop_front();
    open_.erase(oldest);
  }
}

receipt_clerk_actor::behavior_type receipt_clerk(receipt_clerk_state::self_pointer self,
                                                 surroundings_ptr around, journal_intake_ptr journal) {
  self->state.start(self, std::move(around), std::move(journal));
  return {
      [self](const append_ended& what) { self->state.append_over(what); },
      [self](const issue_receipt& what) {
        return owe<receipt_answer>(self, [&](auto to) { self->state.issue(what, std::move(to)); });
      },
      [self](const void_receipt& what) {
        return owe<receipt_answer>(self, [&](auto to) { self->state.make_void(what, std::move(to)); });
      },
      [self](const shards_gained& what) { self->state.gain(what); },
      [self](const shards_lost& what) { self->state.lose(what); },
      [self](const shards_claimed& claims) { self->state.claimed(claims); },
      [self](const entity_read& read) { self->state.loaded(read); },
  };
}

}  // namespace holdfast::actors
