// Every adapter of the payment port together with the provider behind it, for tests that run over
// all of them. Owned by one test case; not thread-safe, but for the port itself.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "payments/http_provider.hpp"
#include "payments/provider.hpp"
#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_ledger.hpp"
#include "payments/sandbox_provider.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

/// Of one call: long enough for a loaded machine to answer in, over sockets and from another
/// process.
inline constexpr std::chrono::milliseconds rig_timeout{500};

class rig {
 public:
  virtual ~rig() = default;
  virtual payments::provider& port() = 0;
  virtual void turn(const payments::sandbox_knobs& knobs) = 0;
  virtual std::vector<payments::ledger_entry> ledger() = 0;
  /// Destroys the adapter and whatever else is in its process; the ledger outlives it.
  virtual void close() = 0;
  virtual void open() = 0;
  /// As when the process that has the adapter is killed: the adapter begins anew, and what is not
  /// in its process goes on.
  virtual void restart_adapter() = 0;
  /// Where the adapter keeps files; searched for card numbers.
  virtual std::filesystem::path folder() = 0;
};

class sandbox_rig final : public rig {
 public:
  sandbox_rig() { sandbox_rig::open(); }
  payments::provider& port() override { return *provider_; }
  void turn(const payments::sandbox_knobs& knobs) override { provider_->turn(knobs); }
  std::vector<payments::ledger_entry> ledger() override { return payments::ledger_entries(folder_.path()); }
  void close() override { provider_.reset(); }
  void open() override {
    payments::sandbox_options options;
    options.folder = folder_.path();
    options.timeout = rig_timeout;
    provider_ = std::make_unique<payments::sandbox_provider>(std::move(options));
  }
  void restart_adapter() override {
    const auto knobs = provider_->knobs();
    close();
    open();
    turn(knobs);
  }
  std::filesystem::path folder() override { return folder_.path(); }

 private:
  temporary_folder folder_;
  std::unique_ptr<payments::sandbox_provider> provider_;
};

/// The knobs as `PUT /control` takes them.
inline std::string json_of(const payments::sandbox_knobs& knobs) {
  const auto rate = [](double value) { return std::to_string(value); };
  const auto time = [](auto value) { return std::to_string(value.count()) + "ms"; };
  return R"({"latency":")" + time(knobs.latency_min) + "-" + time(knobs.latency_max) + R"(","declineRate":)" +
         rate(knobs.decline_rate) + R"(,"failRate":)" + rate(knobs.fail_rate) + R"(,"hangAfterChargeRate":)" +
         rate(knobs.hang_after_charge_rate) + R"(,"landsLateRate":)" + rate(knobs.lands_late_rate) +
         R"(,"landsLateAfter":")" + time(knobs.lands_late_after) + R"(","forgetKeysRate":)" +
         rate(knobs.forget_keys_rate) + R"(,"refundFailures":)" + std::to_string(knobs.refund_failures) +
         R"(,"outage":)" + (knobs.outage ? "true" : "false") + "}";
}

/// The HTTP adapter, and behind it the sandbox as a process of its own.
class http_rig final : public rig {
 public:
  http_rig() : sandbox_({}, folder_.path()) { connect(); }
  payments::provider& port() override { return *provider_; }
  void turn(const payments::sandbox_knobs& knobs) override { sandbox_.control(json_of(knobs)); }
  std::vector<payments::ledger_entry> ledger() override {
    const auto served = running_ ? sandbox_.ledger() : std::vector<sandbox_process::entry>{};
    auto written = payments::ledger_entries(folder_.path());
    REQUIRE(written.size() >= served.size());
    for (std::size_t i = 0; i < served.size(); ++i) {
      CHECK(served[i].idempotency_key == written[i].idempotency_key);
      CHECK(served[i].reservation == written[i].reservation);
      CHECK(domain::money{served[i].amount, served[i].currency} == written[i].price);
      CHECK((served[i].kind == "charge") == (written[i].what == payments::ledger_entry::kind::charge));
    }
    return written;
  }
  void close() override {
    provider_.reset();
    CHECK(sandbox_.terminate() == 0);
    running_ = false;
  }
  void open() override {
    sandbox_.restart();
    running_ = true;
    connect();
  }
  void restart_adapter() override { connect(); }
  std::filesystem::path folder() override { return folder_.path(); }

 private:
  void connect() {
    provider_.reset();
    payments::http_provider_options options;
    options.port = sandbox_.port();
    options.key = domain::secret(std::string("sk_test"));
    options.timeout = rig_timeout;
    provider_ = std::make_unique<payments::http_provider>(std::move(options));
  }

  temporary_folder folder_;
  sandbox_process sandbox_;
  std::unique_ptr<payments::http_provider> provider_;
  bool running_ = true;
};

struct rig_factory {
  const char* name;
  std::unique_ptr<rig> (*make)();
};
constexpr rig_factory provider_rigs[] = {
    {"sandbox", [] { return std::unique_ptr<rig>(new sandbox_rig); }},
    {"http", [] { return std::unique_ptr<rig>(new http_rig); }},
};

}  // namespace holdfast::testing
