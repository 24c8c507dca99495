#include "doctor.hpp"

#include <fcntl.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "command.hpp"
#include "configuration.hpp"
#include "data_directory.hpp"
#include "delivery_calendar.hpp"
#include "diagnosis.hpp"
#include "doctor_configuration.hpp"
#include "doctor_credentials.hpp"
#include "http/admin_client.hpp"
#include "http/server.hpp"
#include "process_control.hpp"
#include "span_sender.hpp"
#include "storage/postgres_probe.hpp"
#include "storage/redis_probe.hpp"

namespace holdfast {

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t least_free_bytes = 256 * mebibyte;
constexpr std::uint64_t enough_free_bytes = 4096 * mebibyte;
constexpr std::uint64_t enough_descriptors = 4096;
constexpr int syncs = 20;
constexpr std::chrono::milliseconds provider_timeout{5000};
constexpr std::chrono::milliseconds collector_timeout{5000};

std::string text_of(double value, const char* unit) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", value, unit);
  return text.data();
}

/// A setting's place in the file system that is there already, for this user.
std::filesystem::path existing_part(std::filesystem::path path) {
  path = std::filesystem::absolute(path);
  std::error_code ignored;
  while (!std::filesystem::exists(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path;
}

// --- The data folder ---

void look_at_space(const std::filesystem::path& folder, diagnosis& tell) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error)
    return tell.bad("disk space", folder.string() + ": " + error.message(), "see that it can be read");
  const auto free = std::to_string(space.available / mebibyte) + " MiB free in " + folder.string();
  if (space.available < least_free_bytes) {
    return tell.bad("disk space", free, "make room: where the journal can't be written the process ends");
  }
  if (space.available < enough_free_bytes) {
    return tell.warn("disk space", free, "a reservation takes about 1 KiB: watch it, or give a larger disk");
  }
  tell.good("disk space", free);
}

/// The median of some syncs of a block, in milliseconds; nothing where it fails, and errno says why.
std::optional<double> sync_time(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return std::nullopt;
  std::array<char, 4096> block{};
  std::vector<double> times;
  for (int i = 0; i < syncs; ++i) {
    const auto began = std::chrono::steady_clock::now();
    if (::pwrite(file, block.data(), block.size(), i * 4096) < 0 || ::fdatasync(file) != 0) break;
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
  }
  const int reason = errno;
  ::close(file);
  ::unlink(path.c_str());
  errno = reason;
  if (times.size() < syncs) return std::nullopt;
  std::nth_element(times.begin(), times.begin() + syncs / 2, times.end());
  return times[syncs / 2];
}

void look_at_syncs(const std::filesystem::path& folder, diagnosis& tell) {
  const auto path = (folder / ("doctor-" + std::to_string(::getpid()))).string();
  const auto median = sync_time(path);
  if (!median) {
    return tell.bad("sync speed",
                    "can't write in " + folder.string() + ": " + std::generic_category().message(errno),
                    "give the folder to the user that runs holdfast, or another --data");
  }
  const auto text = text_of(*median, "ms for a sync in ") + folder.string();
  if (*median > 20) {
    return tell.warn("sync speed", text, "each answer waits for one: use a faster disk for --data");
  }
  tell.good("sync speed", text);
}

/// What serve opens in the data folder.
std::vector<std::string> names_in_data(const configuration& settings) {
  std::vector<std::string> names{"lock"};
  if (settings.journal.empty()) names.insert(names.end(), {"reservations", "receipts"});
  if (!settings.redis) names.push_back("view");
  if (!settings.provider) names.push_back("sandbox");
  return names;
}

void look_at_data(const configuration& settings, diagnosis& tell) {
  const auto there = existing_part(settings.data);
  look_at_space(there, tell);
  look_at_syncs(there, tell);
  if (there != std::filesystem::absolute(settings.data)) {
    return tell.good("data folder", settings.data + " is made by the first start");
  }
  // Both say what to do themselves.
  const auto barred =
      data_directory::no_access(settings.data, names_in_data(settings), folder_access::writing);
  if (barred) return tell.bad("data folder", *barred, {});
  if (data_directory::is_in_use(settings.data)) {
    return tell.good("data folder", settings.data + " is in use by a process, such as holdfast serve");
  }
  const auto broken = data_directory::broken_restore(settings.data);
  if (broken) return tell.bad("data folder", *broken, {});
  tell.good("data folder", settings.data + " is free");
}

// --- Where it listens ---

void look_at_port(const std::string& name, const socket_address& where, diagnosis& tell) {
  if (const auto failure = http::failure_to_listen(where.address, where.port)) {
    return tell.bad(name, *failure, "end what listens there, or give another --" + name);
  }
  tell.good(name, where.address + ":" + std::to_string(where.port) + " is free");
}

void look_at_ports(const configuration& settings, diagnosis& tell) {
  // The holdfast serve that has the folder has them; of a lock that can't be read nobody knows whose it is.
  if (data_directory::is_in_use(settings.data)) return;
  if (data_directory::no_access(settings.data, {"lock"}, folder_access::reading)) return;
  look_at_port("listen", settings.listen, tell);
  if (settings.node.listen) look_at_port("node-listen", *settings.node.listen, tell);
}

// --- What it speaks to ---

void look_at_redis(const char* name, const storage::redis_options& redis, diagnosis& tell) {
  const auto where = redis.host + ":" + std::to_string(redis.port);
  const auto seen = storage::probe_redis(redis);
  if (!seen) {
    return tell.bad(name, "Redis at " + where + ": " + seen.error(),
                    "see that it runs and that the URL names it");
  }
  const auto text =
      "Redis " + seen->version + " at " + where + ", " + std::to_string(seen->took.count()) + " ms";
  if (!seen->eviction.empty() && seen->eviction != "noeviction") {
    return tell.warn(
        name, text + ", maxmemory-policy " + seen->eviction,
        "set maxmemory-policy noeviction: what it throws away is missing until the view is made anew");
  }
  tell.good(name, text);
}

