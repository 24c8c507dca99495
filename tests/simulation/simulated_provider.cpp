#include "tests/simulation/simulated_provider.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::simulation {

namespace {

/// The adapter's time-out for each call.
constexpr moment call_time_out = 620 * millisecond;
constexpr moment latest_landing = 8 * second;
constexpr std::uint32_t most_refund_failures = 3;

std::string transaction_of(domain::reservation_id id, std::size_t number) {
  return "pi_" + std::to_string(id) + "_" + std::to_string(number);
}

}  // namespace

void simulated_provider::crash() {
  kept_.clear();
  for (const auto& one : std::exchange(on_their_way_, {})) {
    if (const auto arrives = one.lock(); arrives && world_.random.chance(30)) *arrives = false;
  }
}

moment simulated_provider::latency() {
  if (world_.strikes(fault::provider_slow, "")) {
    return world_.random.between(call_time_out / 2, 2 * call_time_out);
  }
  return world_.latency(world_.drawn.provider_latency);
}

/// Within the call, as the port allows: for half of what takes no time.
bool simulated_provider::at_once(moment delay) {
  return delay == 0 && world_.drawn.provider_latency == 0 && world_.random.chance(50);
}

void simulated_provider::arriving(moment delay, std::function<void()> what) {
  if (at_once(delay)) return what();
  auto arrives = std::make_shared<bool>(true);
  std::erase_if(on_their_way_, [](const auto& one) { return one.expired(); });
  on_their_way_.push_back(arrives);
  world_.after(delay, nobody, [arrives, what = std::move(what)] {
    if (*arrives) what();
  });
}

template <class Answer>
std::weak_ptr<std::function<void(Answer)>> simulated_provider::keep(std::size_t call,
                                                                    std::function<void(Answer)> done) {
  auto kept = std::make_shared<std::function<void(Answer)>>(std::move(done));
  kept_[call] = kept;
  return kept;
}

template <class Answer>
void simulated_provider::answer_kept(std::size_t call, moment delay, std::string how,
                                     const std::weak_ptr<std::function<void(Answer)>>& done, Answer what) {
  const auto kept = done.lock();
  if (!kept) return;
  kept_.erase(call);
  answer<Answer>(call, delay, std::move(how), std::move(*kept), std::move(what));
}

template <class Answer>
void simulated_provider::answer(std::size_t call, moment delay, std::string how,
                                std::function<void(Answer)> done, Answer what) {
  if (at_once(delay)) {
    answered(call, std::move(how));
    return done(std::move(what));
  }
  world_.after(delay, owner_,
               [this, call, how = std::move(how), done = std::move(done), what = std::move(what)] {
                 answered(call, how);
                 done(what);
               });
}

// --- Books ---

std::size_t simulated_provider::note(enum proof::provider_call::kind what, domain::reservation_id id,
                                     std::string key) {
  world_.trace([&] { return "provider is called for " + std::to_string(id) + ", key " + key; });
  books_.calls.push_back({what, id, std::move(key), world_.stamp(), "no answer", node_});
  return books_.calls.size() - 1;
}

void simulated_provider::answered(std::size_t call, std::string how) {
  world_.trace([&] { return "provider answers for " + books_.calls[call].key + ": " + how; });
  books_.calls[call].answer = std::move(how);
}

void simulated_provider::write_ledger(enum proof::ledger_line::kind what, domain::reservation_id id,
                                      const std::string& key, const std::string& transaction,
                                      const domain::money& amount) {
  world_.trace([&] {
    return "ledger " + std::string(what == proof::ledger_line::kind::charge ? "charge " : "refund ") + key;
  });
  books_.ledger.push_back({what, key, id, transaction, amount.amount_minor, amount.currency, world_.stamp()});
}

