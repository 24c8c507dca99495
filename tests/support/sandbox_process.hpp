// A `holdfast sandbox`, the payment provider as a process of its own, for tests that turn its knobs,
// kill it and read its ledger.
// Owned by one test; not thread-safe. What goes wrong is thrown.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

class sandbox_process {
 public:
  struct entry {
    std::string idempotency_key;
    std::uint64_t reservation = 0;
    std::int64_t amount = 0;
    std::string currency;
    /// "charge" or "refund".
    std::string kind;
    std::string transaction_id;
  };

  /// On a free port, ready once constructed; the ledger outlives the process where data is given.
  explicit sandbox_process(std::vector<std::string> flags = {}, std::filesystem::path data = {},
                           std::string address = "127.0.0.1")
      : flags_(std::move(flags)), data_(std::move(data)), address_(std::move(address)) {
    start();
  }

  std::uint16_t port() const { return port_; }
  /// For `serve --payment`.
  std::string url() const { return "http://" + address_ + ":" + std::to_string(port_); }
  const std::string& ready_line() const { return ready_line_; }
  holdfast::testing::process& process() { return *process_; }

  /// Turns knobs, as in R"({"latency":"0ms"})"; the knobs and figures after that. Over a connection
  /// that stays, so that it works in an outage too.
  rapidjson::Document control(const std::string& json) {
    return parsed(control_connection().request("PUT", "/control", {}, json));
  }
  /// The knobs and figures as they are.
  rapidjson::Document control() { return parsed(control_connection().get("/control")); }

  std::uint64_t calls_under_way() { return control()["callsUnderWay"].GetUint64(); }
  std::uint64_t most_calls_at_once() { return control()["mostCallsAtOnce"].GetUint64(); }

  /// The captures and refunds so far, in their order. Over the same connection.
  std::vector<entry> ledger() {
    const auto document = parsed(control_connection().get("/ledger"));
    std::vector<entry> entries;
    for (const auto& each : document["entries"].GetArray()) {
      entries.push_back({text_at(each, "/idempotencyKey"), each["reservation"].GetUint64(),
                         each["amount"].GetInt64(), text_at(each, "/currency"), text_at(each, "/kind"),
                         text_at(each, "/transactionId")});
    }
    return entries;
  }

  /// Ends it as an operator would; the exit code.
  int terminate() {
    control_.reset();
    process_->send(SIGTERM);
    return process_->wait_for_exit();
  }

  /// Ends it as a crash would.
  void kill() {
    control_.reset();
    process_->send(SIGKILL);
    process_->wait_for_exit();
  }

  /// Once it has ended: again, on the same port and data, with the knobs of its flags.
  void restart() { start(); }

 private:
  void start() {
    std::vector<std::string> arguments{"sandbox", "--listen", address_ + ":" + std::to_string(port_)};
    if (!data_.empty()) arguments.insert(arguments.end(), {"--data", data_.string()});
    arguments.insert(arguments.end(), flags_.begin(), flags_.end());
    // A killed one can't take its temporary folder away.
    process_ = std::make_unique<holdfast::testing::process>(
        std::move(arguments), environment_variables{{"TMPDIR", temporary_.path().string()}});
    ready_line_ = process_->wait_for_line();
    port_ = port_in(ready_line_);
    // Now, while it accepts connections; the first request keeps it open through outages.
    control_.reset();
    parsed(control_connection().get("/control"));
  }

  /// The server closes connections that are idle for long; outside an outage a new one will do.
  http_client& control_connection() {
    if (control_ && !control_->connection().is_quiet_for(std::chrono::milliseconds{0})) control_.reset();
    if (!control_) control_.emplace(port_, address_);
    return *control_;
  }

  static rapidjson::Document parsed(const raw_response& response) {
    if (response.status != 200) throw std::runtime_error(response.status_line + " " + response.body);
    return parse_json(response.body);
  }

  std::vector<std::string> flags_;
  std::filesystem::path data_;
  std::string address_;
  temporary_folder temporary_;
  std::unique_ptr<holdfast::testing::process> process_;
  std::string ready_line_;
  std::uint16_t port_ = 0;
  std::optional<http_client> control_;
};

}  // namespace holdfast::testing
