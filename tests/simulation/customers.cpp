#include "tests/simulation/customers.hpp"

#include <array>
#include <cassert>
#include <utility>

#include "http/answers.hpp"
#include "http/media_type.hpp"
#include "storage/event_codec.hpp"
#include "tests/proof/contract.hpp"
#include "tests/proof/names.hpp"
#include "tests/support/shard_keys.hpp"

namespace holdfast::simulation {

namespace {

using proof::operation;
using proof::operation_kind;
using proof::operation_outcome;

constexpr std::uint32_t auditor = 99;
constexpr std::int64_t usual_price = 1'300'000;
constexpr std::int64_t other_price = 990'000;
/// Small shards are full until those who were asked for before have left memory.
constexpr moment between_audits = second;
constexpr moment patience_with_closed_doors = 50 * millisecond;

const http::client client{
    .base = "http://shop:8088", .media_type = http::json_media_type, .path = "/preReservations"};

/// FNV-1a, 64 bit.
std::uint64_t hash(std::string_view bytes) {
  std::uint64_t value = 14695981039346656037ull;
  for (const char c : bytes) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return value;
}

std::string code_of(const http::response& response) {
  constexpr std::string_view field = "\"code\":\"";
  const auto begin = response.body.find(field);
  if (begin == std::string::npos) return {};
  const auto end = response.body.find('"', begin + field.size());
  return response.body.substr(begin + field.size(), end - begin - field.size());
}

std::string digest_of(const http::response& response) {
  std::string text = std::to_string(response.status);
  for (const auto& [name, value] : response.headers) {
    if (name == "Location") text += value;
  }
  return std::to_string(hash(text + response.body));
}

proof::observation observe(domain::reservation_id id, std::string_view records) {
  const auto state = storage::fold_reservation(records);
  assert(state);
  return {id, state->version, state->status, state->payment, state->receipt, state->receipt_no};
}

}  // namespace

customers::customers(world& in, const fleet& nodes, const journal_store& reservations)
    : world_(in), nodes_(nodes), journal_(reservations), operator_chance_(~in.drawn.seed * 2) {
  make_keys();
}

void customers::make_keys() {
  for (std::size_t i = 0; i < world_.drawn.keys; ++i) {
    const auto shard = static_cast<storage::shard_id>(world_.random.below(world_.drawn.shards));
    testing::shard_keys of_shard(shard, "key-" + std::to_string(i) + "-");
    keys_.push_back({of_shard.next(), ++users_});
    ids_.insert(storage::id_of(shard, 1));
  }
}

// --- What they do ---

void customers::begin() {
  for (std::uint32_t customer = 1; customer <= world_.drawn.customers; ++customer) {
    ++busy_;
    think_and_live(customer, world_.drawn.operations_each);
  }
  begin_operator();
}

void customers::think_and_live(std::uint32_t customer, std::uint32_t operations_left) {
  const auto thought = world_.latency(world_.drawn.longest_thought);
  world_.after(thought, nobody, [this, customer, operations_left] { live(customer, operations_left); });
}

void customers::live(std::uint32_t customer, std::uint32_t operations_left) {
  if (operations_left == 0) {
    --busy_;
    return;
  }
  do_something(customer,
               [this, customer, operations_left] { think_and_live(customer, operations_left - 1); });
}

void customers::do_something(std::uint32_t customer, then next) {
  const auto what = world_.random.below(100);
  auto& slot = keys_[world_.random.below(keys_.size())];
  if (what < 40) return place(customer, with_key(slot, false), std::move(next));
  if (what < 44) return place(customer, with_key(slot, true), std::move(next));
  if (what < 54) return place(customer, {{}, ++users_, usual_price}, std::move(next));
  if (what < 72) return cancel(customer, somebody(), std::move(next));
  if (what < 92) return read(customer, somebody(), std::move(next));
  list(customer, std::move(next));
}

/// Mostly one that is there, or soon will be.
domain::reservation_id customers::somebody() {
  auto which = ids_.begin();
  std::advance(which, world_.random.below(ids_.size()));
  return world_.random.chance(95) ? *which : *which + storage::shard_count * 1000;
}

customers::wanted_placement customers::with_key(key_slot& slot, bool other_fields) {
  slot.used = true;
  return {slot.key, slot.user_id, other_fields ? other_price : usual_price};
}

void customers::audit(std::vector<domain::reservation_id> ids) {
  ++busy_;
  for (auto& slot : keys_) {
    if (!slot.used) continue;
    audits_.push_back(
        [this, wanted = with_key(slot, false)](then next) { place(auditor, wanted, std::move(next)); });
  }
  for (const auto id : ids) {
    audits_.push_back([this, id](then next) { read(auditor, id, std::move(next)); });
  }
  audits_.push_back([this](then next) { list(auditor, std::move(next)); });
  audit_next();
}

void customers::audit_next() {
  if (audits_.empty()) {
    --busy_;
    return;
  }
  audits_.front()([this] {
    if (!asks_again()) audits_.pop_front();
    world_.after(between_audits, nobody, [this] { audit_next(); });
  });
}

/// A claim that came late, of a node that is gone, fences off whoever has the shard: he finds that out with
/// the next append, and answers that one that he was not available. The next has to be served.
bool customers::asks_again() {
  auto& last = operations.back();
  asked_again_ = world_.drawn.clustered() && last.code == "unavailable" && !asked_again_;
  if (asked_again_) last.audit = false;
  return asked_again_;
}

// --- Writing down ---

operation& customers::invoke(std::uint32_t customer, operation_kind kind, then next) {
  auto& one = operations.emplace_back();
  one.number = operations.size();
  one.client = customer;
  one.audit = customer == auditor;
  one.kind = kind;
  one.invoked = world_.stamp();
  auto* at = nodes_.anyone();
  if (at && world_.drawn.clustered()) one.node = at->name();
  open_.emplace(one.number, open_operation{at, std::move(next)});
  if (at && world_.drawn.patience > 0) wait_for(one.number);
  return one;
}

bool customers::refused(std::size_t number) {
  if (open_.at(number).at != nullptr) return false;
  auto& one = *answered(number);
  one.outcome = operation_outcome::failed;
  one.code = "connection-refused";
  auto next = std::move(open_.extract(number).mapped().next);
  world_.trace([&] { return "operation " + std::to_string(number) + " finds nobody"; });
  world_.after(patience_with_closed_doors, nobody, std::move(next));
  return true;
}

operation* customers::answered(std::size_t number) {
  if (!open_.contains(number)) return nullptr;
  auto& one = operations[number - 1];
  one.completed = world_.stamp();
  return &one;
}

void customers::finish(std::size_t number) {
  const auto& one = operations[number - 1];
  world_.trace([&] {
    return "operation " + std::to_string(number) + " " + std::string(proof::name_of(one.outcome)) + " " +
           std::to_string(one.status) + " " + one.code + (one.replayed ? " replayed" : "") +
           ", reservation " + std::to_string(one.reservation) + ", " + one.answer;
  });
  // The customer goes on by itself, not within the turn of whoever answered.
  world_.after(0, nobody, std::move(open_.extract(number).mapped().next));
}

void customers::cut_off(const node& from) {
  std::vector<std::size_t> cut;
  for (const auto& [number, open] : open_) {
    if (open.at == &from) cut.push_back(number);
  }
  for (const auto number : cut) break_off(number);
}

/// For a node that stands still nobody waits for long.
void customers::wait_for(std::size_t number) {
  world_.after(world_.drawn.patience, nobody, [this, number] {
    const auto open = open_.find(number);
    if (open == open_.end()) return;
    if (!open->second.at->paused()) return wait_for(number);
    world_.trace([&] { return "operation " + std::to_string(number) + " waits no longer"; });
    break_off(number);
  });
}

void customers::break_off(std::size_t number) {
  auto& one = operations[number - 1];
  one.completed = world_.stamp();
  one.outcome = operation_outcome::unknown;
  world_.after(0, nobody, std::move(open_.extract(number).mapped().next));
}

void customers::hear(const http::response& response) {
  for (const auto& [name, value] : response.headers) world_.cards.look("answers", value);
  world_.cards.look("answers", response.body);
}

// --- Operations ---

void customers::place(std::uint32_t customer, const wanted_placement& wanted, then next) {
  auto& one = invoke(customer, operation_kind::place, std::move(next));
  const auto number = one.number;
  one.key = wanted.key;
  one.user_id = wanted.user_id;
  one.price_minor = wanted.price_minor;
  one.currency = "KRW";
  one.request = std::to_string(wanted.user_id) + "/" + std::to_string(wanted.price_minor);
  world_.trace(
      [&] { return "operation " + std::to_string(number) + " places " + one.request + " " + one.key; });
  if (refused(number)) return;
  actors::placement_request request;
  request.what.user_id = wanted.user_id;
  request.what.price = {wanted.price_minor, one.currency};
  request.what.card_last_four = "2832";
  request.card_number = domain::secret(canary_card);
  if (!wanted.key.empty()) request.key = storage::idempotency_claim{wanted.key, hash(one.request)};
  open_.at(number).at->place(std::move(request), [this, number](actors::placement_answer answer) {
    auto* done = answered(number);
    if (!done) return;
    const auto response = http::answer_placement(client, answer);
    hear(response);
    done->status = response.status;
    done->code = code_of(response);
    done->outcome = proof::outcome_of(done->status, done->code);
    done->replayed = answer.replayed;
    if (done->outcome == operation_outcome::ok) {
      done->answer = digest_of(response);
      done->reservation = answer.id;
      done->shown.push_back(observe(answer.id, answer.records));
      ids_.insert(answer.id);
    }
    finish(number);
  });
}

void customers::cancel(std::uint32_t customer, domain::reservation_id id, then next) {
  auto& one = invoke(customer, operation_kind::cancel, std::move(next));
  const auto number = one.number;
  one.reservation = id;
  world_.trace([&] { return "operation " + std::to_string(number) + " cancels " + std::to_string(id); });
  if (refused(number)) return;
  open_.at(number).at->cancel(id, [this, number, id](actors::cancellation_answer answer) {
    auto* done = answered(number);
    if (!done) return;
    const auto response = http::answer_cancellation(client, id, answer);
    hear(response);
    done->status = response.status;
    done->code = code_of(response);
    done->outcome = proof::outcome_of(done->status, done->code);
    finish(number);
  });
}

void customers::read(std::uint32_t customer, domain::reservation_id id, then next) {
  auto& one = invoke(customer, operation_kind::read, std::move(next));
  const auto number = one.number;
  one.reservation = id;
  world_.trace([&] { return "operation " + std::to_string(number) + " reads " + std::to_string(id); });
  if (refused(number)) return;
  open_.at(number).at->read(id, [this, number, id](http::read_answer answer) {
    auto* done = answered(number);
    if (!done) return;
    switch (answer.status) {
      case http::read_status::found:
        done->status = 200;
        done->outcome = operation_outcome::ok;
        done->shown.push_back(observe(id, answer.records));
        world_.cards.look("answers", answer.records);
        break;
      case http::read_status::missing:
        done->status = 404;
        done->outcome = operation_outcome::ok;
        break;
      default:
        done->status = 503;
        done->code = "view-unavailable";
        done->outcome = operation_outcome::failed;
    }
    finish(number);
  });
}

void customers::list(std::uint32_t customer, then next) {
  auto& one = invoke(customer, operation_kind::list, std::move(next));
  const auto number = one.number;
  world_.trace([&] { return "operation " + std::to_string(number) + " lists"; });
  if (refused(number)) return;
  open_.at(number).at->list([this, number](storage::view_result<storage::view_page> page) {
    auto* done = answered(number);
    if (!done) return;
    done->status = page ? 200 : 503;
    done->outcome = page ? operation_outcome::ok : operation_outcome::failed;
    if (!page) done->code = "view-unavailable";
    for (const auto row : page ? page->rows : storage::listed_rows{}) {
      done->shown.push_back(observe(row.id, row.records));
    }
    finish(number);
  });
}

}  // namespace holdfast::simulation
