#include "reconcile_configuration.hpp"

#include "configuration.hpp"

namespace holdfast {

namespace {

constexpr const char* apply_setting = "reconcile-apply";
constexpr const char* orphans_setting = "reconcile-orphans";

std::vector<std::string> setting_names() {
  reconcile_configuration any;
  return names_of(settings_of(any));
}

value_reader report_format_into(report_format& into) {
  return [&into](const std::string& text) -> std::optional<std::string> {
    if (text != "text" && text != "json") return "give text or json";
    into = text == "json" ? report_format::json : report_format::text;
    return std::nullopt;
  };
}

/// Money moves because whoever runs the command says so there and then: a variable or a file that
/// lies about for other commands must not say it for them.
std::optional<std::string> refusal_unless_flag(const given_value& value) {
  const std::string& name = value.what->name;
  if (name != apply_setting && name != orphans_setting) return std::nullopt;
  const auto flag = "--" + name.substr(reconcile_command.prefix.size());
  if (value.source == flag) return std::nullopt;
  return refusal_of(value, "it moves money: give " + flag + " as a flag");
}

}  // namespace

const command reconcile_command{
    .name = "reconcile",
    .purpose = "compares the payment provider's ledger with the reservations, and mends differences",
    .examples =
        "  holdfast reconcile --data /var/lib/holdfast\n"
        "  holdfast reconcile --payment http://127.0.0.1:9090 --format json\n"
        "  holdfast reconcile --journal postgres://holdfast@db.example/holdfast --payment "
        "http://127.0.0.1:9090\n"
        "  holdfast reconcile --apply\n"
        "  holdfast reconcile --apply --orphans\n\n"
        "Without --apply it changes nothing, and may run beside holdfast serve. With --apply it refunds\n"
        "charges that no reservation accounts for and parks reservations that an operator has to look\n"
        "at; holdfast serve has to be stopped for that. Charges of reservations that the journal does\n"
        "not have are refunded with --apply --orphans only: seen from another data folder, or from an\n"
        "old copy, good charges look like that.\n\n"
        "Exit codes: 0 no differences, or all mended; 1 it could not run; 2 settings refused;\n"
        "3 differences, and they are still there.\n\n"
        "It needs a provider with a ledger to read: the sandbox in the process of holdfast serve, or\n"
        "holdfast sandbox (GET /ledger). Stripe has none: compare its own reports there.\n",
    .prefix = "reconcile-",
    .setting_names = setting_names,
};

std::vector<setting> settings_of(reconcile_configuration& into) {
  auto settings = journal_settings(into.data, into.journal);
  const std::vector<setting> own{
      {"payment", "PROVIDER", "sandbox",
       "Who took the payments: sandbox, of holdfast serve, or http://HOST:PORT",
       provider_into(into.provider)},
      {"payment-key", "KEY", "sk_sandbox", "Secret key for a provider behind HTTP; better as a variable",
       payment_key_into(into.payment_key), true},
      {"payment-timeout", "DURATION", "620ms", "How long one call to the provider may take",
       wait_into(into.payment_timeout)},
      {apply_setting, "", "false", "Mend what differs: refund, and park for an operator; as a flag only",
       truth_into(into.apply)},
      {orphans_setting, "", "false",
       "With --apply: refund charges of unknown reservations too; as a flag only", truth_into(into.orphans)},
      {"reconcile-format", "FORMAT", "text", "What it prints: text, or json, an object a line",
       report_format_into(into.report)},
  };
  settings.insert(settings.end(), own.begin(), own.end());
  for (auto& each : log_settings(into.level, into.format)) settings.push_back(std::move(each));
  return settings;
}

tl::expected<reconcile_configuration, early_exit> parse_reconcile_configuration(
    int argc, const char* const* argv, const environment_variables& environment) {
  reconcile_configuration result;
  const auto settings = settings_of(result);
  const auto values = read_settings(reconcile_command, settings, argc, argv, environment);
  if (!values) return tl::unexpected(values.error());
  for (const given_value& value : *values) {
    if (const auto refusal = refusal_unless_flag(value)) return refuse(*refusal);
  }
  if (result.apply && !result.journal.empty()) {
    return refuse(
        "--apply is for journals in a data folder: it has to be their only owner, and nodes may share those "
        "of "
        "--journal; leave it out, and mend with holdfast reservation cancel and with the provider's own "
        "refunds");
  }
  return result;
}

}  // namespace holdfast
