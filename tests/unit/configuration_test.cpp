#include "configuration.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "configuration_settings.hpp"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

/// A file of this text that goes with the test.
class temporary_file {
 public:
  explicit temporary_file(const std::string& text) : path_(unused_path()) { std::ofstream{path_} << text; }
  ~temporary_file() { std::filesystem::remove(path_); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  const std::string& path() const { return path_; }

 private:
  static std::string unused_path() {
    static int count = 0;
    const std::string name =
        "holdfast-configuration-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + ".toml";
    return (std::filesystem::temp_directory_path() / name).string();
  }
  std::string path_;
};

tl::expected<configuration, early_exit> parse(std::vector<std::string> arguments,
                                              const environment_variables& environment = {}) {
  std::vector<const char*> argv{"holdfast"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const int count = static_cast<int>(argv.size());
  const auto chosen = choose_command(count, argv.data());
  if (!chosen) return tl::unexpected(chosen.error());
  CHECK(*chosen == &serve_command);
  return parse_configuration(count, argv.data(), environment);
}

std::vector<setting> all_settings() {
  static configuration any;
  return settings_of(any);
}

/// The refusal, having checked that it is one.
std::string refusal(const tl::expected<configuration, early_exit>& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == exit_code_of_refusal);
  return result.error().text;
}

void check_contains(const std::string& text, const std::string& part) {
  INFO("expected to contain: " << part);
  INFO("text: " << text);
  CHECK(text.find(part) != std::string::npos);
}

/// Four values of a setting, each other than the one before, and how to see which one holds.
struct precedence_row {
  std::string name;
  std::string in_file;
  std::string in_variable;
  std::string in_flag;
  std::function<std::string(const configuration&)> shown;
  std::string shown_by_default;
  /// What a refusal of nonsense says.
  std::string accepted;
  /// What the setting can't do without.
  std::vector<std::string> beside = {};
};

std::string in_ms(milliseconds wait) {
  return std::to_string(wait.count()) + "ms";
}

/// 0.25 -> "25": rates in the table are whole percents.
std::string in_percent(double rate) {
  return std::to_string(static_cast<int>(rate * 100 + 0.5));
}

precedence_row rate_row(const std::string& name, double payments::sandbox_knobs::*rate) {
  return {
      name, "0.25",       "0.5", "1", [rate](const configuration& c) { return in_percent(c.sandbox.*rate); },
      "0",  "from 0 to 1"};
}

precedence_row wait_row(const std::string& name, milliseconds configuration::*wait,
                        const std::string& normally) {
  return {name,
          "700ms",
          "800ms",
          "900ms",
          [wait](const configuration& c) { return in_ms(c.*wait); },
          normally,
          "duration from 1ms to 1m"};
}

precedence_row pem_row(const std::string& name, std::string node_configuration::*file,
                       std::vector<std::string> beside) {
  return {name,
          "/a.pem",
          "/b.pem",
          "/c.pem",
          [file](const configuration& c) { return (c.node.*file).empty() ? "none" : c.node.*file; },
          "none",
          "path of a PEM file",
          std::move(beside)};
}

precedence_row access_row(const std::string& name, std::string access_configuration::*text,
                          const std::string& accepted, std::vector<std::string> beside) {
  return {name,
          "/a",
          "/b",
          "/c",
          [text](const configuration& c) { return (c.access.*text).empty() ? "none" : c.access.*text; },
          "none",
          accepted,
          std::move(beside)};
}

/// All that tokens need, but for one setting.
std::vector<std::string> for_tokens(const std::string& without) {
  std::vector<std::string> flags{"--auth", "jwt"};
  for (const std::string flag : {"--auth-jwks", "--auth-issuer", "--auth-audience"}) {
    if (flag != without) flags.insert(flags.end(), {flag, "x"});
  }
  return flags;
}

/// What the nodes of a cluster have in common.
const std::vector<std::string> shared_parts{
    "--journal", "postgres://db/holdfast", "--view", "redis://db:6379/0", "--payment", "http://bank:80"};

std::vector<precedence_row> precedence_table() {
  auto in_a_cluster = shared_parts;
  in_a_cluster.insert(in_a_cluster.end(), {"--node-listen", "127.0.0.1:9188"});
  const std::vector<std::string> levels{"trace", "debug", "info", "warn", "error", "off"};
  return {
      {"listen", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3",
       [](const configuration& c) { return c.listen.address + ":" + std::to_string(c.listen.port); },
       "127.0.0.1:8088", "127.0.0.1:8088 or [::1]:8088"},
      {"data", "/a", "/b", "/c", [](const configuration& c) { return c.data; }, "./data", "path of a folder"},
      {"journal", "postgres://a/d", "0-9=postgres://b 10-255=postgres://c", "postgresql://d",
       [](const configuration& c) {
         std::string all = c.journal.empty() ? "embedded" : "";
         for (const auto& place : c.journal) {
           const bool whole = place.first == 0 && place.last == 255;
           if (!all.empty()) all += " ";
           if (!whole) all += std::to_string(place.first) + "-" + std::to_string(place.last) + "=";
           all += place.url;
         }
         return all;
       },
       "embedded", "postgres://USER@HOST:PORT/DATABASE"},
      {"view", "redis://h:1/1", "redis://h:2/2", "redis://h:3/3",
       [](const configuration& c) {
         if (!c.redis) return std::string("embedded");
         return "redis://" + c.redis->host + ":" + std::to_string(c.redis->port) + "/" +
                std::to_string(c.redis->database);
       },
       "embedded", "redis://HOST:PORT/DB"},
      {"events", "redis://h:1/1", "redis://h:2/2", "redis://h:3/3",
       [](const configuration& c) {
         if (!c.events) return std::string("none");
         return "redis://" + c.events->host + ":" + std::to_string(c.events->port) + "/" +
                std::to_string(c.events->database);
       },
       "none", "redis://HOST:PORT/DB"},
      {"events-length", "1000", "2000", "3000",
       [](const configuration& c) { return std::to_string(c.events_length); }, "1000000",
       "1000 to 1000000000"},
      {"view-cache", "1MiB", "2MiB", "3MiB",
       [](const configuration& c) { return std::to_string(c.view_cache_bytes / 1024 / 1024) + "MiB"; },
       "64MiB", "1MiB to 64GiB"},
      {"payment", "http://a:1", "http://b:2", "http://c:3/",
       [](const configuration& c) {
         return c.provider ? http_url_of(c.provider->host, c.provider->port) : std::string("sandbox");
       },
       "sandbox", "http://HOST:PORT"},
      {"payment-key", "sk_a", "sk_b", "sk_c", [](const configuration& c) { return c.payment_key; },
       "sk_sandbox", "visible ASCII"},
      wait_row("payment-timeout", &configuration::payment_timeout, "620ms"),
      wait_row("payment-wait", &configuration::payment_wait, "5000ms"),
      {"timezone", "Europe/Berlin", "America/New_York", "UTC",
       [](const configuration& c) { return c.timezone; }, "Asia/Seoul", "IANA name"},
      {"delivery-days", "1", "2", "3",
       [](const configuration& c) { return std::to_string(c.delivery_days.count()); }, "21",
       "days from 0 to 3650"},
      {"threads", "3", "4", "5", [](const configuration& c) { return std::to_string(c.threads); },
       std::to_string(default_configuration().threads), "number from 1 to 256"},
      {"drain-delay", "1000ms", "2000ms", "3000ms",
       [](const configuration& c) { return in_ms(c.drain_delay); }, "0ms", "duration from 0s to 10m"},
      {"auth",
       "keys",
       "jwt",
       "keys,jwt",
       [](const configuration& c) {
         if (c.access.by_keys) return std::string(c.access.by_tokens ? "keys,jwt" : "keys");
         return std::string(c.access.by_tokens ? "jwt" : "none");
       },
       "none",
       "none, keys, jwt, or keys,jwt",
       {"--auth-keys", "k", "--auth-jwks", "j", "--auth-issuer", "i", "--auth-audience", "a"}},
      access_row("auth-keys", &access_configuration::keys, "a file of API keys", {"--auth", "keys"}),
      access_row("auth-jwks", &access_configuration::key_set, "a JWK set", for_tokens("--auth-jwks")),
      access_row("auth-issuer", &access_configuration::issuer, "1024 characters",
                 for_tokens("--auth-issuer")),
      access_row("auth-audience", &access_configuration::audience, "1024 characters",
                 for_tokens("--auth-audience")),
      {"rate-limit",
       "1/s",
       "200/m",
       "1000000/s",
       [](const configuration& c) {
         if (!c.access.rate) return std::string("none");
         const bool second = c.access.rate->window == std::chrono::seconds{1};
         return std::to_string(c.access.rate->requests) + (second ? "/s" : "/m");
       },
       "none",
       "100/s or 600/m",
       {"--auth", "keys", "--auth-keys", "k"}},
      {"event-streams",
       "1",
       "64",
       "256",
       [](const configuration& c) { return std::to_string(c.access.event_streams); },
       "16",
       "number from 1 to 256",
       {"--auth", "keys", "--auth-keys", "k"}},
      access_row("tls-certificate", &access_configuration::certificate, "a PEM file", {"--tls-key", "k"}),
      access_row("tls-key", &access_configuration::key, "a PEM file", {"--tls-certificate", "c"}),
      {"card-numbers", "off", "on", "off",
       [](const configuration& c) { return std::string(c.access.card_numbers ? "on" : "off"); }, "on",
       "on or off"},
      {"node-listen", "127.0.0.1:1", "127.0.0.1:2", "[::1]:3",
       [](const configuration& c) {
         if (!c.node.listen) return std::string("none");
         const bool v6 = c.node.listen->address.find(':') != std::string::npos;
         return (v6 ? "[" + c.node.listen->address + "]" : c.node.listen->address) + ":" +
                std::to_string(c.node.listen->port);
       },
       "none", "10.0.0.1:9088 or [fd00::1]:9088", shared_parts},
      {"otlp-endpoint", "http://a:1", "https://b:2", "http://c:3",
       [](const configuration& c) {
         const auto& to = c.traces.collector;
         return to ? http_url_of(to->host, to->port, c.traces.secure) : std::string("none");
       },
       "none", "without /v1/traces"},
      {"trace-ratio",
       "0.25",
       "0.50",
       "0.75",
       [](const configuration& c) {
         return std::to_string(c.traces.ratio).substr(0, c.traces.ratio == 1 ? 1 : 4);
       },
       "1",
       "traces from 0 to 1",
       {"--otlp-endpoint", "http://127.0.0.1:4318"}},
      {"lease", "2000ms", "3000ms", "4000ms", [](const configuration& c) { return in_ms(c.node.lease); },
       "5000ms", "duration from 2s to 1m"},
      {"roles", "gateway", "reservation,receipt", "projection",
       [](const configuration& c) {
         const auto& shards = c.node.roles.of_shards;
         std::string text;
         if (c.node.roles.gateway) text += ",gateway";
         if (shards.reservation) text += ",reservation";
         if (shards.receipt) text += ",receipt";
         if (shards.projection) text += ",projection";
         return text.substr(1);
       },
       "gateway,reservation,receipt,projection", "gateway,reservation,receipt,projection", in_a_cluster},
      pem_row("node-certificate", &node_configuration::certificate,
              {"--node-key", "k", "--node-authority", "a"}),
      pem_row("node-key", &node_configuration::key, {"--node-certificate", "c", "--node-authority", "a"}),
      pem_row("node-authority", &node_configuration::authority,
              {"--node-certificate", "c", "--node-key", "k"}),
      {"log-level", "warn", "debug", "trace",
       [levels](const configuration& c) { return levels[static_cast<std::size_t>(c.level)]; }, "info",
       "trace, debug, info, warn, error or off"},
      {"log-format", "json", "text", "json",
       [](const configuration& c) {
         if (!c.format) return std::string("automatic");
         return std::string(*c.format == log_format::json ? "json" : "text");
       },
       "automatic", "text or json"},
      {"sandbox-latency", "1ms-2ms", "3ms-4ms", "5ms-6ms",
       [](const configuration& c) {
         return in_ms(c.sandbox.latency_min) + "-" + in_ms(c.sandbox.latency_max);
       },
       "0ms-0ms", "range of two"},
      rate_row("sandbox-decline-rate", &payments::sandbox_knobs::decline_rate),
      rate_row("sandbox-fail-rate", &payments::sandbox_knobs::fail_rate),
      rate_row("sandbox-hang-after-charge-rate", &payments::sandbox_knobs::hang_after_charge_rate),
      rate_row("sandbox-lands-late-rate", &payments::sandbox_knobs::lands_late_rate),
      {"sandbox-lands-late-after", "700ms", "800ms", "900ms",
       [](const configuration& c) { return in_ms(c.sandbox.lands_late_after); }, "2000ms", "from 1ms to 1m"},
      rate_row("sandbox-forget-keys-rate", &payments::sandbox_knobs::forget_keys_rate),
      {"sandbox-refund-failures", "1", "2", "3",
       [](const configuration& c) { return std::to_string(c.sandbox.refund_failures); }, "0", "0 to 1000"},
      {"sandbox-outage", "true", "false", "true",
       [](const configuration& c) { return std::string(c.sandbox.outage ? "true" : "false"); }, "false",
       "true or false"},
  };
}

/// 0.25 -> "25" for a rate's text, a URL without its path, any other text as it is.
std::string as_shown(const precedence_row& row, const std::string& text) {
  if (row.name == "payment" && text.ends_with("/")) return text.substr(0, text.size() - 1);
  return row.name.ends_with("-rate") ? in_percent(std::stod(text)) : text;
}

TEST_CASE("a flag goes before its variable, a variable before the file, the file before the default") {
  for (const precedence_row& row : precedence_table()) {
    CAPTURE(row.name);
    const temporary_file file(row.name + " = \"" + row.in_file + "\"\n");
    const environment_variables variable{{variable_of(row.name), row.in_variable}};
    const auto parse_beside = [&](std::vector<std::string> arguments,
                                  const environment_variables& with = {}) {
      arguments.insert(arguments.end(), row.beside.begin(), row.beside.end());
      return parse(std::move(arguments), with);
    };

    const auto by_default = parse({"serve"});
    REQUIRE(by_default);
    CHECK(row.shown(*by_default) == row.shown_by_default);

    const auto by_file = parse_beside({"serve", "--config", file.path()});
    REQUIRE(by_file);
    CHECK(row.shown(*by_file) == as_shown(row, row.in_file));

    const auto by_variable = parse_beside({"serve", "--config", file.path()}, variable);
    REQUIRE(by_variable);
    CHECK(row.shown(*by_variable) == as_shown(row, row.in_variable));

    const auto by_flag =
        parse_beside({"serve", "--config", file.path(), "--" + row.name, row.in_flag}, variable);
    REQUIRE(by_flag);
    CHECK(row.shown(*by_flag) == as_shown(row, row.in_flag));
  }
}

TEST_CASE("the tables of this test name every setting") {
  CHECK(precedence_table().size() == all_settings().size());
}

TEST_CASE("a bad value is refused by the name of its source, with what is accepted") {
  for (const precedence_row& row : precedence_table()) {
    CAPTURE(row.name);
    // A key that is refused must not be shown.
    if (row.name == "payment-key" || row.name == "journal") continue;
    // An empty path is the only bad one.
    const bool is_path = row.name == "data" || row.shown_by_default == "none";
    const std::string bad = is_path && row.name != "node-listen" ? "" : "nonsense";

    const std::string by_flag = refusal(parse({"serve", "--" + row.name + "=" + bad}));
    if (!bad.empty()) check_contains(by_flag, "--" + row.name + " = '" + bad + "' is not accepted");
    if (!bad.empty()) check_contains(by_flag, row.accepted);

    const std::string by_variable = refusal(parse({"serve"}, {{variable_of(row.name), bad}}));
    check_contains(by_variable, variable_of(row.name) + " = '" + bad + "' is not accepted");
    check_contains(by_variable, row.accepted);

    const temporary_file file("\n\n" + row.name + " = \"" + bad + "\"\n");
    const std::string by_file = refusal(parse({"serve", "--config", file.path()}));
    check_contains(by_file, file.path() + " line 3: " + row.name + " = '" + bad + "' is not accepted");
    check_contains(by_file, row.accepted);
  }
}

TEST_CASE("a secret is refused without being shown, whatever its source") {
  const std::string bad = "top secret";
  const temporary_file file("payment-key = \"" + bad + "\"\n");
  const std::string journal = refusal(parse({"serve", "--journal", "postgre://shop:secret@db/holdfast"}));
  check_contains(journal, "--journal");
  CHECK(journal.find("secret") == std::string::npos);
  for (const std::string& text :
       {refusal(parse({"serve", "--payment-key", bad})), refusal(parse({"serve", "--payment-key=" + bad})),
        refusal(parse({"serve", "--payment-key", bad, "--payment-key", bad})),
        refusal(parse({"serve"}, {{"HOLDFAST_PAYMENT_KEY", bad}})),
        refusal(parse({"serve", "--config", file.path()}))}) {
    CAPTURE(text);
    CHECK(text.find("secret") == std::string::npos);
    CHECK((text.find("payment-key") != std::string::npos || text.find("PAYMENT_KEY") != std::string::npos));
  }
}

TEST_CASE("what was given is shown with its source, and secrets are masked") {
  const temporary_file file("payment-key = \"secret-a\"\nthreads = 3\n");
  const auto result = parse({"serve", "--config", file.path(), "--payment-key", "secret-b", "--threads", "4",
                             "--journal", "postgres://shop:secret-c@db/holdfast"},
                            {{"HOLDFAST_JOURNAL", "postgres://shop:secret-d@db/holdfast"}});
  REQUIRE(result);
  const std::vector<std::string> expected{file.path() + " line 1: payment-key = ****",
                                          file.path() + " line 2: threads = 3",
                                          "HOLDFAST_JOURNAL = ****",
                                          "--journal = ****",
                                          "--payment-key = ****",
                                          "--threads = 4"};
  CHECK(result->given == expected);
  CHECK(parse({"serve"})->given.empty());
}

TEST_CASE("a user and a password in a URL are shown to nobody") {
  const auto said = refusal(parse({"serve", "--view", "redis://shop:s3cr3t@db:6379/0"}));
  check_contains(said, "--view = 'redis://****@db:6379/0' is not accepted");
  CHECK(said.find("s3cr3t") == std::string::npos);
  check_contains(refusal(parse({"serve", "--view", "shop:s3cr3t@db:6379"})), "--view = '****@db:6379'");
}

TEST_CASE("a knob of the sandbox in this process is refused where payments go elsewhere") {
  const std::string url = "http://127.0.0.1:9090";
  check_contains(refusal(parse({"serve", "--payment", url, "--sandbox-latency", "1s"})),
                 "--sandbox-latency = '1s' is not accepted; it turns the sandbox in this process");
  check_contains(refusal(parse({"serve", "--payment", url}, {{"HOLDFAST_SANDBOX_OUTAGE", "true"}})),
                 "HOLDFAST_SANDBOX_OUTAGE = 'true' is not accepted");
  // As the example file has them.
  CHECK(parse({"serve", "--payment", url, "--sandbox-latency", "0ms", "--sandbox-fail-rate", "0"}));
}

TEST_CASE("beyond this machine nothing is served to whoever asks") {
  for (const char* wide : {"0.0.0.0:8088", "[::]:8088", "10.0.0.1:8088", "[::ffff:127.0.0.1]:8088"}) {
    CAPTURE(wide);
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--auth", "none"}}) {
      std::vector<std::string> arguments{"serve", "--listen", wide};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const auto text = refusal(parse(arguments));
      check_contains(text, "--listen = ");
      check_contains(text, "give --auth keys with --auth-keys FILE");
      check_contains(text, "or listen on 127.0.0.1");
    }
    CHECK(parse({"serve", "--listen", wide, "--auth", "keys", "--auth-keys", "k"}));
  }
  CHECK(parse({"serve", "--listen", "[::1]:8088", "--auth", "none"}));
}

