#include "tests/chaos/recorded_customers.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "tests/chaos/observation.hpp"
#include "tests/proof/contract.hpp"
#include "tests/proof/names.hpp"
#include "tests/support/customers.hpp"

namespace holdfast::chaos {

namespace {

using proof::operation;
using proof::operation_kind;
using proof::operation_outcome;
using std::chrono::milliseconds;

/// While there is no server, or none that does what it is asked.
constexpr milliseconds before_the_next_try{20};
/// At rest, of a cluster: a node may learn only by its first append that its claim of the shard is old. It
/// claims anew, and has to serve who asks again.
constexpr int asks_of_a_cluster_at_rest = 3;
constexpr milliseconds before_asking_again{500};
/// Every user is asked for by one key, or by one placement without a key.
constexpr std::uint64_t users_of_one_customer = 10'000'000;
constexpr std::uint64_t highest_price = 1'000'000;
constexpr const char* currency = "KRW";

std::string digest(const std::string& text) {
  return std::to_string(std::hash<std::string>{}(text));
}

std::string placement_body(std::uint64_t user, std::int64_t price, const std::string& card) {
  return R"({"userId":)" + std::to_string(user) + R"(,"price":)" + std::to_string(price) + R"(,"cardNo":")" +
         card + "\"}";
}

}  // namespace

recorded_customer::recorded_customer(std::uint32_t number, std::uint64_t seed, recorder& into, fronts where,
                                     std::optional<milliseconds> patience)
    : number_(number),
      seed_(seed),
      random_(seed),
      into_(into),
      fronts_(std::move(where)),
      patience_(patience),
      clients_(fronts_.size()) {}

