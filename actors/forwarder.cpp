#include "actors/forwarder.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <utility>
#include <vector>

#include "actors/node_network.hpp"
#include "actors/router.hpp"

namespace holdfast::actors {

namespace {

/// No client can send it in a key of its own.
constexpr char own_key_mark = '\x01';

template <class Call>
void hand_to(const shard_actor& shard, Call& call) {
  caf::anon_send(shard, std::move(call));
}

// What was asked of a node that went down may be done all the same, later even than what was asked next: so
// an answer that this is without effect says nothing of it. Who asks again hears what has become of it.
bool says_too_little(const placement_answer& answer) {
  return answer.status == placement_status::key_in_use || answer.status == placement_status::overloaded;
}
bool says_too_little(const operation_answer& answer) {
  return answer.status == operation_status::unknown_reservation ||
         answer.status == operation_status::overloaded;
}
bool says_too_little(const cancellation_answer& answer) {
  return answer.status == cancellation_status::unknown_reservation ||
         answer.status == cancellation_status::overloaded;
}

/// Where its answer would say too little, it is unavailable.
template <class Answer>
void doubt(reply<Answer>& to) {
  to = reply<Answer>([to = std::move(to)](Answer answer) mutable {
    to.deliver(says_too_little(answer) ? Answer{} : std::move(answer));
  });
}

}  // namespace

void forwarder_state::start(self_pointer self, surroundings_ptr around, std::shared_ptr<routes> served) {
  self_ = self;
  around_ = std::move(around);
  served_ = std::move(served);
}

// --- Commands ---

void forwarder_state::place(placement_call& call) {
  if (!call.request.key) {
    if (const auto here = served_->next()) return hand_to(here, call);
    give_key(call);
  }
  const auto shard = shard_of_key(*call.request.key);
  take(std::move(call), shard);
}

void forwarder_state::cancel(cancellation_call& call) {
  const auto shard = storage::shard_of(call.what.id);
  take(call, shard);
}

void forwarder_state::operate(operation_call& call) {
  const auto shard = storage::shard_of(call.what.id);
  take(call, shard);
}

/// Who placed it knows nothing of the key, and so of no replay.
void forwarder_state::give_key(placement_call& call) {
  const auto number = std::to_string(last_ticket_ + 1);
  call.request.key = storage::idempotency_claim{own_key_mark + around_->options.node.name + "/" + number, 0};
  call.to = reply<placement_answer>([to = std::move(call.to)](placement_answer answer) mutable {
    answer.replayed = false;
    to.deliver(std::move(answer));
  });
}

void forwarder_state::take(any_call call, storage::shard_id shard) {
  const auto number = ++last_ticket_;
  auto& one = errands_[number];
  one = {std::move(call), shard, clock() + longest_search_for_owner, {}, 0, 0};
  looking_.insert(number);
  around_->cluster->forwarded();
  try_to_ask(number, one);
  schedule();
}

// --- Owners ---

/// Null where that is nobody, or this node.
const std::string* forwarder_state::address_of(storage::member_index member) const {
  if (member == storage::nobody) return nullptr;
  const auto& one = cluster_->members[member];
  return one.name == around_->options.node.name || one.address.empty() ? nullptr : &one.address;
}

/// Null where it has to be found first.
node_gate_actor forwarder_state::gate_at(const std::string& address) {
  auto& known = neighbours_[address];
  if (!known.gate && clock() >= known.again_at) {
    known.again_at = clock() + longest_search_for_owner;
    around_->network->find(address, [address, self = caf::actor_cast<forwarder_actor>(self_)](auto gate) {
      if (gate) {
        caf::anon_send(self, gate_found{address, caf::actor_cast<caf::strong_actor_ptr>(*gate), {}});
      } else {
        caf::anon_send(self, gate_found{address, nullptr, gate.error()});
      }
    });
  }
  return known.gate;
}

void forwarder_state::found(const gate_found& what) {
  const auto place = neighbours_.find(what.address);
  // Nobody is there any more.
  if (place == neighbours_.end()) return;
  auto& known = place->second;
  if (!what.gate) {
    if (!std::exchange(known.missed, true)) spdlog::warn("{}; trying again", what.why_not);
    known.again_at = clock() + search_interval;
    return;
  }
  known.gate = caf::actor_cast<node_gate_actor>(what.gate);
  known.missed = false;
  self_->monitor(known.gate);
  look();
}

void forwarder_state::gate_down(const caf::down_msg& down) {
  for (auto& [address, known] : neighbours_) {
    if (!known.gate || known.gate.address() != down.source) continue;
    known = {};
    return take_back_from(address);
  }
}

void forwarder_state::changed(const cluster_changed& what) {
  cluster_ = what.state;
  std::set<std::string> there;
  for (const auto& member : cluster_->members) there.insert(member.address);
  std::vector<std::string> gone;
  for (const auto& [address, known] : neighbours_) {
    if (!there.contains(address)) gone.push_back(address);
  }
  for (const auto& address : gone) {
    neighbours_.erase(address);
    take_back_from(address);
  }
  look();
}

void forwarder_state::take_back_from(const std::string& address) {
  for (auto& [number, one] : errands_) {
    if (one.asked == address) look_again(number, one);
  }
  schedule();
}

// --- Asking ---

/// True if it was handed on, and may be gone.
bool forwarder_state::try_to_ask(ticket number, errand& one) {
  // It may have come here meanwhile.
  if (const auto here = served_->find(one.shard)) {
    if (one.losses > 0) std::visit([](auto& call) { doubt(call.to); }, one.call);
    std::visit([&](auto& call) { hand_to(here, call); }, one.call);
    looking_.erase(number);
    errands_.erase(number);
    return true;
  }
  const auto* owner = cluster_ ? address_of(cluster_->owners[one.shard]) : nullptr;
  if (owner == nullptr) return false;
  const auto gate = gate_at(*owner);
  if (!gate) return false;
  one.asked = *owner;
  looking_.erase(number);
  ask(number, one, gate);
  return true;
}

void forwarder_state::ask(ticket number, errand& one, const node_gate_actor& gate) {
  const auto asked = ++one.asks;
  const auto fail = [this, number, asked](const caf::error& why) { failed(number, asked, why); };
  if (auto* placement = std::get_if<placement_call>(&one.call)) {
    self_->request(gate, around_->options.payment_wait + longest_way, place_reservation{placement->request})
        .then([this, number, asked](placement_answer& answer) { answered(number, asked, answer); }, fail);
  } else if (auto* operation = std::get_if<operation_call>(&one.call)) {
    self_->request(gate, around_->options.cancel_wait + longest_way, operation->what)
        .then([this, number, asked](operation_answer& answer) { answered(number, asked, answer); }, fail);
  } else {
    self_
        ->request(gate, around_->options.cancel_wait + longest_way,
                  std::get<cancellation_call>(one.call).what)
        .then([this, number, asked](cancellation_answer& answer) { answered(number, asked, answer); }, fail);
  }
}

template <class Answer>
void forwarder_state::answered(ticket number, int ask, Answer& answer) {
  const auto found = errands_.find(number);
  if (found == errands_.end() || found->second.asks != ask || found->second.asked.empty()) return;
  auto& one = found->second;
  if (answer.status == decltype(answer.status)::elsewhere || (one.losses > 0 && says_too_little(answer))) {
    // What it knew of owners was old, here or there: the next look may know better.
    one.asked.clear();
    looking_.insert(number);
    return schedule();
  }
  std::visit(
      [&](auto& call) {
        if constexpr (std::is_same_v<decltype(call.to), reply<Answer>>) call.to.deliver(std::move(answer));
      },
      one.call);
  errands_.erase(found);
}

template <class Command>
caf::typed_response_promise<receipt_answer> forwarder_state::hand_to_book(Command what) {
  auto to = self_->make_response_promise<receipt_answer>();
  const auto shard = storage::shard_of(what.reservation);
  const auto* keeper =
      cluster_ ? address_of(keeper_of(*cluster_, shard, &storage::member_roles::receipt)) : nullptr;
  const auto gate = keeper != nullptr ? gate_at(*keeper) : node_gate_actor();
  if (!gate) {
    to.deliver(caf::make_error(caf::sec::runtime_error, "no node that keeps the book is in reach"));
    return to;
  }
  what.from_other_node = true;
  self_->request(gate, longest_wait_for_book, what)
      .then([to](receipt_answer& answer) mutable { to.deliver(std::move(answer)); },
            [to](caf::error& why) mutable { to.deliver(std::move(why)); });
  return to;
}

void forwarder_state::failed(ticket number, int ask, const caf::error& why) {
  const auto found = errands_.find(number);
  if (found == errands_.end() || found->second.asks != ask || found->second.asked.empty()) return;
  // Who did not answer in that time has kept its customer waiting for long enough.
  if (why == caf::sec::request_timeout) {
    errands_.erase(found);
    return;
  }
  look_again(number, found->second);
  schedule();
}

void forwarder_state::look_again(ticket number, errand& one) {
  one.asked.clear();
  one.give_up_at = ++one.losses < most_losses ? clock() + longest_search_for_owner : clock();
  looking_.insert(number);
  around_->cluster->asked_again();
}

void forwarder_state::tick_due() {
  ticking_ = false;
  look();
}

void forwarder_state::look() {
  const std::vector<ticket> waiting(looking_.begin(), looking_.end());
  for (const auto number : waiting) {
    auto& one = errands_.at(number);
    if (clock() < one.give_up_at) {
      try_to_ask(number, one);
      continue;
    }
    // Dropped, and with it the reply that it owes: that it is unavailable.
    looking_.erase(number);
    errands_.erase(number);
  }
  schedule();
}

void forwarder_state::schedule() {
  if (looking_.empty() || std::exchange(ticking_, true)) return;
  self_->delayed_send(self_, search_interval, tick{});
}

forwarder_actor::behavior_type forwarder(forwarder_state::self_pointer self, surroundings_ptr around,
                                         std::shared_ptr<routes> served) {
  self->state.start(self, std::move(around), std::move(served));
  self->set_down_handler([self](caf::down_msg& down) { self->state.gate_down(down); });
  return {
      [self](placement_call& call) { self->state.place(call); },
      [self](cancellation_call& call) { self->state.cancel(call); },
      [self](operation_call& call) { self->state.operate(call); },
      [self](const issue_receipt& what) { return self->state.hand_to_book(what); },
      [self](const void_receipt& what) { return self->state.hand_to_book(what); },
      [self](const cluster_changed& what) { self->state.changed(what); },
      [self](const gate_found& what) { self->state.found(what); },
      [self](tick) { self->state.tick_due(); },
  };
}

}  // namespace holdfast::actors
