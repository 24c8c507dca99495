// What `holdfast sandbox` serves: the payment provider under /v1 (stripe_api.hpp), its knobs at
// /control and its ledger at /ledger. This file adds the time: the latency of answers, charges that
// land late, connections that hang, and outages.
//
// What was decided is in the ledger before it is answered.
//
// Threading: one event loop; everything that it is given is used on that loop only.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "http/handler.hpp"
#include "http/sandbox_control.hpp"
#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_ledger.hpp"

namespace holdfast::http {

/// Everything outlives the handler.
struct sandbox_ports {
  /// Its records go into the ledger.
  payments::sandbox_bank& bank;
  payments::sandbox_ledger& ledger;
  std::filesystem::path ledger_folder;
  /// Reads the value of one knob, "outage" among them, or says what is wrong with it.
  std::function<std::optional<std::string>(sandbox_control& into, const std::string& name,
                                           const std::string& value)>
      turn;
  /// The server's pause and resume.
  std::function<void()> pause;
  std::function<void()> resume;
};

/// For a server with one loop.
handler_factory sandbox_handlers(sandbox_ports ports);

}  // namespace holdfast::http