std::string simulated_provider::capture_once(const payments::charge_request& request, bool confirms_another) {
  auto& of = books_.accounts[request.reservation];
  const auto known = std::find_if(of.captures.begin(), of.captures.end(),
                                  [&](const auto& one) { return one.key == request.idempotency_key; });
  if (known != of.captures.end() && !world_.strikes(fault::keys_forgotten, request.idempotency_key)) {
    return known->transaction;
  }
  if (of.closed && !confirms_another) return {};
  const auto transaction = transaction_of(request.reservation, of.captures.size() + 1);
  of.captures.push_back({request.idempotency_key, transaction});
  write_ledger(proof::ledger_line::kind::charge, request.reservation, request.idempotency_key, transaction,
               request.price);
  return transaction;
}

/// One that forgets keys has forgotten that of a charge which comes when all there was is settled, and makes
/// another intent, which its caller confirms if he lives and has not lost the reservation.
bool simulated_provider::makes_another(const payments::charge_request& request) {
  if (!books_.accounts[request.reservation].closed || world_.faults_over()) return false;
  if (!world_.drawn.has(fault::keys_forgotten)) return false;
  world_.note(fault::keys_forgotten, request.idempotency_key + ", settled");
  return true;
}

/// The first capture stands, every further one is given back.
std::string simulated_provider::settle_now(const payments::settle_request& request) {
  auto& of = books_.accounts[request.reservation];
  of.closed = true;
  for (std::size_t i = 1; i < of.captures.size(); ++i) {
    if (std::exchange(of.captures[i].refunded, true)) continue;
    write_ledger(proof::ledger_line::kind::refund, request.reservation, request.charge_key + "-surplus",
                 of.captures[i].transaction, request.price);
  }
  return of.captures.empty() ? std::string() : of.captures.front().transaction;
}

std::string simulated_provider::refund_now(const payments::refund_request& request) {
  auto& of = books_.accounts[request.reservation];
  const auto [known, fresh] = of.refunds.emplace(
      request.idempotency_key, "re_" + request.transaction_id + "_" + std::to_string(of.refunds.size() + 1));
  if (fresh) {
    write_ledger(proof::ledger_line::kind::refund, request.reservation, request.idempotency_key,
                 request.transaction_id, request.price);
  }
  return known->second;
}

// --- Calls ---

void simulated_provider::charge(payments::charge_request request,
                                std::function<void(payments::charge_answer)> done) {
  using payments::charge_answer;
  using payments::charge_status;
  if (ignored_) return;
  const auto id = request.reservation;
  const auto call = note(proof::provider_call::kind::charge, id, request.idempotency_key);
  const auto detail = std::to_string(id);
  if (books_.now == state::down) {
    return answer<charge_answer>(call, world_.latency(millisecond), "connection refused", done,
                                 {charge_status::not_charged, {}, "connection refused"});
  }
  const charge_answer unknown{charge_status::unknown, {}, "no answer"};
  const bool lands_late = world_.strikes(fault::lands_late, detail);
  if (lands_late || books_.now == state::silent || world_.strikes(fault::charged_without_answer, detail)) {
    const auto longest = lands_late ? latest_landing : call_time_out;
    arriving(world_.random.between(0, longest),
             [this, request = std::move(request)] { capture_once(request); });
    return answer(call, call_time_out, "no answer in time", done, unknown);
  }
  if (world_.strikes(fault::provider_errors, "charge " + detail)) {
    const bool after = world_.random.chance(30);
    if (after) arriving(0, [this, request = std::move(request)] { capture_once(request); });
    return answer<charge_answer>(call, latency(), "server error", done,
                                 {charge_status::unknown, {}, "server error", world_.random.chance(30)});
  }
  if (world_.strikes(fault::declines, detail)) {
    return answer<charge_answer>(call, latency(), "declined", done,
                                 {charge_status::declined, {}, "card_declined"});
  }
  const auto way_there = latency();
  const auto way_back = latency();
  if (way_there + way_back >= call_time_out) {
    arriving(way_there, [this, request = std::move(request)] { capture_once(request); });
    return answer(call, call_time_out, "no answer in time", done, unknown);
  }
  arriving(way_there,
           [this, call, way_back, request = std::move(request), done = keep(call, std::move(done))] {
             const bool confirms_another = !done.expired() && makes_another(request) && !request.lost();
             const auto transaction = capture_once(request, confirms_another);
             const auto status = transaction.empty() ? charge_status::not_charged : charge_status::captured;
             answer_kept<charge_answer>(call, way_back, transaction.empty() ? "cancelled before" : "captured",
                                        done, {status, transaction, {}});
           });
}