bool recorded_customer::connected() {
  if (fronts_.size() > 1) turned_to_ = draw(fronts_.size());
  const auto& to = *fronts_[turned_to_];
  auto& client = clients_[turned_to_];
  const auto port = to.port.load();
  if (client || port == 0) return client != nullptr;
  const auto deadline = auditing_ || !patience_ ? testing::answer_deadline : *patience_;
  try {
    client = std::make_unique<testing::http_client>(port, to.address, deadline);
    if (!to.key.empty()) client->identify_by(to.key);
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

bool recorded_customer::act() {
  if (!connected()) return false;
  const auto whom = into_.any_reservation(random_);
  const auto chance = draw(20);
  if (chance < 3 && whom != 0) {
    cancel(whom);
  } else if (chance < 6 && whom != 0) {
    read(whom);
  } else if (chance < 8 && !keyed_.empty()) {
    repeat(keyed_[keyed_.size() - 1 - draw(std::min<std::size_t>(keyed_.size(), 20))], draw(8) == 0);
  } else if (chance == 8) {
    list();
  } else {
    place();
  }
  return !std::exchange(told_to_wait_, false);
}

void recorded_customer::repeat_keys(std::size_t at_most) {
  auditing_ = true;
  // The servers have closed what was idle for as long as rest took.
  for (auto& each : clients_) each.reset();
  for (std::size_t i = 0; i < keyed_.size(); ++i) {
    auto& each = keyed_[i];
    if (each.final && i + at_most < keyed_.size()) continue;
    if (!ask_at_rest(each)) return into_.complain("nobody can be reached at the end");
  }
  auditing_ = false;
}

bool recorded_customer::ask_at_rest(keyed_placement& what) {
  for (asks_left_ = fronts_.size() > 1 ? asks_of_a_cluster_at_rest : 1; asks_left_ > 0;) {
    --asks_left_;
    if (!connected()) return false;
    repeat(what, false);
    if (!std::exchange(told_to_wait_, false)) return true;
    if (asks_left_ > 0) testing::eventually([] { return false; }, before_asking_again);
  }
  return true;
}

operation recorded_customer::begin(operation_kind kind) const {
  operation one;
  one.number = into_.next_number();
  one.client = number_;
  one.audit = auditing_;
  one.kind = kind;
  one.node = fronts_[turned_to_]->node;
  return one;
}

template <class Request>
void recorded_customer::perform(operation& one, Request request) {
  auto& client = clients_[turned_to_];
  one.invoked = into_.now();
  try {
    const testing::raw_response answer = request(*client);
    one.completed = into_.now();
    take(one, answer);
    if (answer.header("connection") == "close") client.reset();
  } catch (const testing::deadline_passed&) {
    // Whoever is patient should have had an answer; the others cut themselves off.
    const bool patient = auditing_ || !patience_;
    if (!patient) one.completed = into_.now();
    one.outcome = patient ? operation_outcome::pending : operation_outcome::unknown;
    client.reset();
  } catch (const std::exception&) {
    one.completed = into_.now();
    one.outcome = operation_outcome::unknown;
    client.reset();
  }
  into_.add(one);
}

void recorded_customer::take(operation& one, const testing::raw_response& answer) {
  one.status = static_cast<std::uint32_t>(answer.status);
  if (answer.status >= 400) one.code = testing::text_at(answer, "/code");
  one.outcome = proof::outcome_of(one.status, one.code);
  told_to_wait_ = answer.has_header("retry-after");
  if (asks_left_ > 0 && one.code == "unavailable") one.audit = false;
  if (one.kind == operation_kind::place) {
    one.reservation = testing::id_in(answer);
    one.replayed = answer.header("idempotent-replayed") == "true";
    one.answer = digest(std::to_string(answer.status) + answer.header("location") + answer.body);
  }
  const bool shows_one = answer.status / 100 == 2 && !answer.body.empty();
  if (shows_one && one.kind != operation_kind::list) {
    one.shown.push_back(observed(testing::parse_json(answer.body)));
  }
  if (shows_one && one.kind == operation_kind::list) {
    const auto page = testing::parse_json(answer.body);
    for (const auto& each : page["_embedded"]["myReservations"].GetArray())
      one.shown.push_back(observed(each));
  }
  complain_if_odd(one, answer);
}

void recorded_customer::complain_if_odd(const operation& one, const testing::raw_response& answer) {
  if (proof::is_in_the_contract(one)) return;
  into_.complain("operation " + std::to_string(one.number) + " (" + std::string(proof::name_of(one.kind)) +
                 ") was answered " + answer.status_line + " " + answer.body);
}

void recorded_customer::place() {
  auto one = begin(operation_kind::place);
  one.user_id = number_ * users_of_one_customer + ++placed_;
  one.price_minor = static_cast<std::int64_t>(draw(highest_price));
  const bool declined = draw(20) == 0;
  const auto body = placement_body(one.user_id, one.price_minor, declined ? "4000000000000002" : canary_card);
  if (draw(2) == 0) return send_placement(one, body, nullptr);
  keyed_.push_back(
      {std::to_string(seed_) + "-" + std::to_string(placed_), body, one.user_id, one.price_minor});
  send_placement(one, body, &keyed_.back());
}

void recorded_customer::repeat(keyed_placement& what, bool with_other_fields) {
  auto one = begin(operation_kind::place);
  one.user_id = what.user;
  one.price_minor = with_other_fields ? what.price + 1 : what.price;
  if (!with_other_fields) return send_placement(one, what.body, &what);
  // Where the first never arrived, this is the one that takes the key.
  keyed_placement other{what.key, placement_body(what.user, what.price + 1, canary_card), what.user, 0};
  send_placement(one, other.body, &other);
}

void recorded_customer::send_placement(operation& one, const std::string& body, keyed_placement* keyed) {
  one.currency = currency;
  one.request = digest(body);
  if (!keyed) return perform(one, [&](auto& client) { return client.place(body); });
  one.key = keyed->key;
  perform(one, [&](auto& client) { return client.place_with_key(body, keyed->key); });
  const bool decided = one.outcome == operation_outcome::ok && one.status != 202;
  keyed->final = keyed->final || decided;
}

void recorded_customer::cancel(proof::reservation_id whom) {
  auto one = begin(operation_kind::cancel);
  one.reservation = whom;
  perform(one, [&](auto& client) { return client.del("/preReservations/" + std::to_string(whom)); });
}

void recorded_customer::read(proof::reservation_id whom) {
  auto one = begin(operation_kind::read);
  one.reservation = whom;
  const std::string collection = draw(2) == 0 ? "/preReservations/" : "/myReservations/";
  perform(one, [&](auto& client) { return client.get(collection + std::to_string(whom)); });
}

void recorded_customer::list() {
  auto one = begin(operation_kind::list);
  perform(one, [](auto& client) { return client.get("/myReservations?size=20&sort=createdAt,desc"); });
}

recorded_crowd::recorded_crowd(const crowd_options& options, recorder& into) {
  std::mt19937_64 seeds(options.seed);
  for (int i = 0; i < options.size; ++i) {
    const auto number = options.first_number + static_cast<std::uint32_t>(i);
    customers_.push_back(std::make_unique<recorded_customer>(number, seeds(), into, options.where,
                                                             i % 2 == 1 ? options.patience : std::nullopt));
  }
}

void recorded_crowd::begin() {
  leaving_ = false;
  for (auto& each : customers_) threads_.emplace_back([this, &each] { work(*each); });
}

void recorded_crowd::leave() {
  leaving_ = true;
  for (auto& each : threads_) each.join();
  threads_.clear();
}

void recorded_crowd::repeat_keys(std::size_t at_most_of_each) {
  for (auto& each : customers_) each->repeat_keys(at_most_of_each);
}

void recorded_crowd::work(recorded_customer& one) {
  while (!leaving_) {
    if (one.act()) {
      ++requests_;
    } else {
      testing::eventually([&] { return leaving_.load(); }, before_the_next_try);
    }
  }
}

}  // namespace holdfast::chaos
