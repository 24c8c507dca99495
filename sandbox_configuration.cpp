#include "sandbox_configuration.hpp"

namespace holdfast {

namespace {

std::vector<std::string> setting_names() {
  sandbox_configuration any;
  return names_of(settings_of(any));
}

value_reader seed_into(std::optional<std::uint64_t>& into) {
  return [&into](const std::string& text) -> std::optional<std::string> {
    into = parse_whole_number(text);
    if (!into) return "give a whole number";
    return std::nullopt;
  };
}

}  // namespace

const command sandbox_command{
    .name = "sandbox",
    .purpose = "plays a payment provider in Stripe's dialect, with faults to order",
    .examples =
        "  holdfast sandbox\n"
        "  holdfast sandbox --data /var/lib/sandbox --listen 127.0.0.1:9090\n"
        "  holdfast sandbox --latency 400ms-620ms --lands-late-rate 0.1\n"
        "  holdfast serve --payment http://127.0.0.1:9090\n"
        "  curl -X PUT -d '{\"declineRate\":1}' http://127.0.0.1:9090/control\n"
        "  curl http://127.0.0.1:9090/ledger\n",
    .prefix = "sandbox-",
    .setting_names = setting_names,
};

std::vector<setting> settings_of(sandbox_configuration& into) {
  std::vector<setting> settings{
      {"sandbox-listen", "HOST:PORT", "127.0.0.1:9090", "Address to serve HTTP on; port 0 takes any free one",
       address_into(into.listen)},
      {"sandbox-data", "DIR", "none", "Folder of the ledger, which then outlives the process",
       folder_into(into.data)},
      {"sandbox-seed", "N", "another each time", "What chance starts from: one seed is one history",
       seed_into(into.seed)},
  };
  for (auto& each : knob_settings(into.knobs)) settings.push_back(std::move(each));
  for (auto& each : log_settings(into.level, into.format)) settings.push_back(std::move(each));
  return settings;
}

tl::expected<sandbox_configuration, early_exit> parse_sandbox_configuration(
    int argc, const char* const* argv, const environment_variables& environment) {
  sandbox_configuration result;
  const auto settings = settings_of(result);
  const auto values = read_settings(sandbox_command, settings, argc, argv, environment);
  if (!values) return tl::unexpected(values.error());
  return result;
}

}  // namespace holdfast