TEST_CASE("settings of access that do not go together are refused") {
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{"--auth", "keys"}, "--auth = 'keys' is not accepted; give --auth-keys too"},
      {{"--auth", "jwt", "--auth-jwks", "f", "--auth-issuer", "i"}, "give --auth-audience too"},
      {{"--auth", "keys,jwt", "--auth-keys", "f"}, "give --auth-jwks too"},
      {{"--auth-keys", "f"}, "--auth-keys = 'f' is not accepted; it is of no use without --auth keys"},
      {{"--auth-issuer", "i"}, "of no use without --auth jwt"},
      {{"--rate-limit", "5/s"}, "without --auth all are one"},
      {{"--event-streams", "5"}, "--event-streams = '5' is not accepted; it is for each principal"},
      {{"--tls-key", "k"}, "--tls-key = 'k' is not accepted; give both"},
      {{"--tls-certificate", "c"}, "--tls-certificate = 'c' is not accepted; give both"},
  };
  for (const auto& [flags, part] : table) {
    std::vector<std::string> arguments{"serve"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    check_contains(refusal(parse(arguments)), part);
  }
}

TEST_CASE("a share of traces that would do nothing is refused") {
  check_contains(refusal(parse({"serve", "--trace-ratio", "0.1"})),
                 "--trace-ratio = '0.1' is not accepted; without --otlp-endpoint no trace begins here");
  CHECK(parse({"serve", "--trace-ratio", "1"}));
  CHECK(parse({"serve", "--trace-ratio", "0", "--otlp-endpoint", "http://collector.test:4318"}));
  for (const char* url :
       {"http://collector.test:4318/v1/traces", "collector.test:4318", "grpc://c:4317", ""}) {
    check_contains(refusal(parse({"serve", "--otlp-endpoint", url})), "--otlp-endpoint");
  }
}

