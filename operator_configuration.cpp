#include "operator_configuration.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "configuration_settings.hpp"

namespace holdfast {

namespace {

using refusal = std::optional<std::string>;

value_reader output_into(output_format& into) {
  return [&into](const std::string& text) -> refusal {
    constexpr std::array<std::string_view, 4> names{"table", "json", "ndjson", "csv"};
    const auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) return "give table, json, ndjson or csv";
    into = static_cast<output_format>(found - names.begin());
    return std::nullopt;
  };
}

value_reader one_of(std::string& into, std::vector<std::string> names, const char* accepted) {
  return [&into, names = std::move(names), accepted](const std::string& text) -> refusal {
    if (std::find(names.begin(), names.end(), text) == names.end()) return accepted;
    into = text;
    return std::nullopt;
  };
}

value_reader text_into(std::string& into, const char* accepted) {
  return [&into, accepted](const std::string& text) -> refusal {
    if (text.empty()) return accepted;
    into = text;
    return std::nullopt;
  };
}

value_reader user_into(std::string& into) {
  return [&into](const std::string& text) -> refusal {
    if (!parse_whole_number(text)) return "give the number of a customer";
    into = text;
    return std::nullopt;
  };
}

constexpr std::chrono::hours longest_age{24 * 366};

value_reader age_into(std::optional<std::chrono::milliseconds>& into) {
  return [&into](const std::string& text) -> refusal {
    std::chrono::milliseconds age{};
    const auto read =
        duration_into(age, std::chrono::milliseconds{0}, longest_age, "give a duration, such as 90s or 10m");
    if (auto refused = read(text)) return refused;
    into = age;
    return std::nullopt;
  };
}

constexpr std::uint64_t largest_id = (std::uint64_t{1} << 53) - 1;

// --- Settings, by name ---

/// All but where the server is.
std::vector<setting> all_settings(operator_configuration& into) {
  return {
      {"output", "FORMAT", "table", "What is printed: table, json, ndjson or csv", output_into(into.output)},
      {"id", "ID", "", "Number of a reservation", number_into(into.id, 1, largest_id)},
      {"operator-state", "STATE", "", "Only those that are parked, or stuck",
       one_of(into.state, {"parked", "stuck"}, "give parked or stuck")},
      {"operator-user", "N", "", "Only those of this customer", user_into(into.user)},
      {"operator-status", "STATUS", "", "Only those with this status; it needs --state",
       one_of(into.status, {"order", "reservated", "cancelling", "reservation_cancelled"},
              "give order, reservated, cancelling or reservation_cancelled")},
      {"operator-older-than", "DURATION", "0s, of stuck ones 1m",
       "Only those to which nothing has happened for so long; it needs --state", age_into(into.older_than)},
      {"operator-limit", "N", "20", "How many at most", number_into(into.limit, 1, 1'000'000)},
      {"operator-reason", "TEXT", "", "Why: it is kept with what is done",
       text_into(into.reason, "say why, in a sentence")},
      {"operator-who", "NAME", "your login", "Who does it, where no key tells",
       text_into(into.who, "give the name of whoever does it")},
      {"operator-apply", "", "false", "Do it to all that were named, not only show them: no variable does",
       truth_into(into.apply)},
      {"operator-no-wait", "", "false", "Leave at once, not when the view is whole again",
       truth_into(into.no_wait)},
  };
}

std::vector<setting> chosen(operator_configuration& into, std::initializer_list<std::string_view> names) {
  auto all = all_settings(into);
  auto some = server_settings(into.server);
  for (const auto name : names) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.name == name; });
    some.push_back(std::move(*found));
  }
  return some;
}

