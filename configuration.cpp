#include "configuration.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "delivery_calendar.hpp"

namespace holdfast {

namespace {

using refusal = std::optional<std::string>;
constexpr std::nullopt_t accepted = std::nullopt;

constexpr std::uint64_t longest_delivery_days = 3650;
constexpr std::uint64_t most_threads = 256;
constexpr std::uint64_t smallest_view_cache_bytes = 1024 * 1024;
constexpr std::uint64_t largest_view_cache_bytes = std::uint64_t{64} * 1024 * 1024 * 1024;
constexpr std::uint64_t smallest_events_length = 1'000;
constexpr std::uint64_t largest_events_length = 1'000'000'000;
constexpr std::size_t longest_payment_key_bytes = 256;
constexpr std::chrono::minutes longest_drain_delay{10};

/// A Redis, or the word for none.
value_reader redis_into(std::optional<storage::redis_options>& into, std::string none) {
  return [&into, none = std::move(none)](const std::string& text) -> refusal {
    into.reset();
    if (text == none) return accepted;
    const auto redis = storage::parse_redis_url(text);
    if (!redis) {
      return "give " + none + ", or redis://HOST:PORT/DB such as redis://127.0.0.1:6379/0 (" + redis.error() +
             ")";
    }
    into = *redis;
    return accepted;
  };
}

value_reader view_cache_into(std::uint64_t& into) {
  return [&into](const std::string& text) -> refusal {
    const auto bytes = parse_size(text);
    if (!bytes || *bytes < smallest_view_cache_bytes || *bytes > largest_view_cache_bytes) {
      return "give a size from 1MiB to 64GiB, such as 64MiB";
    }
    into = *bytes;
    return accepted;
  };
}

value_reader timezone_into(configuration& into) {
  return [&into](const std::string& text) -> refusal {
    const auto calendar = delivery_calendar::open(text, into.delivery_days);
    if (!calendar) return calendar.error();
    into.timezone = text;
    return accepted;
  };
}

value_reader delivery_days_into(std::chrono::days& into) {
  return [&into](const std::string& text) -> refusal {
    const auto days = parse_whole_number(text);
    if (!days || *days > longest_delivery_days) return "give a number of days from 0 to 3650";
    into = std::chrono::days{*days};
    return accepted;
  };
}

/// A knob of the sandbox would silently do nothing where another provider is used.
refusal refuse_idle_knob(const std::vector<given_value>& values) {
  for (const given_value& each : values) {
    if (!each.what->name.starts_with("sandbox-") || each.text == each.what->default_text) continue;
    return refusal_of(
        each,
        "it turns the sandbox in this process, and payments go to a provider behind HTTP: leave "
        "it out, or give it to holdfast sandbox");
  }
  return accepted;
}

std::vector<std::string> setting_names() {
  configuration any;
  return names_of(settings_of(any));
}

}  // namespace

const command serve_command{
    .name = "serve",
    .purpose = "takes pre-orders over HTTP until it is told to end (SIGTERM)",
    .examples =
        "  holdfast serve\n"
        "  holdfast serve --listen 0.0.0.0:8088 --auth keys --auth-keys /etc/holdfast/keys/api-keys\n"
        "  holdfast serve --journal postgres://holdfast@db.example:5432/holdfast\n"
        "  holdfast serve --view redis://127.0.0.1:6379/0\n"
        "  holdfast serve --payment http://127.0.0.1:9090\n"
        "  holdfast serve --node-listen 127.0.0.1:9188 --journal postgres://holdfast@db.example/holdfast \\\n"
        "    --view redis://db.example:6379/0 --payment http://127.0.0.1:9090\n"
        "  holdfast serve --sandbox-latency 400ms-620ms --sandbox-decline-rate 0.1\n"
        "  HOLDFAST_LOG_LEVEL=debug holdfast serve --config holdfast.toml\n",
    .prefix = "",
    .setting_names = setting_names,
};

value_reader journal_into(std::vector<storage::postgres_place>& into) {
  return [&into](const std::string& text) -> refusal {
    into.clear();
    if (text == "embedded") return accepted;
    auto places = storage::parse_postgres_places(text);
    if (!places) {
      return "give embedded, postgres://USER@HOST:PORT/DATABASE, or several such databases as "
             "'0-127=postgres://... 128-255=postgres://...' (" +
             places.error() + ")";
    }
    into = std::move(*places);
    return accepted;
  };
}

std::vector<setting> journal_settings(std::string& data, std::vector<storage::postgres_place>& journal) {
  return {
      {"data", "DIR", "./data", "Folder of the journals", folder_into(data)},
      {"journal", "JOURNAL", "embedded",
       "Where reservations are kept: embedded, in the data folder, or postgres://USER@HOST:PORT/DATABASE",
       journal_into(journal), true},
  };
}

value_reader provider_into(std::optional<host_and_port>& into) {
  return [&into](const std::string& text) -> refusal {
    into.reset();
    if (text == "sandbox") return accepted;
    into = parse_http_url(text);
    if (!into) return "give sandbox, or http://HOST:PORT such as http://127.0.0.1:9090";
    return accepted;
  };
}

/// It goes into a header as it is.
value_reader payment_key_into(std::string& into) {
  return [&into](const std::string& text) -> refusal {
    const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (text.empty() || text.size() > longest_payment_key_bytes || !visible) {
      return "give 1 to 256 visible ASCII characters without spaces";
    }
    into = text;
    return accepted;
  };
}

std::vector<setting> settings_of(configuration& into) {
  std::vector<setting> settings{
      {"listen", "HOST:PORT", "127.0.0.1:8088", "Address to serve HTTP on; port 0 takes any free one",
       address_into(into.listen)},
      {"data", "DIR", "./data", "Folder of the journals; made if it is not there", folder_into(into.data)},
      {"journal", "JOURNAL", "embedded",
       "Where reservations are kept: embedded, in the data folder, or postgres://USER@HOST:PORT/DATABASE; "
       "with a password better as a variable",
       journal_into(into.journal), true},
      {"view", "VIEW", "embedded", "Where reads come from: embedded, or redis://HOST:PORT/DB",
       redis_into(into.redis, "embedded")},
      {"view-cache", "SIZE", "64MiB", "Memory that the embedded view caches in",
       view_cache_into(into.view_cache_bytes)},
      {"events", "STREAM", "none",
       "Where events are published to for other services: none, or redis://HOST:PORT/DB, there to the stream "
       "prereservation",
       redis_into(into.events, "none")},
      {"events-length", "N", "1000000", "Entries that the stream keeps, about",
       number_into(into.events_length, smallest_events_length, largest_events_length)},
      {"payment", "PROVIDER", "sandbox",
       "Who takes the payments: sandbox, in this process, or http://HOST:PORT", provider_into(into.provider)},
      {"payment-key", "KEY", "sk_sandbox", "Secret key for a provider behind HTTP; better as a variable",
       payment_key_into(into.payment_key), true},
      {"payment-timeout", "DURATION", "620ms", "How long one call to the provider may take",
       wait_into(into.payment_timeout)},
      {"payment-wait", "DURATION", "5s", "How long a POST waits for its payment before it answers 202",
       wait_into(into.payment_wait)},
      {"timezone", "ZONE", "Asia/Seoul", "IANA zone that delivery dates are reckoned in",
       timezone_into(into)},
      {"delivery-days", "N", "21", "Calendar days from the payment to the delivery",
       delivery_days_into(into.delivery_days)},
      {"threads", "N", "one per processor", "Event loops, a thread each, for HTTP and the actors",
       number_into(into.threads, 1, most_threads)},
      {"drain-delay", "DURATION", "0s",
       "How long SIGTERM lets it serve on while readiness is down, for load balancers to notice",
       duration_into(into.drain_delay, {}, longest_drain_delay,
                     "give a duration from 0s to 10m, such as 5s")},
  };
  for (auto& each : access_settings(into.access)) settings.push_back(std::move(each));
  for (auto& each : node_settings(into.node)) settings.push_back(std::move(each));
  for (auto& each : trace_settings(into.traces)) settings.push_back(std::move(each));
  for (auto& each : log_settings(into.level, into.format)) settings.push_back(std::move(each));
  for (auto& each : knob_settings(into.sandbox)) settings.push_back(std::move(each));
  settings.push_back({"sandbox-outage", "BOOL", "false", "Whether the sandbox refuses connections",
                      truth_into(into.sandbox.outage)});
  return settings;
}

configuration default_configuration() {
  configuration defaults;
  defaults.threads = std::max(1u, std::thread::hardware_concurrency());
  return defaults;
}

tl::expected<configuration, early_exit> parse_configuration(int argc, const char* const* argv,
                                                            const environment_variables& environment) {
  return parse_configuration(serve_command, argc, argv, environment);
}

tl::expected<configuration, early_exit> parse_configuration(const command& about, int argc,
                                                            const char* const* argv,
                                                            const environment_variables& environment) {
  configuration result = default_configuration();
  const auto settings = settings_of(result);
  const auto values = read_settings(about, settings, argc, argv, environment);
  if (!values) return tl::unexpected(values.error());
  if (result.provider) {
    if (const auto idle = refuse_idle_knob(*values)) return refuse(*idle);
  }
  if (const auto open = refuse_access(result, *values)) return refuse(*open);
  if (const auto alone = refuse_node(result, *values)) return refuse(*alone);
  if (const auto idle = refuse_traces(result.traces, *values)) return refuse(*idle);
  result.given = shown(*values);
  return result;
}

}  // namespace holdfast