TEST_CASE("a node is refused without what it has to share with the others") {
  const std::string here = "127.0.0.1:9188";
  const std::vector<std::string> certificates{"--node-certificate", "c", "--node-key", "k",
                                              "--node-authority",   "a"};
  const auto node = [](std::string address, std::size_t left_out, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"serve", "--node-listen", std::move(address)};
    for (std::size_t i = 0; i < shared_parts.size(); ++i) {
      if (i / 2 != left_out) arguments.push_back(shared_parts[i]);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parse(arguments);
  };
  constexpr std::size_t nothing = 9;
  CHECK(node(here, nothing));
  CHECK(node("[::1]:9188", nothing));
  CHECK(node("none", 0));
  check_contains(refusal(node(here, 0)),
                 "--node-listen = '127.0.0.1:9188' is not accepted; nodes share their");
  check_contains(refusal(node(here, 0)), "--journal postgres://");
  check_contains(refusal(node(here, 1)), "--view redis://");
  check_contains(refusal(node(here, 2)), "--payment http://");
  for (const char* address : {"10.0.0.1:9188", "[fd00::1]:9188", "128.0.0.1:0"}) {
    check_contains(refusal(node(address, nothing)), "--node-certificate");
    CHECK(node(address, nothing, certificates));
  }
  for (const char* address : {"0.0.0.0:9188", "[::]:9188", "db.example:9188"}) {
    check_contains(refusal(node(address, nothing, certificates)), "that other nodes reach this one at");
  }
  check_contains(refusal(parse({"serve", "--roles", "gateway"})),
                 "--roles = 'gateway' is not accepted; without --node-listen");
  CHECK(parse({"serve", "--roles", "projection,receipt,gateway,reservation"}));
  check_contains(refusal(parse({"serve", "--roles", "gateway,,receipt"})), "--roles");
  check_contains(refusal(parse({"serve", "--node-key", "k"})),
                 "--node-key = 'k' is not accepted; give all three");
  check_contains(refusal(parse({"serve"}, {{"HOLDFAST_NODE_CERTIFICATE", "c"}, {"HOLDFAST_NODE_KEY", "k"}})),
                 "HOLDFAST_NODE_CERTIFICATE = 'c' is not accepted");
}