std::vector<std::string> all_names() {
  operator_configuration any;
  auto names = names_of(server_settings(any.server));
  const auto more = names_of(all_settings(any));
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

/// Services and containers have no USER.
std::string login_of(const environment_variables& environment) {
  for (const auto* variable : {"USER", "LOGNAME"}) {
    const auto found = std::find_if(environment.begin(), environment.end(),
                                    [&](const auto& each) { return each.first == variable; });
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  const auto* account = ::getpwuid(::geteuid());
  return account == nullptr ? std::string() : account->pw_name;
}

constexpr command operator_command_named(std::string_view name, std::string_view purpose,
                                         std::string_view examples, std::string_view operand = {}) {
  return {name, purpose, examples, "operator-", all_names, operand};
}

constexpr command reservation_ls = operator_command_named(
    "reservation ls", "lists reservations, the newest first; or unfinished sagas, by --state",
    "  holdfast reservation ls --limit 50\n"
    "  holdfast reservation ls --user 7 --output json\n"
    "  holdfast reservation ls --state parked --older-than 10m\n");
constexpr command reservation_get = operator_command_named(
    "reservation get", "shows a reservation with its payment and its receipt",
    "  holdfast reservation get 257\n  holdfast reservation get 257 --output json\n", "id");
constexpr command reservation_history = operator_command_named(
    "reservation history", "tells all that has happened to a reservation, and what is tried again",
    "  holdfast reservation history 257\n", "id");
constexpr command reservation_cancel = operator_command_named(
    "reservation cancel",
    "cancels a reservation, refunds it and voids its receipt; or all that --state means",
    "  holdfast reservation cancel 257 --reason \"sold out\"\n"
    "  holdfast reservation cancel --state parked --reason \"sold out\"\n"
    "  holdfast reservation cancel --state parked --reason \"sold out\" --apply\n\n"
    "Many are only shown without --apply.\n",
    "id");
constexpr command reservation_retry = operator_command_named(
    "reservation retry", "has a parked reservation go on at once; or all that --state means",
    "  holdfast reservation retry 257 --reason \"the bank is back\"\n"
    "  holdfast reservation retry --state parked --older-than 1m --reason \"the bank is back\" "
    "--apply\n\n"
    "Many are only shown without --apply.\n",
    "id");
constexpr command reservation_export =
    operator_command_named("reservation export", "prints all reservations, walking by cursor",
                           "  holdfast reservation export >reservations.ndjson\n"
                           "  holdfast reservation export --output csv --user 7\n");
constexpr command breaker_show =
    operator_command_named("breaker show", "shows the circuit breaker in front of the payment provider",
                           "  holdfast breaker show\n");
constexpr command breaker_open = operator_command_named(
    "breaker open", "holds the circuit breaker of a node open: nothing is charged or refunded",
    "  holdfast breaker open --reason \"the bank is under maintenance\"\n");
constexpr command breaker_close = operator_command_named(
    "breaker close", "holds the circuit breaker of a node closed, whatever the provider does",
    "  holdfast breaker close --reason \"its figures are wrong\"\n");
constexpr command breaker_auto =
    operator_command_named("breaker auto", "lets go of the circuit breaker: it follows the provider again",
                           "  holdfast breaker auto --reason \"the maintenance is over\"\n");
constexpr command view_rebuild =
    operator_command_named("view rebuild", "clears the read model and has it made anew from the journal",
                           "  holdfast view rebuild --reason \"after a restored backup\"\n"
                           "  holdfast view rebuild --reason \"after a restored backup\" --no-wait\n");

}  // namespace

std::span<const command* const> operator_commands() {
  static constexpr const command* commands[] = {&reservation_ls,     &reservation_get,   &reservation_history,
                                                &reservation_cancel, &reservation_retry, &reservation_export,
                                                &breaker_show,       &breaker_open,      &breaker_close,
                                                &breaker_auto,       &view_rebuild};
  return commands;
}

std::vector<setting> settings_of(const command& about, operator_configuration& into) {
  if (&about == &reservation_ls) {
    return chosen(into, {"output", "operator-state", "operator-user", "operator-status",
                         "operator-older-than", "operator-limit"});
  }
  if (&about == &reservation_get || &about == &reservation_history) {
    return chosen(into, {"output", "id"});
  }
  if (&about == &reservation_cancel || &about == &reservation_retry) {
    return chosen(into, {"output", "operator-reason", "operator-who", "operator-state", "operator-user",
                         "operator-status", "operator-older-than", "operator-apply", "id"});
  }
  if (&about == &reservation_export) {
    // A table is printed when it is whole, and this may be millions of rows.
    into.output = output_format::ndjson;
    auto settings = chosen(into, {"output", "operator-user"});
    for (auto& each : settings) {
      if (each.name == "output") each.default_text = "ndjson";
    }
    return settings;
  }
  if (&about == &breaker_show) return chosen(into, {"output"});
  if (&about == &view_rebuild) return chosen(into, {"operator-reason", "operator-who", "operator-no-wait"});
  return chosen(into, {"operator-reason", "operator-who"});
}

tl::expected<operator_configuration, early_exit> parse_operator_configuration(
    const command& about, int argc, const char* const* argv, const environment_variables& environment) {
  operator_configuration result;
  result.who = login_of(environment);
  const auto settings = settings_of(about, result);
  const auto values = read_settings(about, settings, argc, argv, environment);
  if (!values) return tl::unexpected(values.error());
  for (const given_value& value : *values) {
    // A variable or a file that lies about for other commands must not say it.
    if (value.what->name != "operator-apply" || value.source == "--apply") continue;
    return refuse(refusal_of(value, "it acts on many: give it as a flag"));
  }
  if (const auto refused = complete_server(result.server, *values)) return refuse(*refused);
  if (!result.server.key.empty()) result.who.clear();
  const bool acts = std::any_of(settings.begin(), settings.end(),
                                [](const auto& each) { return each.name == "operator-reason"; });
  if (acts && result.reason.empty()) {
    return refuse("--reason is required: say why, it is kept with what is done");
  }
  if (acts && result.who.empty() && result.server.key.empty())
    return refuse("--who is required: there is no login to take it from");
  const bool filtered = !result.status.empty() || result.older_than;
  if (filtered && result.state.empty()) {
    return refuse("--status and --older-than choose among those of --state: give it too");
  }
  const bool many = !about.operand.empty() && acts && result.id == 0;
  if (many && result.state.empty()) return refuse("give the ID of a reservation, or --state parked or stuck");
  if (result.id != 0 && !result.state.empty()) return refuse("give either an ID or --state");
  if (!about.operand.empty() && !acts && result.id == 0) return refuse("give the ID of a reservation");
  return result;
}

}  // namespace holdfast
