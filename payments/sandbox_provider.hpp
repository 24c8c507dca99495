// Adapter: the payment provider for development and tests, in this process. Its bank decides
// (sandbox_bank.hpp, sandbox_calls.hpp), its ledger remembers (sandbox_ledger.hpp); this file adds the time:
// the latency of answers, the time-out of calls and the charges that land late.
//
// Threading: a call is decided on its caller's thread, and in the ledger, which is not synced, before it is
// answered: at once where the answer takes no time. A thread of its own gives the answers that
// take some, and lets charges land. Callbacks must not block or throw. Late charges that have not landed
// when the process ends never do.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "payments/provider.hpp"
#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_ledger.hpp"

namespace holdfast::payments {

struct sandbox_options {
  /// Where the ledger lives; created where missing.
  std::filesystem::path folder;
  std::uint64_t seed = 1;
  /// For each call, counted from its arrival; after it the answer is `unknown`.
  std::chrono::milliseconds timeout{620};
  sandbox_knobs knobs;
};

class sandbox_provider final : public provider {
 public:
  /// Calls and late charges that wait at once. More are answered as unknown.
  static constexpr std::size_t most_open_calls = 100'000;

  /// Reads the ledger. Throws std::system_error where it can't.
  explicit sandbox_provider(sandbox_options options);
  ~sandbox_provider() override;

  void charge(charge_request request, std::function<void(charge_answer)> done) override;
  void settle(settle_request request, std::function<void(settle_answer)> done) override;
  void refund(refund_request request, std::function<void(refund_answer)> done) override;
  void close() override;

  /// Turns the knobs, for calls that are decided from now on.
  void turn(const sandbox_knobs& knobs);
  sandbox_knobs knobs() const;

  /// The charges and refunds so far, read from disk: everything that was answered is in it.
  std::vector<ledger_entry> ledger() const;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast::payments
