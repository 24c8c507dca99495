#include "sandbox.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include <spdlog/spdlog.h>

#include "command_process.hpp"
#include "http/sandbox_api.hpp"
#include "http/server.hpp"
#include "payments/sandbox_bank.hpp"
#include "payments/sandbox_ledger.hpp"
#include "sandbox_configuration.hpp"
#include "sandbox_knobs.hpp"

namespace holdfast {
namespace {

/// For the answers that are under way; calls that hang are cut off then.
constexpr std::chrono::milliseconds last_answers_within{200};
/// Descriptors that are not for connections.
constexpr std::uint64_t other_descriptors = 64;
constexpr std::uint32_t most_connections = 20'000;
/// A ledger's line is about this long: to make room in the bank before reading it.
constexpr std::uint64_t usual_line_bytes = 64;

/// Where the ledger lives: the folder that was asked for, or one that goes with the process.
class ledger_folder {
 public:
  explicit ledger_folder(const std::string& asked_for) : path_(asked_for), temporary_(asked_for.empty()) {
    if (!temporary_) return;
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-sandbox-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("can't make a folder like " + pattern);
    path_ = pattern;
  }
  ~ledger_folder() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove_all(path_, ignored);
  }
  ledger_folder(const ledger_folder&) = delete;
  ledger_folder& operator=(const ledger_folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  bool temporary_;
};

/// The provider from the first to the last moment of its life.
class service {
 public:
  service(const sandbox_configuration& settings, const process_frame& frame)
      : folder_(settings.data),
        bank_(settings.seed.value_or(std::random_device{}()),
              [this](const payments::bank_record& record) { ledger_.add(record); }),
        ledger_(
            folder_.path(), [this](std::uint64_t bytes) { bank_.reserve(bytes / usual_line_bytes); },
            [this](const payments::bank_record& record) { bank_.restore(record); }),
        server_(http::sandbox_handlers({.bank = bank_,
                                        .ledger = ledger_,
                                        .ledger_folder = folder_.path(),
                                        .turn = turn_knob,
                                        .pause = [this] { server_.pause(); },
                                        .resume = [this] { server_.resume(); }}),
                {.address = settings.listen.address,
                 .port = settings.listen.port,
                 .threads = 1,
                 .largest_connections = connections_within(frame.descriptors)}) {
    bank_.turn(settings.knobs);
    if (ledger_.lines_skipped() != 0) {
      spdlog::warn("the sandbox's ledger has {} lines that don't parse", ledger_.lines_skipped());
    }
  }

  std::optional<std::string> start() { return server_.start(); }
  void stop() { server_.stop(last_answers_within); }
  std::uint16_t port() const { return server_.port(); }
  std::string folder() const { return folder_.path().string(); }

 private:
  static std::uint32_t connections_within(std::uint64_t descriptors) {
    const std::uint64_t kept = std::min(other_descriptors, descriptors / 2);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(most_connections, descriptors - kept));
  }

  ledger_folder folder_;
  payments::sandbox_bank bank_;
  payments::sandbox_ledger ledger_;
  http::server server_;
};

int run(const sandbox_configuration& settings, process_frame& frame) {
  service service{settings, frame};
  if (const auto failure = service.start()) {
    return fail(*failure + "; end what listens there, or give another --listen");
  }
  std::printf("holdfast %s sandbox ready on %s (pid %d, ledger %s)\n", HOLDFAST_VERSION,
              http_url_of(settings.listen.address, service.port()).c_str(), static_cast<int>(::getpid()),
              settings.data.empty() ? "temporary" : settings.data.c_str());
  std::fflush(stdout);
  const int signal = frame.signals.wait();
  spdlog::info("signal {}: ending", signal);
  service.stop();
  spdlog::info("ended");
  return 0;
}

}  // namespace

int sandbox(int argc, const char* const* argv) {
  const auto settings = parse_sandbox_configuration(argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  return run_process(settings->level, settings->format,
                     [&](process_frame& frame) { return run(*settings, frame); });
}

}  // namespace holdfast