void look_at_postgres(const storage::postgres_place& place, diagnosis& tell) {
  const auto name = "PostgreSQL, shards " + std::to_string(place.first) + "-" + std::to_string(place.last);
  const auto before = std::chrono::system_clock::now();
  const auto seen = storage::probe_postgres(place.url);
  if (!seen) return tell.bad(name, seen.error(), "see that the server runs and that --journal names it");
  const auto text = seen->version + ", " + std::to_string(seen->took.count()) + " ms";
  if (!seen->fsync) {
    return tell.bad(name, text + ", fsync is off",
                    "set fsync = on: what is acknowledged would not be durable");
  }
  if (!seen->may_make_schemas) {
    return tell.bad(name, text + ", no right to make schemas", "GRANT CREATE ON DATABASE ... TO its user");
  }
  tell.good(name, text);
  const auto now = std::chrono::system_clock::now();
  const auto ahead = seen->clock < before ? before - seen->clock
                     : seen->clock > now  ? seen->clock - now
                                          : now - now;
  const auto skew = std::chrono::duration_cast<milliseconds>(ahead);
  if (skew > milliseconds(1000)) {
    tell.warn("clock", "the database's differs by " + std::to_string(skew.count()) + " ms",
              "have both synchronised by NTP");
  }
}

void look_at_provider(const configuration& settings, diagnosis& tell) {
  if (!settings.provider) return tell.good("payment provider", "the sandbox in the process: no money moves");
  const auto url = http_url_of(settings.provider->host, settings.provider->port);
  http::admin_client client(
      {.host = settings.provider->host, .port = settings.provider->port, .key = settings.payment_key},
      provider_timeout);
  const auto began = std::chrono::steady_clock::now();
  // As a settlement does, which tells a provider from other servers.
  const auto answer =
      client.ask("GET", "/v1/payment_intents/search?query=metadata%5B%27reservation%27%5D%3A%271%27&limit=1");
  const auto took = std::chrono::ceil<milliseconds>(std::chrono::steady_clock::now() - began);
  const char* advice = "see that it runs and that --payment names it; until then placements are refused";
  if (!answer) return tell.bad("payment provider", url + " can't be reached", advice);
  const auto text = url + " answers with status " + std::to_string(answer->status) + " in " +
                    std::to_string(took.count()) + " ms";
  if (answer->status >= 500) return tell.bad("payment provider", text, advice);
  if (answer->status == 401 || answer->status == 403) {
    return tell.bad("payment provider", text, "give its key as HOLDFAST_PAYMENT_KEY: it refuses this one");
  }
  if (answer->status != 200) {
    return tell.bad("payment provider", text + " where a list of intents was asked for",
                    "see that --payment names a provider, which speaks this part of Stripe's API");
  }
  if (took > settings.payment_timeout * 75 / 100) {
    return tell.warn("payment provider", text, "that counts as slow: give a longer --payment-timeout");
  }
  tell.good("payment provider", text);
}

/// Orders go on without it.
void look_at_collector(const trace_configuration& traces, diagnosis& tell) {
  const auto url = http_url_of(traces.collector->host, traces.collector->port, traces.secure);
  const char* advice = "see that it takes OTLP over HTTP there, and that --otlp-endpoint names it";
  auto address = address_of_collector(traces);
  if (!address) return tell.warn("collector of spans", address.error(), "install ca-certificates");
  http::admin_client client(std::move(*address), collector_timeout);
  const auto answer = client.ask("POST", "/v1/traces", R"({"resourceSpans":[]})");
  if (!answer) return tell.warn("collector of spans", answer.error(), advice);
  const auto text = url + " answers with status " + std::to_string(answer->status);
  answer->status / 100 == 2 ? tell.good("collector of spans", text)
                            : tell.warn("collector of spans", text, advice);
}

// --- The machine ---

void look_at_clock(const configuration& settings, diagnosis& tell) {
  const auto calendar = delivery_calendar::open(settings.timezone, settings.delivery_days);
  if (!calendar) return tell.bad("time zone", calendar.error(), "install tzdata");
  timex state{};
  if (::adjtimex(&state) < 0 || (state.status & STA_UNSYNC) != 0) {
    return tell.warn("clock", "the kernel does not know that it is synchronised",
                     "run an NTP client, such as systemd-timesyncd: documents carry these times");
  }
  tell.good("clock", "synchronised, time zone " + settings.timezone);
}

void look_at_descriptors(diagnosis& tell) {
  const auto descriptors = raise_descriptor_limit();
  const auto text = std::to_string(descriptors) + " file descriptors";
  descriptors < enough_descriptors
      ? tell.warn("limits", text, "allow more (LimitNOFILE= of systemd, ulimit -n): each customer takes one")
      : tell.good("limits", text);
}

}  // namespace

int doctor(int argc, const char* const* argv) {
  const auto settings = parse_configuration(doctor_command, argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  diagnosis tell(stdout);
  tell.good("configuration", "accepted");
  look_at_data(*settings, tell);
  look_at_ports(*settings, tell);
  for (const auto& place : settings->journal) look_at_postgres(place, tell);
  if (settings->redis) look_at_redis("view", *settings->redis, tell);
  if (settings->events) look_at_redis("events", *settings->events, tell);
  look_at_provider(*settings, tell);
  look_at_credentials(*settings, tell);
  if (settings->traces.collector) look_at_collector(settings->traces, tell);
  look_at_clock(*settings, tell);
  look_at_descriptors(tell);
  return code_when_printed(tell.end());
}

}  // namespace holdfast
