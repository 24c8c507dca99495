#include "sandbox_knobs.hpp"

#include <chrono>
#include <string_view>

#include "configuration_settings.hpp"
#include "sandbox_configuration.hpp"

namespace holdfast {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_outage = std::chrono::hours{1};

std::string refusal_of(const std::string& name, const std::string& value, const std::string& accepted) {
  return name + " = '" + value + "' is not accepted; " + accepted;
}

std::optional<std::string> turn_outage(http::sandbox_control& into, const std::string& value) {
  const auto duration = parse_duration(value);
  const bool lasting = duration && *duration >= milliseconds{1} && *duration <= longest_outage;
  if (value != "true" && value != "false" && !lasting) {
    return refusal_of("outage", value, "give true, false or a duration from 1ms to 60m, such as 30s");
  }
  into.knobs.outage = value != "false";
  into.outage_for = lasting ? *duration : milliseconds{0};
  return std::nullopt;
}

}  // namespace

std::optional<std::string> turn_knob(http::sandbox_control& into, const std::string& name,
                                     const std::string& value) {
  if (name == "outage") return turn_outage(into, value);
  std::string known = "outage";
  for (const setting& each : knob_settings(into.knobs)) {
    const auto knob = http::camel_case(std::string_view(each.name).substr(sandbox_command.prefix.size()));
    if (knob != name) {
      known += ", " + knob;
    } else if (const auto accepted = each.read(value)) {
      return refusal_of(name, value, *accepted);
    } else {
      return std::nullopt;
    }
  }
  return "unknown knob '" + name + "'; accepted: " + known;
}

}  // namespace holdfast
