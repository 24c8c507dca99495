// The processes of one run: the real server with its journals in a folder, the provider with a
// ledger of its own, and Redis where the view lies there; and what happens to them.
//
// What ends the server it is told to expect; an end that nobody ordered is a complaint. Owned by
// one run; one thread, but for the port, which the customers look at.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/chaos/faulty_process.hpp"
#include "tests/chaos/recorded_customers.hpp"
#include "tests/chaos/site.hpp"
#include "tests/support/process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/sandbox_process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::chaos {

/// Of a provider at its best.
inline constexpr const char* healthy_knobs =
    R"({"latency":"0ms","declineRate":0,"failRate":0,"hangAfterChargeRate":0,"landsLateRate":0,)"
    R"("forgetKeysRate":0,"refundFailures":0,"outage":false})";

struct shop_options {
  /// Of the server; made where it is absent.
  std::filesystem::path data;
  /// And the events are published there.
  bool view_on_redis = false;
  /// What the provider does by default while the run lasts.
  std::vector<std::string> provider_flags;
};

class shop final : public site {
 public:
  shop(shop_options options, recorder& into);
  ~shop() override;

  /// Starts the server and waits until it serves. False where it ended before that.
  bool start();
  /// Starts it where nothing stands in the way any more: nothing but a server that serves is expected.
  /// Throws.
  void start_for_good();
  /// Whether there is a server and it has not ended by itself; one that has is looked into.
  bool serves();
  /// kill -9.
  void kill();
  /// As an operator ends it: has to exit with 0.
  void terminate();
  void pause();
  /// Pauses it, and returns when it stands still: what it has asked of its disk may be under way, unless
  /// `after_disk`.
  void freeze(bool after_disk);
  void resume();

  /// From now on, until the next start, the server may end by this: 128 and a signal's number, or 1 for
  /// a disk that fails.
  void expect_exit(int code) { expected_exit_ = code; }

  const front& door() const { return front_; }
  std::uint16_t port() const { return front_.port; }
  const std::filesystem::path& data() const { return options_.data; }
  faulty_process& faults() { return faults_; }
  /// Nothing where the view is embedded.
  testing::redis_server* redis() { return redis_ ? &*redis_ : nullptr; }

  void provider_has(const std::string& knobs) { provider_.control(knobs); }
  /// As a provider behaves at its best.
  void heal_provider();
  /// Everything that was said on standard error.
  const std::string& log() const { return log_; }
  int starts() const { return starts_; }

  recorder& into() override { return into_; }
  testing::sandbox_process& provider() override { return provider_; }
  bool serves_all() override;
  std::vector<proof::journal_line> journal(const std::string& name) override;
  testing::http_client client() override { return testing::http_client(port()); }
  std::vector<proof::reservation_id> parked() override;
  const testing::redis_server* publishes_to() override { return redis(); }
  std::vector<proof::canary_search> canaries() override;
  void look_further() override;
  std::string keep_logs(const std::string&) override { return {}; }

 private:
  std::vector<std::string> arguments();
  std::string last_words() const;
  void forget_server();
  void look_into_end(int code);

  const shop_options options_;
  recorder& into_;
  faulty_process faults_;
  testing::temporary_folder ledger_;
  testing::sandbox_process provider_;
  std::optional<testing::redis_server> redis_;
  std::unique_ptr<testing::process> server_;
  front front_;
  std::optional<int> expected_exit_;
  std::string log_;
  int starts_ = 0;
};

}  // namespace holdfast::chaos
