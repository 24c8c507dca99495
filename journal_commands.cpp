#include "journal_commands.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

std::string text_of(const transfer_counts& counts) {
  return std::to_string(counts.reservations) + " reservations, " + std::to_string(counts.receipts) +
         " receipts and " + std::to_string(counts.keys) + " keys in " + std::to_string(counts.records) +
         " records";
}

/// Runs `work` with somebody to tell how far it is, from the first one on.
template <class Work>
auto shown(const char* what, const Work& work) {
  std::optional<progress> bar;
  return work(transfer_progress([&](std::uint64_t count, std::uint64_t of) {
    if (!bar || count == 1) bar.emplace(what, of);
    bar->reached(count);
  }));
}

/// To be read although they may be damaged.
struct journals_as_they_are {
  std::vector<std::string> damage;
  /// None where they are so damaged that they can't be opened.
  std::optional<opened_journals> opened;
};

tl::expected<journals_as_they_are, std::string> look_into(const journal_location& where) {
  auto damage = shown("tables", [&](const transfer_progress& told) { return find_damage(where, told); });
  if (!damage) return tl::unexpected(std::move(damage.error()));
  auto opened = open_to_read(where);
  if (!opened && damage->empty()) return tl::unexpected(std::move(opened.error()));
  journals_as_they_are found{std::move(*damage), std::nullopt};
  if (opened) found.opened.emplace(std::move(*opened));
  return found;
}

int tell_damage(const std::vector<std::string>& damage, std::FILE* to) {
  for (const auto& one : damage) std::fprintf(to, "%s\n", one.c_str());
  if (damage.empty()) return 0;
  std::fprintf(to,
               "the journals are damaged: keep the folder, and restore the last backup into another one (see "
               "holdfast journal restore --help)\n");
  return exit_code_of_faults;
}

tl::expected<int, std::string> verify(const opened_journals& journals, const char* what,
                                      std::uint64_t faults = 0) {
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
  const auto journals = look_into(settings.where);
  if (!journals) return tl::unexpected(journals.error());
  const auto code = tell_damage(journals->damage, stderr);
  if (!journals->opened) return code;
  const auto counts = shown("records", [&](const transfer_progress& told) {
    return export_journals(journals->opened->both(), settings.file, told);
  });
  if (!counts && code == 0) return tl::unexpected(counts.error());
  if (!counts) {
    fail(counts.error());
    return code;
  }
  if (read_again) read_through(settings.file);
  std::printf("%s: %s%s\n", settings.file.c_str(), text_of(*counts).c_str(),
              read_again ? ", read again and whole" : "");
  return code;
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
  const auto journals = look_into(settings.where);
  if (!journals) return tl::unexpected(journals.error());
  const auto damaged = tell_damage(journals->damage, stdout);
  if (!journals->opened) return damaged;
  return verify(*journals->opened, "journals", journals->damage.size());
}

}  // namespace

int tend_journal(const command& about, int argc, const char* const* argv) {
  const auto settings = parse_journal_configuration(about, argc, argv, process_environment());
  if (!settings) return tell(settings.error());
  start_logging(settings->level, settings->format.value_or(default_log_format()));
  ignore_signals_of_writes();
  raise_descriptor_limit();
  try {
    const auto code = run(about.name, *settings);
    if (!code) return fail(code.error());
    flush_logging();
    return code_when_printed(*code);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace holdfast