TEST_CASE("a bad value in the file is refused even where a flag would have won") {
  const temporary_file file("threads = 0\n");
  check_contains(refusal(parse({"serve", "--config", file.path(), "--threads", "2"})),
                 "line 1: threads = '0'");
}

TEST_CASE("values at and beyond their limits") {
  struct limit_row {
    std::string flag;
    std::string value;
    bool accepted;
  };
  const std::vector<limit_row> table{
      {"--listen", "127.1.2.3:0", true},
      {"--rate-limit", "0/s", false},
      {"--rate-limit", "1000001/s", false},
      {"--rate-limit", "5", false},
      {"--rate-limit", "5/h", false},
      {"--listen", "127.0.0.1:65535", true},
      {"--listen", "127.0.0.1:65536", false},
      {"--listen", "localhost:8088", true},
      {"--listen", "[::1]:8088", true},
      {"--listen", "::1:8088", false},
      {"--listen", "[127.0.0.1]:8088", false},
      {"--listen", "example.org:8088", false},
      {"--listen", "127.0.0.1", false},
      {"--listen", ":8088", false},
      {"--listen", "127.0.0.1:", false},
      {"--view", "redis://127.0.0.1:6379/0", true},
      {"--view", "redis://[::1]:6379/15", true},
      {"--view", "Embedded", false},
      {"--view", "", false},
      {"--view", "redis://127.0.0.1:0/0", false},
      {"--view", "redis://:6379/0", false},
      {"--view", "redis://127.0.0.1:6379/zero", false},
      {"--view", "http://127.0.0.1:6379/0", false},
      {"--payment", "http://provider.test:80", true},
      {"--payment", "http://[::1]:9090/", true},
      {"--payment", "http://127.0.0.1", false},
      {"--payment", "http://127.0.0.1:0", false},
      {"--payment", "http://127.0.0.1:65536", false},
      {"--payment", "http://127.0.0.1:9090/v1", false},
      {"--payment", "http://a b:9090", false},
      {"--payment", "http://key@host:9090", false},
      {"--payment", "http://::1:9090", false},
      {"--payment", "https://127.0.0.1:9090", false},
      {"--payment-key", "", false},
      {"--payment-key", "a b", false},
      {"--payment-key", "a\r\nb", false},
      {"--payment-key", "\xc3\xa4", false},
      {"--payment-key", std::string(256, 'k'), true},
      {"--payment-key", std::string(257, 'k'), false},
      {"--view-cache", "1MiB", true},
      {"--view-cache", "1023KiB", false},
      {"--view-cache", "64GiB", true},
      {"--view-cache", "65GiB", false},
      {"--view-cache", "64", false},
      {"--payment-wait", "1ms", true},
      {"--payment-wait", "0ms", false},
      {"--payment-wait", "1m", true},
      {"--payment-wait", "61s", false},
      {"--payment-wait", "5", false},
      {"--payment-wait", "5 s", false},
      {"--payment-wait", "-5s", false},
      {"--payment-wait", "1.5s", false},
      {"--payment-wait", "99999999999999999999s", false},
      {"--payment-wait", "18446744073709551615m", false},
      {"--sandbox-latency", "0ms", true},
      {"--sandbox-latency", "400ms-620ms", true},
      {"--sandbox-latency", "620ms-400ms", false},
      {"--sandbox-latency", "400ms-", false},
      {"--sandbox-latency", "2m", false},
      {"--sandbox-fail-rate", "0", true},
      {"--sandbox-fail-rate", "1", true},
      {"--sandbox-fail-rate", "1.01", false},
      {"--sandbox-fail-rate", "nan", false},
      {"--delivery-days", "0", true},
      {"--delivery-days", "3650", true},
      {"--delivery-days", "3651", false},
      {"--threads", "256", true},
      {"--threads", "257", false},
      {"--threads", "0", false},
      {"--threads", "2x", false},
      {"--timezone", "../../etc/passwd", false},
      {"--timezone", "Asia", false},
      {"--log-level", "INFO", false},
      {"--lease", "2s", true},
      {"--lease", "1999ms", false},
      {"--lease", "1m", true},
      {"--lease", "61s", false},
      {"--drain-delay", "0ms", true},
      {"--drain-delay", "10m", true},
      {"--drain-delay", "11m", false},
  };
  for (const limit_row& row : table) {
    CAPTURE(row.flag);
    CAPTURE(row.value);
    const auto result = parse({"serve", row.flag + "=" + row.value});
    CHECK(result.has_value() == row.accepted);
    if (!row.accepted) check_contains(refusal(result), row.flag);
  }
}

