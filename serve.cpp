#include "serve.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/engine.hpp"
#include "cluster_node.hpp"
#include "command_process.hpp"
#include "configuration.hpp"
#include "data_directory.hpp"
#include "delivery_calendar.hpp"
#include "front_door.hpp"
#include "http/api.hpp"
#include "http/event_feed.hpp"
#include "http/event_publisher.hpp"
#include "http/publishing_meter.hpp"
#include "http/request_meter.hpp"
#include "http/server.hpp"
#include "http/session.hpp"
#include "http/span_exporter.hpp"
#include "payments/http_provider.hpp"
#include "payments/sandbox_provider.hpp"
#include "process_control.hpp"
#include "service_manager.hpp"
#include "span_sender.hpp"
#include "storage/embedded_view.hpp"
#include "storage/postgres_places.hpp"
#include "storage/projection_progress.hpp"
#include "storage/redis_view.hpp"
#include "storage/rocksdb_journal.hpp"

namespace holdfast {
namespace {

/// What an admitted command may take beyond the wait for its payment, when the process ends.
constexpr std::chrono::milliseconds drain_margin{5000};
/// A node that ends gives its shards to others within this, beyond the wait for charges that are out; what it
/// keeps they take when its lease is over.
constexpr std::chrono::milliseconds hand_over_margin{1000};
/// For the answers still to be written once every command is answered.
constexpr std::chrono::milliseconds last_answers_within{2000};
/// Longer than a request that has begun to arrive may take then.
constexpr std::chrono::milliseconds last_requests_within = http::drain_grace + std::chrono::milliseconds(500);
/// For the spans that have not been sent yet.
constexpr std::chrono::milliseconds last_spans_within{2000};
/// For connections to other nodes.
constexpr std::chrono::milliseconds network_ends_within{1000};
/// Descriptors that the stores keep; the others are for connections.
constexpr std::uint64_t descriptors_of_stores = 512;
constexpr std::uint32_t most_connections = 20'000;

/// Everything durable, and the view of it. Members are destroyed from the last to the first.
struct stores {
  data_directory folder;
  std::unique_ptr<storage::journal> reservations;
  std::unique_ptr<storage::journal> receipts;
  std::unique_ptr<storage::view_store> view;
  /// Null without a cluster.
  std::unique_ptr<storage::membership> membership;
};

tl::expected<std::unique_ptr<storage::view_store>, std::string> open_view(const configuration& settings,
                                                                          const data_directory& folder) {
  if (settings.redis) return std::make_unique<storage::redis_view>(*settings.redis);
  return storage::embedded_view::open({folder.path_of("view"), settings.view_cache_bytes});
}

/// A folder or a schema of its own for each of the two.
storage::journal_result<std::unique_ptr<storage::journal>> open_journal(const configuration& settings,
                                                                        const data_directory& folder,
                                                                        const char* name) {
  if (!settings.journal.empty()) {
    storage::postgres_options options;
    options.schema = std::string("holdfast_") + name;
    return storage::open_postgres_places(settings.journal, std::move(options));
  }
  return storage::rocksdb_journal::open({.path = folder.path_of(name)});
}

tl::expected<stores, std::string> open_stores(const configuration& settings) {
  auto folder = data_directory::open(settings.data);
  if (!folder) return tl::unexpected(folder.error());
  if (auto broken = data_directory::broken_restore(settings.data)) return tl::unexpected(std::move(*broken));
  auto reservations = open_journal(settings, *folder, "reservations");
  if (!reservations) return tl::unexpected(reservations.error().message);
  auto receipts = open_journal(settings, *folder, "receipts");
  if (!receipts) return tl::unexpected(receipts.error().message);
  auto view = open_view(settings, *folder);
  if (!view) return tl::unexpected(view.error());
  auto membership = open_membership(settings);
  if (!membership) return tl::unexpected(membership.error());
  return stores{std::move(*folder), std::move(*reservations), std::move(*receipts), std::move(*view),
                std::move(*membership)};
}

domain::timestamp now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::uint32_t connections_within(std::uint64_t descriptors) {
  const std::uint64_t kept = std::min(descriptors_of_stores, descriptors / 2);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most_connections, descriptors - kept));
}

std::string name_of_journal(const configuration& settings) {
  if (settings.journal.empty()) return "embedded";
  return "in PostgreSQL (" + std::to_string(settings.journal.size()) + " databases)";
}

