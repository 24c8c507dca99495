// A card payment provider as its port allows it to be, with every fault of the decision table and
// with books of its own. It is naive where the engine has to be careful: a charge that is asked for
// twice is charged twice once its key is forgotten, one that comes after its settlement is charged then, a
// refund under a second key is given twice. A settlement or a repeated refund whose key is forgotten finds
// what there is by the reservation, at the next try.
//
// What is on its way to the provider when the engine crashes may still arrive, or not.
// Refers to the world and the books, which must outlive it. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "payments/provider.hpp"
#include "tests/simulation/world.hpp"

namespace holdfast::simulation {

/// The provider itself, which all nodes call.
struct provider_books {
  struct capture {
    std::string key;
    std::string transaction;
    bool refunded = false;
  };
  struct account {
    std::vector<capture> captures;
    /// Settled as not charged, or as charged once: nothing lands any more.
    bool closed = false;
    /// By key.
    std::map<std::string, std::string> refunds;
    std::uint32_t refund_tries = 0;
  };
  enum class state : std::uint8_t { up, down, silent };

  /// Connections are refused, or nothing is answered, until come_back().
  void go_down(bool silent) { now = silent ? state::silent : state::down; }
  void come_back() { now = state::up; }

  state now = state::up;
  std::map<domain::reservation_id, account> accounts;
  std::vector<proof::ledger_line> ledger;
  std::vector<proof::provider_call> calls;
};

/// One node's way to it.
class simulated_provider final : public payments::provider {
 public:
  simulated_provider(world& in, provider_books& books, owner of) : world_(in), books_(books), owner_(of) {}

  void charge(payments::charge_request request, std::function<void(payments::charge_answer)> done) override;
  void settle(payments::settle_request request, std::function<void(payments::settle_answer)> done) override;
  void refund(payments::refund_request request, std::function<void(payments::refund_answer)> done) override;
  void close() override {}

  /// A new process, of this name.
  void start(std::string node) { node_ = std::move(node); }
  /// The engine's process ends: calls that have not arrived may be lost.
  void crash();
  /// Calls from now on come from an engine that is being torn down, and are none.
  void ignore_calls(bool ignored) { ignored_ = ignored; }

 private:
  using state = provider_books::state;

  std::size_t note(enum proof::provider_call::kind what, domain::reservation_id id, std::string key);
  void answered(std::size_t call, std::string how);
  /// Something on its way to the provider, which the crash of its sender may take back.
  void arriving(moment delay, std::function<void()> what);
  moment latency();
  bool at_once(moment delay);
  bool makes_another(const payments::charge_request& request);
  /// The transaction; empty where nothing can be captured any more.
  std::string capture_once(const payments::charge_request& request, bool confirms_another = false);
  void write_ledger(enum proof::ledger_line::kind what, domain::reservation_id id, const std::string& key,
                    const std::string& transaction, const domain::money& amount);
  std::string settle_now(const payments::settle_request& request);
  std::string refund_now(const payments::refund_request& request);

  /// The engine's callback stays on the engine's side: what outlives a crash must not hold it.
  template <class Answer>
  std::weak_ptr<std::function<void(Answer)>> keep(std::size_t call, std::function<void(Answer)> done);
  template <class Answer>
  void answer_kept(std::size_t call, moment delay, std::string how,
                   const std::weak_ptr<std::function<void(Answer)>>& done, Answer what);
  template <class Answer>
  void answer(std::size_t call, moment delay, std::string how, std::function<void(Answer)> done, Answer what);

  world& world_;
  provider_books& books_;
  const owner owner_;
  std::string node_;
  bool ignored_ = false;
  /// By call: callbacks of the engine that runs.
  std::map<std::size_t, std::shared_ptr<void>> kept_;
  /// Of the arrivals that are under way.
  std::vector<std::weak_ptr<bool>> on_their_way_;
};

}  // namespace holdfast::simulation