TEST_CASE("numbers and booleans in the file need no quotes") {
  const temporary_file file(
      "threads = 7\nsandbox-outage = true\nsandbox-decline-rate = 0.25\nsandbox-fail-rate = 1\n");
  const auto result = parse({"serve", "--config", file.path()});
  REQUIRE(result);
  CHECK(result->threads == 7);
  CHECK(result->sandbox.outage);
  CHECK(result->sandbox.decline_rate == 0.25);
  CHECK(result->sandbox.fail_rate == 1);
}

TEST_CASE("the file is found through its variable, and a flag goes before it") {
  const temporary_file three("threads = 3\n");
  const temporary_file four("threads = 4\n");
  const environment_variables variable{{"HOLDFAST_CONFIG", three.path()}};
  CHECK(parse({"serve"}, variable)->threads == 3);
  CHECK(parse({"serve", "--config", four.path()}, variable)->threads == 4);
}

TEST_CASE("what is not known is refused by name, with what is") {
  struct refusal_row {
    std::vector<std::string> arguments;
    environment_variables environment;
    std::vector<std::string> parts;
  };
  const std::vector<refusal_row> table{
      {{"serve", "--lisen", "127.0.0.1:1"}, {}, {"unknown flag '--lisen'", "--listen", "--payment-wait"}},
      {{"serve", "--lisen=127.0.0.1:1"}, {}, {"unknown flag '--lisen'"}},
      {{"serve", "-x"}, {}, {"unknown flag '-x'"}},
      {{"serve", "8088"}, {}, {"unexpected argument '8088'"}},
      {{"serve", "--listen"}, {}, {"--listen"}},
      {{"serve", "--threads", "1", "--threads", "2"}, {}, {"--threads"}},
      {{"store"}, {}, {"unknown command 'store'", "serve"}},
      {{"--data", "/tmp"}, {}, {"unknown command '--data'", "serve"}},
      {{}, {}, {"Usage: holdfast", "holdfast serve"}},
      {{"serve"}, {{"HOLDFAST_LISEN", "x"}}, {"unknown variable 'HOLDFAST_LISEN'", "HOLDFAST_LISTEN"}},
      {{"serve"}, {{"HOLDFAST_", "x"}}, {"unknown variable 'HOLDFAST_'"}},
      {{"serve", "--config", "/nowhere/holdfast.toml"}, {}, {"/nowhere/holdfast.toml"}},
      {{"serve", "--config", "/"}, {}, {"can't read the configuration file /"}},
      {{"serve", "--payment", "stripe"}, {}, {"--payment", "give sandbox"}},
  };
  for (const refusal_row& row : table) {
    const std::string text = refusal(parse(row.arguments, row.environment));
    for (const std::string& part : row.parts) check_contains(text, part);
  }
}