std::string url_of(const storage::redis_options& redis) {
  return "redis://" + redis.host + ":" + std::to_string(redis.port) + "/" + std::to_string(redis.database);
}

std::string name_of_view(const configuration& settings) {
  return settings.redis ? url_of(*settings.redis) : "embedded";
}

std::string name_of_stream(const configuration& settings) {
  if (!settings.events) return "not published";
  return "to " + url_of(*settings.events);
}

std::string name_of_provider(const configuration& settings) {
  if (!settings.provider) return "sandbox in this process";
  return http_url_of(settings.provider->host, settings.provider->port);
}

std::unique_ptr<payments::provider> make_provider(const configuration& settings, const data_directory& folder,
                                                  tracing::tracer* tracer) {
  if (!settings.provider) {
    return std::make_unique<payments::sandbox_provider>(
        payments::sandbox_options{.folder = folder.path_of("sandbox"),
                                  .seed = std::random_device{}(),
                                  .timeout = settings.payment_timeout,
                                  .knobs = settings.sandbox});
  }
  payments::http_provider_options options;
  options.host = settings.provider->host;
  options.port = settings.provider->port;
  options.key = domain::secret(settings.payment_key);
  options.timeout = settings.payment_timeout;
  options.tracer = tracer;
  return std::make_unique<payments::http_provider>(std::move(options));
}

void print_ready_line(const configuration& settings, std::uint16_t port) {
  std::printf("holdfast %s ready on %s (pid %d, data %s, view %s)\n", HOLDFAST_VERSION,
              http_url_of(settings.listen.address, port, settings.access.has_certificate()).c_str(),
              static_cast<int>(::getpid()), settings.data.c_str(), name_of_view(settings).c_str());
  std::fflush(stdout);
}

/// The whole engine on its ports, from the first to the last moment of its life.
class service {
 public:
  service(const configuration& settings, stores& stores, http::doorkeeper& door,
          std::shared_ptr<const http::tls_certificates> certificates, delivery_calendar calendar,
          std::unique_ptr<http::span_exporter> spans, std::uint64_t descriptors)
      : settings_(settings),
        reservations_(*stores.reservations),
        spans_(std::move(spans)),
        writer_(stores.view->make_writer()),
        provider_(make_provider(settings, stores.folder, spans_.get())),
        events_(*stores.reservations, settings.access.event_streams),
        engine_({.reservations = *stores.reservations,
                 .receipts = *stores.receipts,
                 .view = *writer_,
                 .progress = progress_,
                 .provider = *provider_,
                 .clock = now,
                 .delivery_date =
                     [calendar](domain::timestamp paid_at) { return calendar.delivery_date(paid_at); },
                 .on_fatal = [this](const std::string& message) { journal_failed(message); },
                 .membership = stores.membership.get(),
                 .tracer = spans_.get()},
                {.payment_wait = settings.payment_wait,
                 .payment_timeout = settings.payment_timeout,
                 .node = node_options_of(settings)}),
        server_(http::api_handlers({.engine = engine_,
                                    .reservations = *stores.reservations,
                                    .view = *stores.view,
                                    .progress = progress_,
                                    .ready = [this] { return ready_.load(); },
                                    .version = HOLDFAST_VERSION,
                                    .gateway = settings.node.roles.gateway,
                                    .meters = request_meters_,
                                    .events = events_,
                                    .publishing = settings.events ? &publishing_ : nullptr,
                                    .door = door,
                                    .card_numbers = settings.access.card_numbers,
                                    .spans = spans_.get()}),
                {.address = settings.listen.address,
                 .port = settings.listen.port,
                 .threads = settings.threads,
                 .largest_connections = connections_within(descriptors),
                 .refused = [this](unsigned status) { request_meters_.count_unreadable(status); },
                 .certificates = std::move(certificates)}) {}

