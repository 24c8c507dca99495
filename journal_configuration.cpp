#include "journal_configuration.hpp"

#include "configuration.hpp"
#include "configuration_settings.hpp"

namespace holdfast {

namespace {

std::vector<setting> all_settings(journal_configuration& into) {
  auto settings = journal_settings(into.where.data, into.where.places);
  for (auto& each : log_settings(into.level, into.format)) settings.push_back(std::move(each));
  settings.push_back({"journal-file", "FILE", "", "The file", path_into(into.file, "a file")});
  return settings;
}

std::vector<std::string> journal_setting_names() {
  journal_configuration any;
  return names_of(all_settings(any));
}

constexpr std::string_view file_operand = "journal-file";

constexpr command journal_command(std::string_view name, std::string_view purpose, std::string_view examples,
                                  std::string_view operand = {}) {
  return {name, purpose, examples, "journal-", journal_setting_names, operand};
}

constexpr command journal_verify = journal_command(
    "journal verify", "reads all of the journals and tells whether they are in order",
    "  holdfast journal verify --data /var/lib/holdfast\n"
    "  holdfast journal verify --journal postgres://holdfast@db.example/holdfast\n\n"
    "It may run beside holdfast serve. Of journals in a data folder it reads every byte. Exit codes:\n"
    "0 in order; 1 it could not run; 2 settings refused; 3 they are not in order, or damaged.\n");
constexpr command journal_backup = journal_command(
    "journal backup", "saves the journals to a file, also while holdfast serve runs, and reads it again",
    "  holdfast journal backup --data /var/lib/holdfast /backup/holdfast.journal\n", file_operand);
constexpr command journal_restore = journal_command(
    "journal restore",
    "makes journals of a backup, where there are none, and looks whether they are in order",
    "  holdfast journal restore --data /var/lib/holdfast /backup/holdfast.journal\n", file_operand);
constexpr command journal_export =
    journal_command("journal export", "writes the journals to a file, whatever store they lie in",
                    "  holdfast journal export --data /var/lib/holdfast shop.journal\n", file_operand);
constexpr command journal_import = journal_command(
    "journal import", "reads the journals from a file into a store that is empty",
    "  holdfast journal import --journal postgres://holdfast@db.example/holdfast shop.journal\n",
    file_operand);

}  // namespace

std::span<const command* const> journal_commands() {
  static constexpr const command* commands[] = {&journal_verify, &journal_backup, &journal_restore,
                                                &journal_export, &journal_import};
  return commands;
}

std::vector<setting> settings_of(const command& about, journal_configuration& into) {
  auto settings = all_settings(into);
  if (about.operand.empty()) settings.pop_back();
  return settings;
}

tl::expected<journal_configuration, early_exit> parse_journal_configuration(
    const command& about, int argc, const char* const* argv, const environment_variables& environment) {
  journal_configuration result;
  const auto values = read_settings(about, settings_of(about, result), argc, argv, environment);
  if (!values) return tl::unexpected(values.error());
  if (!about.operand.empty() && result.file.empty()) {
    return refuse("give the FILE; see holdfast " + std::string(about.name) + " --help");
  }
  return result;
}

}  // namespace holdfast