TEST_CASE("what is wrong with the file is refused with its line") {
  struct file_row {
    std::string text;
    std::string part;
  };
  const std::vector<file_row> table{
      {"threads = 1\nthread = 2\n", "line 2: unknown key 'thread'; accepted: listen, data"},
      {"[serve]\nthreads = 1\n", "line 1: [serve] is a table; settings stand at the top of the file"},
      // Settings of other commands are called so.
      {"[server]\nthreads = 1\n", "line 1: [server] is a table"},
      {"threads = 1\n[key]\nauth = \"keys\"\n", "line 2: [key] is a table"},
      {"operator-who.name = \"olaf\"\n", "line 1: [operator-who] is a table"},
      {"[[output]]\nthreads = 1\n", "line 1: output has to be a string, a number"},
      {"config = \"other.toml\"\n", "line 1: unknown key 'config'"},
      {"\nthreads = [1]\n", "line 2: threads has to be a string, a number"},
      {"threads = 2026-11-22\n", "line 1: threads has to be"},
      {"threads = true\n", "line 1: threads = 'true' is not accepted"},
      {"threads = 1\nthreads = 2\n", "line 2: "},
      {"threads = \n", "line 1: "},
      {std::string(70'000, '#'), "larger than 64 KiB"},
  };
  for (const file_row& row : table) {
    const temporary_file file(row.text);
    const std::string text = refusal(parse({"serve", "--config", file.path()}));
    check_contains(text, file.path());
    check_contains(text, row.part);
  }
}

TEST_CASE("the example file names every setting, at its default") {
  const std::string path = HOLDFAST_SOURCE_DIR "/holdfast.toml.example";
  const auto example = parse({"serve", "--config", path});
  REQUIRE_MESSAGE(example, example.error().text);
  for (const precedence_row& row : precedence_table()) {
    CAPTURE(row.name);
    CHECK(row.shown(*example) == row.shown_by_default);
  }
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const setting& each : all_settings()) check_contains(text, std::string(each.name) + " = ");
}

TEST_CASE("variables that are no settings are left alone") {
  CHECK(parse({"serve"}, {{"PATH", "/bin"},
                          {"HOLDFAST", "x"},
                          {"HOLDFAST_SERVICE_HOST", "10.0.0.1"},
                          {"HOLDFAST_PORT", "tcp://10.0.0.1:8088"},
                          {"HOLDFAST_PORT_8088_TCP_ADDR", "10.0.0.1"}}));
}

TEST_CASE("help and version are answered, not refused") {
  const auto help = parse({"serve", "--help"});
  REQUIRE_FALSE(help);
  CHECK(help.error().code == 0);
  for (const setting& each : all_settings()) check_contains(help.error().text, std::string("--") + each.name);
  check_contains(help.error().text, "Examples:");

  const auto version = parse({"--version"});
  REQUIRE_FALSE(version);
  CHECK(version.error().code == 0);
  CHECK(version.error().text == "holdfast " HOLDFAST_VERSION "\n");

  CHECK(parse({"--help"}).error().code == 0);
  CHECK(parse({"help"}).error().code == 0);
  CHECK(parse({"help"}).error().text == parse({"--help"}).error().text);
}

TEST_CASE("a group of commands tells which it has") {
  for (const std::string group : {"journal", "reservation", "breaker", "view"}) {
    for (const std::string word : {"--help", "-h", "help"}) {
      const auto help = parse({group, word});
      REQUIRE_FALSE(help);
      CHECK(help.error().code == 0);
      check_contains(help.error().text, "Usage: holdfast " + group + " COMMAND [FLAGS]");
    }
    // Nothing was asked for.
    CHECK(refusal(parse({group})) == parse({group, "--help"}).error().text);
  }
  const auto breaker = parse({"breaker", "--help"}).error().text;
  for (const auto* name : {"show", "open", "close", "auto"}) {
    check_contains(breaker, "\n  holdfast breaker " + std::string(name) + "  ");
  }
  CHECK(breaker.find("holdfast serve") == std::string::npos);
  check_contains(refusal(parse({"breaker", "off"})), "unknown command 'breaker off'; accepted: breaker show");
}

}  // namespace
}  // namespace holdfast
