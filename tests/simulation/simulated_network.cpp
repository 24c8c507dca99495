#include "tests/simulation/simulated_network.hpp"

#include <algorithm>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/logger.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

namespace holdfast::simulation {

namespace {

/// Of the real one: `caf_network`.
constexpr moment silent_for = 2 * second;
constexpr moment longest_try = 2 * second;
constexpr moment slowest_message = 3 * second;
constexpr moment latest_arrival_of_message = 4 * second;

struct link_state {
  template <class Answer>
  using promises = std::map<std::uint64_t, caf::typed_response_promise<Answer>>;

  network_port* port = nullptr;
  network_port::link_number number = 0;
  std::uint64_t last_ticket = 0;
  promises<actors::placement_answer> placements;
  promises<actors::cancellation_answer> cancellations;
  promises<actors::operation_answer> operations;
  promises<actors::receipt_answer> receipts;
  static inline const char* name = "link";

  template <class Answer>
  caf::typed_response_promise<Answer> carry(link_actor::stateful_pointer<link_state> self,
                                            promises<Answer>& waiting, const carried_command& what) {
    const auto ticket = ++last_ticket;
    port->carry(number, ticket, what);
    return waiting[ticket] = self->make_response_promise<Answer>();
  }

  template <class Answer, class Value>
  static void deliver(promises<Answer>& waiting, std::uint64_t ticket, const Value& what) {
    if (auto one = waiting.extract(ticket)) one.mapped().deliver(what);
  }
  void answer(const carried_back& back) {
    if (const auto* placed = std::get_if<actors::placement_answer>(&back.what)) {
      deliver(placements, back.ticket, *placed);
    } else if (const auto* cancelled = std::get_if<actors::cancellation_answer>(&back.what)) {
      deliver(cancellations, back.ticket, *cancelled);
    } else if (const auto* operated = std::get_if<actors::operation_answer>(&back.what)) {
      deliver(operations, back.ticket, *operated);
    } else if (const auto* receipt = std::get_if<actors::receipt_answer>(&back.what)) {
      deliver(receipts, back.ticket, *receipt);
    } else {
      const auto& why = std::get<caf::error>(back.what);
      deliver(placements, back.ticket, why);
      deliver(cancellations, back.ticket, why);
      deliver(operations, back.ticket, why);
      deliver(receipts, back.ticket, why);
    }
  }
};

link_actor::behavior_type link_to_gate(link_actor::stateful_pointer<link_state> self, network_port* port,
                                       network_port::link_number number) {
  auto& state = self->state;
  state.port = port;
  state.number = number;
  return {
      [self](const actors::place_reservation& what) {
        return self->state.carry(self, self->state.placements, what);
      },
      [self](const actors::cancel_reservation& what) {
        return self->state.carry(self, self->state.cancellations, what);
      },
      [self](const actors::operator_command& what) {
        return self->state.carry(self, self->state.operations, what);
      },
      [self](const actors::issue_receipt& what) {
        return self->state.carry(self, self->state.receipts, what);
      },
      [self](const actors::void_receipt& what) {
        return self->state.carry(self, self->state.receipts, what);
      },
      [](const actors::gate_placed&) {},
      [](const actors::gate_cancelled&) {},
      [](const actors::gate_operated&) {},
      [self](const carried_back& back) { self->state.answer(back); },
  };
}

template <class Command>
struct answer_to {
  using type = actors::receipt_answer;
};
template <>
struct answer_to<actors::place_reservation> {
  using type = actors::placement_answer;
};
template <>
struct answer_to<actors::cancel_reservation> {
  using type = actors::cancellation_answer;
};

template <>
struct answer_to<actors::operator_command> {
  using type = actors::operation_answer;
};

/// Asks the gate in its own system, for somebody far away.
template <class Command>
void ask_gate(caf::event_based_actor* self, const actors::node_gate_actor& gate, const Command& what,
              const std::function<void(const carried_answer&)>& answered) {
  self->monitor(gate);
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  self->request(gate, caf::infinite, what)
      .then(
          [self, answered](const typename answer_to<Command>::type& answer) {
            answered(answer);
            self->quit();
          },
          [self, answered](const caf::error& why) {
            answered(why);
            self->quit();
          });
}

}  // namespace

// --- Cables ---

void simulated_network::cut(owner from, owner to) {
  cut_.insert({from, to});
  watch_silence(from, to);
}

void simulated_network::watch_silence(owner one, owner other) {
  world_.after(silent_for, nobody, [this, one, other] {
    const auto silent = [&](owner from, owner to) {
      return !passes(from, to) || ports_.at(from - 1)->paused_;
    };
    if (!silent(one, other) && !silent(other, one)) return;
    ports_.at(one - 1)->break_links([other](const auto& link) { return link.to == other; }, silent_for);
    ports_.at(other - 1)->break_links([one](const auto& link) { return link.to == one; }, silent_for);
  });
}

network_port* simulated_network::at(const std::string& address) const {
  const auto found =
      std::find_if(ports_.begin(), ports_.end(), [&](const auto* port) { return port->address_ == address; });
  return found == ports_.end() || !(*found)->gate_ ? nullptr : *found;
}

// --- A node comes and goes ---

network_port::network_port(world& in, simulated_network& network, owner of)
    : world_(in), network_(network), owner_(of) {
  network_.ports_.push_back(this);
}

void network_port::start(caf::actor_system& system, std::string address) {
  system_ = &system;
  address_ = std::move(address);
}

void network_port::crash() {
  for (auto& [number, one] : std::exchange(links_, {})) {
    caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
  }
  for (auto* other : network_.ports_) {
    if (other == this) continue;
    other->break_links([this](const auto& link) { return link.to == owner_; }, silent_for);
  }
  gate_ = nullptr;
  address_.clear();
  system_ = nullptr;
  paused_ = false;
}

void network_port::pause() {
  paused_ = true;
  for (const auto* other : network_.ports_) {
    if (other != this) network_.watch_silence(owner_, other->owner_);
  }
}

void network_port::publish(const actors::node_gate_actor& gate,
                           std::function<void(tl::expected<std::string, std::string>)> done) {
  gate_ = gate;
  done(address_);
}

void network_port::find(const std::string& address,
                        std::function<void(tl::expected<actors::node_gate_actor, std::string>)> done) {
  const auto reachable = [this, address] {
    auto* to = network_.at(address);
    const bool open = to != nullptr && !to->paused_ && network_.passes(owner_, to->owner_) &&
                      network_.passes(to->owner_, owner_);
    return open ? to : nullptr;
  };
  const auto delay = reachable() ? 2 * way() : world_.random.between(0, longest_try);
  world_.after(delay, owner_, [this, reachable, address, done = std::move(done)] {
    auto* to = reachable();
    if (to == nullptr) return done(tl::unexpected("no way from " + address_ + " to " + address));
    done(actors::node_gate_actor(connect(*to)));
  });
}

link_actor network_port::connect(network_port& to) {
  const auto number = ++last_link_;
  auto actor = system_->spawn(link_to_gate, this, number);
  caf::logger::set_current_actor_system(nullptr);
  links_[number] = {actor, to.address_, to.owner_};
  world_.trace([&] { return address_ + " connects to " + to.address_; });
  return actor;
}

void network_port::break_links(const std::function<bool(const link&)>& which, moment within) {
  for (const auto& [number, one] : links_) {
    if (!which(one)) continue;
    world_.after(world_.random.between(0, within), owner_, [this, number = number] { break_link(number); });
  }
}

void network_port::break_link(link_number which) {
  const auto found = links_.find(which);
  if (found == links_.end()) return;
  world_.trace([&] { return address_ + " loses its connection to " + found->second.to_address; });
  caf::anon_send_exit(found->second.actor, caf::exit_reason::remote_link_unreachable);
  links_.erase(found);
}

// --- Commands and answers ---

moment network_port::way() {
  if (world_.strikes(fault::network_slow, address_)) return world_.random.between(0, slowest_message);
  return world_.latency(world_.drawn.network_latency);
}

void network_port::carry(link_number over, std::uint64_t ticket, const carried_command& what) {
  const auto found = links_.find(over);
  if (found == links_.end()) return;
  const auto& to = found->second.to_address;
  const auto detail = address_ + " to " + to;
  auto delay = way();
  // It may come behind the one that is asked anew: it waits in the sockets of a connection that is gone.
  const bool comes_twice = world_.strikes(fault::message_twice, detail);
  if (comes_twice) delay = world_.random.between(0, latest_arrival_of_message);
  if (comes_twice || world_.strikes(fault::link_breaks, detail)) {
    world_.after(way(), owner_, [this, over] { break_link(over); });
  }
  if (world_.strikes(fault::message_lost, detail)) return;
  world_.after(delay, nobody, [this, to, over, ticket, what, from = owner_] {
    auto* there = network_.at(to);
    if (there && network_.passes(from, there->owner_)) there->arrive(what, from, over, ticket);
  });
}

/// Nobody's turn: the actor that asks is scheduled in this node's own system.
void network_port::arrive(const carried_command& what, owner from, link_number over, std::uint64_t ticket) {
  world_.trace([&] { return address_ + " is asked by node " + std::to_string(from); });
  const std::function<void(const carried_answer&)> send_back =
      [this, from, over, ticket](const carried_answer& told) { answered(from, over, ticket, told); };
  system_->spawn([gate = gate_, what, send_back](caf::event_based_actor* self) {
    std::visit([&](const auto& command) { ask_gate(self, gate, command, send_back); }, what);
  });
  caf::logger::set_current_actor_system(nullptr);
}

void network_port::answered(owner to, link_number over, std::uint64_t ticket, const carried_answer& what) {
  if (world_.strikes(fault::message_lost, "answer of " + address_)) return;
  world_.after(way(), nobody, [this, to, over, ticket, what, from = owner_] {
    if (network_.passes(from, to)) network_.ports_.at(to - 1)->deliver(over, ticket, what);
  });
}

/// Over a link that has gone down nothing comes any more.
void network_port::deliver(link_number over, std::uint64_t ticket, const carried_answer& what) {
  const auto found = links_.find(over);
  if (found == links_.end()) return;
  caf::anon_send(found->second.actor, carried_back{ticket, what});
}

}  // namespace holdfast::simulation
