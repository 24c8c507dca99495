#include "reconcile.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "command.hpp"
#include "command_process.hpp"
#include "data_directory.hpp"
#include "journal_access.hpp"
#include "payments/http_ledger_source.hpp"
#include "payments/http_provider.hpp"
#include "payments/sandbox_ledger_source.hpp"
#include "payments/sandbox_provider.hpp"
#include "process_control.hpp"
#include "reconcile_configuration.hpp"
#include "reconciliation.hpp"
#include "reconciliation_mending.hpp"
#include "reconciliation_report.hpp"
#include "storage/rocksdb_journal.hpp"
#include "stored_reservations.hpp"

namespace holdfast {
namespace {

constexpr int exit_code_of_differences = 3;

/// More differences than this are no accident of payments: the ledger is another shop's, or the
/// data folder another's. Nothing is mended then.
constexpr std::size_t most_differences_to_mend = 10'000;

domain::timestamp now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string path_in(const reconcile_configuration& settings, const char* name) {
  return (std::filesystem::path(settings.data) / name).string();
}

void print(const std::string& line) {
  std::fputs(line.c_str(), stdout);
}

std::unique_ptr<payments::ledger_source> ledger_of(const reconcile_configuration& settings) {
  if (!settings.provider) {
    return std::make_unique<payments::sandbox_ledger_source>(path_in(settings, "sandbox"));
  }
  payments::http_ledger_options options;
  options.host = settings.provider->host;
  options.port = settings.provider->port;
  options.key = domain::secret(settings.payment_key);
  return std::make_unique<payments::http_ledger_source>(std::move(options));
}

std::unique_ptr<payments::provider> provider_of(const reconcile_configuration& settings) {
  if (!settings.provider) {
    return std::make_unique<payments::sandbox_provider>(payments::sandbox_options{
        .folder = path_in(settings, "sandbox"), .timeout = settings.payment_timeout, .knobs = {}});
  }
  payments::http_provider_options options;
  options.host = settings.provider->host;
  options.port = settings.provider->port;
  options.key = domain::secret(settings.payment_key);
  options.timeout = settings.payment_timeout;
  return std::make_unique<payments::http_provider>(std::move(options));
}

/// Why there is nothing to compare.
std::optional<std::string> refuse_folder(const reconcile_configuration& settings) {
  if (settings.journal.empty()) {
    if (auto refused = refuse_to_read(settings.data)) return refused;
  }
  if (settings.provider) return std::nullopt;
  return data_directory::no_access(settings.data, {"sandbox"}, folder_access::reading);
}

/// The failure to read the ledger, with what to do where the folder is nobody's.
std::string with_advice(const reconcile_configuration& settings, const std::string& failure) {
  std::error_code ignored;
  if (settings.provider || std::filesystem::exists(path_in(settings, "sandbox"), ignored)) return failure;
  return failure + "; give the --data of holdfast serve, or --payment http://HOST:PORT";
}

/// The journal, and the lock of its folder where it is to be written.
struct opened_journal {
  std::optional<data_directory> folder;
  std::unique_ptr<storage::journal> reservations;
};

tl::expected<void, std::string> lock_folder(const reconcile_configuration& settings, opened_journal& into) {
  if (!settings.apply) return {};
  if (!std::filesystem::exists(path_in(settings, "reservations"))) {
    return tl::unexpected("there is no journal in " + settings.data + "; give the --data of holdfast serve");
  }
  // What is opened to be written leaves files of this user's there, which the service could not open then.
  if (auto anothers = data_directory::anothers(settings.data)) return tl::unexpected(*anothers);
  auto folder = data_directory::open(settings.data);
  if (!folder) {
    return tl::unexpected(folder.error() + " (--apply needs it alone: stop holdfast serve first)");
  }
  into.folder.emplace(std::move(*folder));
  return {};
}

tl::expected<void, std::string> open_journal(const reconcile_configuration& settings, opened_journal& into) {
  if (!settings.journal.empty()) {
    auto places = open_places(settings.journal, "reservations");
    if (!places) return tl::unexpected(places.error().message);
    into.reservations = std::move(*places);
    return {};
  }
  const storage::rocksdb_journal_options options{path_in(settings, "reservations")};
  auto opened = settings.apply ? storage::rocksdb_journal::open(options)
                               : storage::rocksdb_journal::open_read_only(options);
  if (!opened) return tl::unexpected(opened.error().message);
  into.reservations = std::move(*opened);
  return {};
}

/// Where nothing is mended differences are printed as they are found, otherwise they are gathered.
class reconcile_run {
 public:
  explicit reconcile_run(const reconcile_configuration& settings) : settings_(settings) {}