  /// With what went wrong, where something did: then it is to be stopped.
  std::optional<std::string> start() {
    try {
      return begin();
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  std::uint16_t port() const { return server_.port(); }

  /// Takes nothing new once nobody should send it any more and others have its shards, finishes what is under
  /// way, and ends. True if nothing went wrong.
  bool stop() {
    // What fails, or is told to end again, meanwhile ends the process by another thread.
    const bool served = ready_.exchange(false);
    if (served) std::this_thread::sleep_for(settings_.drain_delay);
    if (!engine_.hand_over(2 * settings_.payment_timeout + hand_over_margin)) {
      spdlog::warn(
          "not every shard could be handed over: other nodes take the others when the lease is over");
    }
    server_.stop_accepting();
    // What has arrived by now is taken: only then may the engine refuse what is new.
    server_.wait_until_none(last_requests_within);
    if (!engine_.drain(settings_.payment_wait + drain_margin)) {
      spdlog::warn("not everything under way could be answered; it goes on at the next start");
    }
    server_.stop(last_answers_within);
    // Closes the journals, whose answers the feed waits for.
    engine_.stop();
    events_.stop();
    if (publisher_) publisher_->stop();
    // Nothing but spans can be lost any more. Who knows the collector's address may be away, and a node that
    // is cut off never closes its ends of our connections.
    end_signals::end_within(last_spans_within + network_ends_within, served && !failed_ ? 0 : 1);
    if (spans_) spans_->stop(last_spans_within);
    spdlog::info("ended");
    engine_.end_threads();
    return !failed_;
  }

 private:
  /// Listens first, so that with a port in use no reservation is resumed.
  std::optional<std::string> begin() {
    if (const auto failure = server_.start()) {
      return *failure + "; end what listens there, or give another --listen";
    }
    if (auto failure = engine_.start(server_.loops())) return failure;
    if (settings_.events) {
      publisher_.emplace(reservations_,
                         http::event_publisher_options{*settings_.events, settings_.events_length},
                         publishing_);
    }
    ready_ = !failed_;
    return std::nullopt;
  }

  void journal_failed(const std::string& message) {
    ready_ = false;
    failed_ = true;
    // First: whoever reads the log may stand still.
    end_signals::end_after_failure();
    spdlog::critical("{}; ending, so that the next start replays what is durable", message);
  }

  const configuration& settings_;
  storage::journal& reservations_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> failed_{false};
  storage::projection_progress progress_;
  http::request_meters request_meters_;
  /// Null where nobody wants spans. Everything below refers to it.
  std::unique_ptr<http::span_exporter> spans_;
  std::unique_ptr<storage::view_writer> writer_;
  std::unique_ptr<payments::provider> provider_;
  http::event_feed events_;
  http::publishing_meter publishing_;
  std::optional<http::event_publisher> publisher_;
  actors::engine engine_;
  http::server server_;
};

int run(const configuration& settings, process_frame& frame) {
  static std::atomic<bool> asked_to_reload = false;
  // A terminal that goes away sends it too, and then means the end.
  const bool reloads = settings.access.has_files() || ::isatty(STDIN_FILENO) == 0;
  if (reloads) frame.signals.on_hang_up([] { asked_to_reload = true; });
  const auto calendar = delivery_calendar::open(settings.timezone, settings.delivery_days);
  if (!calendar) return fail_for_good(calendar.error());
  const auto door = open_door(settings.access);
  if (!door) return fail(door.error());
  const auto certificates = open_certificates(settings.access);
  if (!certificates) return fail(certificates.error());
  auto spans = make_span_exporter(settings.traces);
  if (!spans) return fail(spans.error());
  auto stores = open_stores(settings);
  if (!stores) return fail(stores.error());

  spdlog::info(
      "holdfast {} starts: data {}, journal {}, view {}, events {}, payment {}, threads {}, payment wait {} "
      "ms, time "
      "zone {}",
      HOLDFAST_VERSION, settings.data, name_of_journal(settings), name_of_view(settings),
      name_of_stream(settings), name_of_provider(settings), settings.threads, settings.payment_wait.count(),
      settings.timezone);
  for (const auto& each : settings.given) spdlog::info("given: {}", each);
  service service{settings, *stores, **door, *certificates, *calendar, std::move(*spans), frame.descriptors};
  if (const auto failure = service.start()) {
    service.stop();
    return fail(*failure);
  }
  if (reloads) {
    frame.signals.on_hang_up([&] { reload(**door, certificates->get()); });
    // Who asked for it while it started.
    if (asked_to_reload) reload(**door, certificates->get());
  }
  print_ready_line(settings, service.port());
  tell_service_manager("READY=1");
  const int signal = frame.signals.wait();
  if (reloads) frame.signals.on_hang_up([] {});
  spdlog::info("signal {}: ending", signal);
  tell_service_manager("STOPPING=1");
  return service.stop() ? 0 : 1;
}

}  // namespace

int serve(int argc, const char* const* argv) {
  const auto settings = parse_configuration(argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  return run_process(settings->level, settings->format,
                     [&](process_frame& frame) { return run(*settings, frame); });
}

}  // namespace holdfast
