// The customers of a simulation: each does one thing after the other, placing, repeating with the
// same key, cancelling, reading and listing, at any node, and writes down what it asked for and what it
// heard. In half of the seeds an operator is among them, who retries and cancels what is parked or
// unfinished. At the end an auditor asks for everything once more.
//
// Refers to the world, the nodes and the journal of reservations, which must outlive it. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "http/message.hpp"
#include "tests/simulation/fleet.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/simulated_journal.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

class customers {
 public:
  customers(world& in, const fleet& nodes, const journal_store& reservations);

  void begin();
  /// Whoever waits for this node is cut off.
  void cut_off(const node& from);
  /// Places with every key that was used, then reads all these; one after the other.
  void audit(std::vector<domain::reservation_id> ids);
  /// Everybody is through, and nobody waits.
  bool done() const { return busy_ == 0; }

  std::vector<proof::operation> operations;

 private:
  struct key_slot {
    std::string key;
    std::uint64_t user_id = 0;
    bool used = false;
  };
  struct wanted_placement {
    std::string key;
    std::uint64_t user_id = 0;
    std::int64_t price_minor = 0;
  };
  using then = std::function<void()>;
  struct open_operation {
    /// Null where nobody takes it.
    node* at = nullptr;
    then next;
  };

  void make_keys();
  void live(std::uint32_t customer, std::uint32_t operations_left);
  void think_and_live(std::uint32_t customer, std::uint32_t operations_left);
  void do_something(std::uint32_t customer, then next);
  domain::reservation_id somebody();
  void begin_operator();
  void visit(std::uint32_t visits_left);
  domain::reservation_id some_saga();
  wanted_placement with_key(key_slot& slot, bool other_fields);
  void audit_next();
  bool asks_again();

  proof::operation& invoke(std::uint32_t customer, proof::operation_kind kind, then next);
  /// Nobody listens: certainly without effect.
  bool refused(std::size_t number);
  /// The answer's operation, where it still finds its customer.
  proof::operation* answered(std::size_t number);
  void finish(std::size_t number);
  void wait_for(std::size_t number);
  /// Nobody will hear what becomes of it.
  void break_off(std::size_t number);
  /// Looks for card numbers in it.
  void hear(const http::response& response);

  void place(std::uint32_t customer, const wanted_placement& wanted, then next);
  void cancel(std::uint32_t customer, domain::reservation_id id, then next);
  void read(std::uint32_t customer, domain::reservation_id id, then next);
  void list(std::uint32_t customer, then next);
  void intervene(then next);

  world& world_;
  const fleet& nodes_;
  const journal_store& journal_;
  /// Of its own, so that seeds without an operator are as they would be if there were none.
  random_source operator_chance_;
  std::vector<key_slot> keys_;
  /// Named by an answer, or to be guessed since ids are counted.
  std::set<domain::reservation_id> ids_;
  std::uint64_t users_ = 0;
  /// Customers that are not through.
  std::uint32_t busy_ = 0;
  /// What goes on after an operation that is under way, by its number.
  std::map<std::size_t, open_operation> open_;
  /// What the auditor has still to do, each with its own `next`.
  std::deque<std::function<void(then next)>> audits_;
  bool asked_again_ = false;
};

}  // namespace holdfast::simulation