  tl::expected<int, std::string> run() {
    if (auto refused = refuse_folder(settings_)) return tl::unexpected(std::move(*refused));
    opened_journal journal;
    if (auto locked = lock_folder(settings_, journal); !locked) return tl::unexpected(locked.error());

    // The ledger before the journal: see reconciliation.
    const auto ledger_read_from = now();
    ledger_table ledger;
    const auto read = ledger_of(settings_)->for_each([&](const auto& movement) { ledger.add(movement); });
    if (!read) return tl::unexpected(with_advice(settings_, read.error()));
    if (auto opened = open_journal(settings_, journal); !opened) return tl::unexpected(opened.error());

    reconciliation comparison(
        std::move(ledger), ledger_read_from, [this](const difference& each) { found(each); },
        [this](auto id, const auto& why) { print(report_of_parked(id, why, settings_.report)); });
    const auto walked = for_each_stored_reservation(*journal.reservations,
                                                    [&](const auto& stored) { comparison.look_at(stored); });
    if (!walked) return tl::unexpected(walked.error());
    comparison.finish();

    const auto counts = comparison.counts();
    if (settings_.apply) mend(*journal.reservations, counts.differences);
    print(report_of(counts, mended_, settings_.report));
    if (orphans_left_ > 0) spdlog::warn("{}", hint_about_orphans(orphans_left_));
    return counts.differences == mended_ ? 0 : exit_code_of_differences;
  }

 private:
  void found(const difference& each) {
    if (!settings_.apply) return print(report_of(each, {}, settings_.report));
    if (to_mend_.size() < most_differences_to_mend) to_mend_.push_back(each);
  }

  void mend(storage::journal& journal, std::uint64_t differences) {
    if (to_mend_.empty()) return;
    const bool too_many = differences > to_mend_.size();
    if (too_many) {
      spdlog::error(
          "{} differences are too many to be mended at once: is this the ledger and the data folder of the "
          "same shop? Nothing was changed; the first {} follow",
          differences, to_mend_.size());
    }
    const auto provider = provider_of(settings_);
    difference_mender mender(*provider, journal, now);
    for (const difference& each : to_mend_) {
      const auto result = too_many ? mending_result{} : mend(each, mender);
      if (result.what == mending::refunded || result.what == mending::parked) ++mended_;
      print(report_of(each, result, settings_.report));
    }
    provider->close();
  }

  /// A charge that this journal knows nothing of may be a good one of another's: with the wrong
  /// data folder, or an old copy, all of them look like that. Their refund is asked for apart.
  mending_result mend(const difference& each, difference_mender& mender) {
    if (each.code != difference_code::orphan_charge || settings_.orphans) return mender.mend(each);
    ++orphans_left_;
    return {mending::left, "it is refunded with --orphans only"};
  }

  const reconcile_configuration& settings_;
  std::vector<difference> to_mend_;
  std::uint64_t mended_ = 0;
  std::uint64_t orphans_left_ = 0;
};

}  // namespace

/// Without the frame of run_process: nothing is served that a signal would have to wait for, and
/// ended half-way it does no harm.
int reconcile(int argc, const char* const* argv) {
  const auto settings = parse_reconcile_configuration(argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  start_logging(settings->level, settings->format.value_or(default_log_format()));
  ignore_signals_of_writes();
  raise_descriptor_limit();
  try {
    const auto code = reconcile_run(*settings).run();
    if (!code) return fail(code.error());
    flush_logging();
    return code_when_printed(*code);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace holdfast
