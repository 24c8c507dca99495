#include "journal_configuration.hpp"

#include "configuration.hpp"
#include "configuration_settings.hpp"

namespace holdfast {

namespace {

value_reader file_into(std::string& into) {
  return [&into](const std::string& text) -> std::optional<std::string> {
    if (text.empty() || text.find('\0') != std::string::npos) return "give the path of a file";
    into = text;
    return std::nullopt;
  };
}

std::vector<setting> all_settings(journal_configuration& into) {
  std::vector<setting> settings{
      {"data", "DIR", "./data", "Folder of the journals", folder_into(into.where.data)},
      {"journal", "JOURNAL", "embedded",
       "Where reservations are kept: embedded, in the data folder, or postgres://USER@HOST:PORT/DATABASE",
       journal_into(into.where.places), true}};
  for (auto& each : log_settings(into.level, into.format)) settings.push_back(std::move(each));
  settings.push_back({"journal-file", "FILE", "", "The file", file_into(into.file)});
  return settings;
}

std::vector<std::string> journal_setting_names() {
  journal_configuration any;
  return names_of(all_settings(any));
}

constexpr std::string_view file_operand = "journal-file";

const command journal_verify{
    .name = "journal verify",
    .purpose = "reads all of the journals and tells whether they are in order",
    .examples =
        "  holdfast journal verify --data /var/lib/holdfast\n"
        "  holdfast journal verify --journal postgres://holdfast@db.example/holdfast\n\n"
        "It may run beside holdfast serve. Of journals in a data folder it reads every byte. Exit codes:\n"
        "0 in order; 1 it could not run; 2 settings refused; 3 they are not in order, or damaged.\n",
    .prefix = "journal-",
    .setting_names = journal_setting_names,
};
const command journal_backup{
    .name = "journal backup",
    .purpose = "saves the journals to a file, also while holdfast serve runs, and reads it again",
    .examples = "  holdfast journal backup --data /var/lib/holdfast /backup/holdfast.journal\n",
    .prefix = "journal-",
    .setting_names = journal_setting_names,
    .operand = file_operand,
};
const command journal_restore{
    .name = "journal restore",
    .purpose = "makes journals of a backup, where there are none, and looks whether they are in order",
    .examples = "  holdfast journal restore --data /var/lib/holdfast /backup/holdfast.journal\n",
    .prefix = "journal-",
    .setting_names = journal_setting_names,
    .operand = file_operand,
};
const command journal_export{
    .name = "journal export",
    .purpose = "writes the journals to a file, whatever store they lie in",
    .examples = "  holdfast journal export --data /var/lib/holdfast shop.journal\n",
    .prefix = "journal-",
    .setting_names = journal_setting_names,
    .operand = file_operand,
};
const command journal_import{
    .name = "journal import",
    .purpose = "reads the journals from a file into a store that is empty",
    .examples = "  holdfast journal import --journal postgres://holdfast@db.example/holdfast shop.journal\n",
    .prefix = "journal-",
    .setting_names = journal_setting_names,
    .operand = file_operand,
};

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