void simulated_provider::settle(payments::settle_request request,
                                std::function<void(payments::settle_answer)> done) {
  using payments::settle_answer;
  using payments::settle_status;
  if (ignored_) return;
  const auto call = note(proof::provider_call::kind::settle, request.reservation, request.charge_key);
  const auto detail = "settle " + std::to_string(request.reservation);
  const settle_answer unknown{settle_status::unknown, {}, "no answer"};
  if (books_.now != state::up) {
    const auto delay = books_.now == state::silent ? call_time_out : world_.latency(millisecond);
    return answer(call, delay, "not there", done, unknown);
  }
  const bool before = world_.strikes(fault::provider_errors, detail);
  if (before) return answer(call, latency(), "server error", done, unknown);
  const bool after = world_.strikes(fault::provider_errors, detail + ", answer lost");
  const auto way_back = latency();
  arriving(latency(), [this, call, way_back, after, unknown, request = std::move(request),
                       done = keep(call, std::move(done))] {
    const bool known = !books_.accounts[request.reservation].captures.empty();
    const auto transaction = settle_now(request);
    if (known && world_.strikes(fault::keys_forgotten, request.charge_key))
      return answer_kept(call, way_back, "not found by its key", done, unknown);
    if (after) return answer_kept(call, way_back, "settled, answer lost", done, unknown);
    const auto status = transaction.empty() ? settle_status::not_charged : settle_status::captured;
    answer_kept<settle_answer>(call, way_back, transaction.empty() ? "not charged" : "captured", done,
                               {status, transaction, {}});
  });
}

void simulated_provider::refund(payments::refund_request request,
                                std::function<void(payments::refund_answer)> done) {
  using payments::refund_answer;
  using payments::refund_status;
  if (ignored_) return;
  const auto call = note(proof::provider_call::kind::refund, request.reservation, request.idempotency_key);
  const auto detail = std::to_string(request.reservation);
  const refund_answer unknown{refund_status::unknown, {}, "no answer"};
  if (books_.now != state::up) {
    const auto delay = books_.now == state::silent ? call_time_out : world_.latency(millisecond);
    return answer(call, delay, "not there", done, unknown);
  }
  auto& of = books_.accounts[request.reservation];
  if (of.refund_tries < most_refund_failures && world_.strikes(fault::refund_fails, detail)) {
    ++of.refund_tries;
    return answer(call, latency(), "server error", done, unknown);
  }
  const bool lost = world_.strikes(fault::provider_errors, "refund " + detail + ", answer lost");
  const auto way_back = latency();
  arriving(latency(), [this, call, way_back, lost, unknown, request = std::move(request),
                       done = keep(call, std::move(done))] {
    const bool known = books_.accounts[request.reservation].refunds.contains(request.idempotency_key);
    const auto refund = refund_now(request);
    if (known && world_.strikes(fault::keys_forgotten, request.idempotency_key)) {
      return answer_kept(call, way_back, "refunded already, by whom is not known", done, unknown);
    }
    if (lost) return answer_kept(call, way_back, "refunded, answer lost", done, unknown);
    answer_kept<refund_answer>(call, way_back, "refunded", done, {refund_status::refunded, refund, {}});
  });
}

}  // namespace holdfast::simulation
