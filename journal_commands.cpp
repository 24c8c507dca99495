#include "journal_commands.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "command_process.hpp"
#include "journal_configuration.hpp"
#include "journal_transfer.hpp"
#include "journal_verification.hpp"
#include "process_control.hpp"
#include "progress.hpp"
#include "storage/journal_file.hpp"

namespace holdfast {

namespace {

constexpr int exit_code_of_faults = 3;

using counted = tl::expected<transfer_counts, std::string>;

std::string text_of(const transfer_counts& counts) {
  return std::to_string(counts.reservations) + " reservations, " + std::to_string(counts.receipts) +
         " receipts and " + std::to_string(counts.keys) + " keys in " + std::to_string(counts.records) +
         " records";
}

/// Runs `work` with somebody to tell how far it is.
template <class Work>
counted shown(const char* what, const Work& work) {
  std::optional<progress> bar;
  return work(transfer_progress([&](std::uint64_t records, std::uint64_t of) {
    if (!bar) bar.emplace(what, of);
    bar->reached(records);
  }));
}

tl::expected<int, std::string> verify(const opened_journals& journals, const char* what) {
  std::uint64_t faults = 0;
  const auto counts = shown("records", [&](const transfer_progress& told) {
    return verify_journals(
        journals.both(),
        [&](const std::string& fault) {
          ++faults;
          std::printf("%s\n", fault.c_str());
        },
        told);
  });
  if (!counts) return tl::unexpected(counts.error());
  std::printf("%s: %s, %llu faults\n", what, text_of(*counts).c_str(),
              static_cast<unsigned long long>(faults));
  return faults == 0 ? 0 : exit_code_of_faults;
}

/// Nothing is made of a file that is not whole.
void read_through(const std::string& path) {
  storage::journal_file_reader file(path);
  while (file.next()) {
  }
}

tl::expected<int, std::string> save(const journal_configuration& settings, bool read_again) {
  if (std::filesystem::exists(settings.file)) {
    return tl::unexpected(settings.file + " is there already; give another name, or remove it");
  }
  const auto journals = open_to_read(settings.where);
  if (!journals) return tl::unexpected(journals.error());
  const auto counts = shown("records", [&](const transfer_progress& told) {
    return export_journals(journals->both(), settings.file, told);
  });
  if (!counts) return tl::unexpected(counts.error());
  if (read_again) read_through(settings.file);
  std::printf("%s: %s%s\n", settings.file.c_str(), text_of(*counts).c_str(),
              read_again ? ", read again and whole" : "");
  return 0;
}

tl::expected<int, std::string> load(const journal_configuration& settings, bool look_at_it) {
  read_through(settings.file);
  auto journals = open_new(settings.where);
  if (!journals) return tl::unexpected(journals.error());
  const auto counts = shown("records", [&](const transfer_progress& told) {
    return import_journals(settings.file, journals->both(), told);
  });
  if (!counts) return tl::unexpected(counts.error());
  if (auto failure = journals->end_restore()) return tl::unexpected(std::move(*failure));
  std::printf("%s: %s\n", settings.file.c_str(), text_of(*counts).c_str());
  return look_at_it ? verify(*journals, "restored") : tl::expected<int, std::string>(0);
}

tl::expected<int, std::string> run(std::string_view name, const journal_configuration& settings) {
  if (name == "journal backup") return save(settings, true);
  if (name == "journal export") return save(settings, false);
  if (name == "journal restore") return load(settings, true);
  if (name == "journal import") return load(settings, false);
  const auto journals = open_to_read(settings.where);
  if (!journals) return tl::unexpected(journals.error());
  return verify(*journals, "journals");
}

}  // namespace

int tend_journal(const command& about, int argc, const char* const* argv) {
  const auto settings = parse_journal_configuration(about, argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  start_logging(settings->level, settings->format.value_or(default_log_format()));
  ignore_broken_pipes();
  raise_descriptor_limit();
  try {
    const auto code = run(about.name, *settings);
    if (!code) return fail(code.error());
    flush_logging();
    return *code;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace holdfast
