// How the sandbox's knobs are read and shown while it runs: JSON in camelCase, as in
// {"latency":"400ms-620ms","landsLateRate":0}. What each value means is not known here: that
// stands in the table of settings. Pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "http/message.hpp"
#include "payments/sandbox_bank.hpp"

namespace holdfast::http {

/// What can be changed while the sandbox runs.
struct sandbox_control {
  payments::sandbox_knobs knobs;
  /// How long an outage lasts; 0 until it is told to end.
  std::chrono::milliseconds outage_for{0};
};

/// Name and value of each knob, the value as a setting's would be given: "declineRate", "0.5".
using control_values = std::vector<std::pair<std::string, std::string>>;

/// Or what is wrong with the body.
tl::expected<control_values, std::string> read_control(const std::string& body);

/// A setting's name as a knob's: "hangAfterChargeRate" for "hang-after-charge-rate".
std::string camel_case(std::string_view name);

response control_response(const payments::sandbox_knobs& knobs, std::size_t calls_under_way,
                          std::size_t most_calls_at_once);

}  // namespace holdfast::http
