#include "manual.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>
#include <vector>

#include "commands.hpp"

namespace holdfast {

namespace {

std::vector<std::string> no_settings() {
  return {};
}

/// "reservation" of "reservation ls".
std::string first_word(std::string_view name) {
  return std::string(name.substr(0, name.find(' ')));
}
std::string second_word(std::string_view name) {
  const auto space = name.find(' ');
  return space == std::string_view::npos ? std::string() : std::string(name.substr(space + 1));
}

// --- Completion ---

/// What may follow a flag, where that is a few words: "give table, json, ndjson or csv".
std::string words_accepted(const setting& each) {
  auto accepted = each.read("\x01");
  if (!accepted || !accepted->starts_with("give ")) return {};
  std::string words;
  std::istringstream in(accepted->substr(5));
  for (std::string word; in >> word;) {
    if (word == "or") continue;
    if (word.back() == ',') word.pop_back();
    const bool plain =
        std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    if (!plain) return {};
    words += (words.empty() ? "" : " ") + word;
  }
  // "give a duration": a sentence, no words.
  return words.starts_with("a ") || words.starts_with("an ") || words.starts_with("the ") ? std::string()
                                                                                          : words;
}

bool is_path(const setting& each) {
  return each.placeholder == "DIR" || each.placeholder == "FILE";
}

std::string case_of_flags(const command& about, const std::vector<setting>& settings) {
  std::string flags;
  std::string values;
  for (const setting& each : settings) {
    if (each.name == about.operand || each.without_flag) continue;
    const auto flag = argument_of(about, each);
    flags += flag + " ";
    if (is_path(each)) {
      values += "        " + flag + ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n";
    } else if (const auto words = words_accepted(each); !words.empty()) {
      values += "        " + flag + ") COMPREPLY=($(compgen -W \"" + words + "\" -- \"$cur\")); return ;;\n";
    } else if (!each.placeholder.empty()) {
      values += "        " + flag + ") return ;;\n";
    }
  }
  if (!settings.empty()) values += "        --config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n";
  std::string text = "    \"" + std::string(about.name) + "\")\n";
  text += "      case \"$prev\" in\n" + values + "      esac\n";
  text += "      flags=\"" + flags + (settings.empty() ? "" : "--config ") + "--help\"\n";
  const bool file = std::any_of(settings.begin(), settings.end(), [&](const auto& each) {
    return each.name == about.operand && is_path(each);
  });
  if (file) text += "      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -f -- \"$cur\")); return; fi\n";
  return text + "      ;;\n";
}

// --- Manual ---

/// What troff would take for its own.
std::string troff(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (c == '\'' || (c == '.' && (escaped.empty() || escaped.back() == '\n'))) {
      escaped += std::string("\\&") + c;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string section_of(const command& about, const std::vector<setting>& settings) {
  std::string text = ".SS holdfast " + troff(std::string(about.name)) + "\n" +
                     troff("It " + std::string(about.purpose) + ".") + "\n";
  for (const setting& each : settings) {
    const bool bare = each.placeholder.empty() || each.name == about.operand;
    text += ".TP\n\\fB" + troff(argument_of(about, each)) + "\\fR";
    if (!bare) text += " \\fI" + troff(each.placeholder) + "\\fR";
    text += "\n" + troff(each.help);
    if (!each.default_text.empty()) text += " [" + troff(each.default_text) + "]";
    text += "\n";
  }
  if (const auto naming = naming_of(about, settings); !naming.empty()) text += ".PP\n" + troff(naming);
  if (!about.examples.empty()) text += ".PP\n.nf\n" + troff(std::string(about.examples)) + ".fi\n";
  return text;
}

constexpr const char* manual_head =
    ".\\\" Made by holdfast manual: change the tables of the settings instead.\n"
    ".TH HOLDFAST 1 \"\" \"holdfast " HOLDFAST_VERSION
    "\" \"User Commands\"\n"
    ".SH NAME\n"
    "holdfast \\- takes pre\\-orders, charges the card, issues the receipt, and undoes all of it\n"
    ".SH SYNOPSIS\n"
    ".B holdfast\n"
    "\\fICOMMAND\\fR [\\fIFLAGS\\fR] [\\fIARGUMENT\\fR]\n"
    ".br\n"
    ".B holdfast\n"
    "\\fICOMMAND\\fR \\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR\n"
    ".SH DESCRIPTION\n"
    "A flag goes before its variable, a variable before the file that \\fB\\-\\-config\\fR names, the file "
    "before\n"
    "the default. The variable of \\fB\\-\\-payment\\-wait\\fR is \\fBHOLDFAST_PAYMENT_WAIT\\fR, its key in "
    "the file\n"
    "is \\fBpayment\\-wait\\fR.\n"
    ".SH COMMANDS\n";

constexpr const char* manual_end =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nDone. Of \\fBdoctor\\fR: nothing is wrong, though there may be warnings.\n"
    ".TP\n.B 1\nIt failed: the server refused it or can\\&'t be reached, a store can\\&'t be opened.\n"
    ".TP\n.B 2\nThe arguments or settings are refused; nothing was begun.\n"
    ".TP\n.B 3\nOf \\fBreconcile\\fR: there are differences. Of \\fBjournal\\fR: the journals are not "
    "in\n"
    "order, or damaged; a backup was made nevertheless where it says so.\n"
    ".SH FILES\n"
    ".TP\n.I holdfast.toml\nSettings, as \\fBholdfast.toml.example\\fR has them.\n";

/// The rest is refused: these take nothing.
int print(const command& about, const std::string& text, int argc, const char* const* argv) {
  const auto values = read_settings(about, {}, argc, argv, process_environment());
  if (!values) return tell(values.error());
  std::fputs(text.c_str(), stdout);
  return code_when_printed(0);
}

}  // namespace

const command completion_command{
    .name = "completion",
    .purpose = "prints the completion of commands and flags for bash",
    .examples =
        "  source <(holdfast completion)\n"
        "  holdfast completion >/usr/share/bash-completion/completions/holdfast\n",
    .prefix = "",
    .setting_names = no_settings,
};
const command manual_command{
    .name = "manual",
    .purpose = "prints the man page",
    .examples = "  holdfast manual >holdfast.1 && man ./holdfast.1\n",
    .prefix = "",
    .setting_names = no_settings,
};

std::string bash_completion() {
  std::map<std::string, std::string> families;
  std::string commands;
  std::string cases;
  for (const command* each : all_commands()) {
    const auto word = first_word(each->name);
    auto& members = families[word];
    if (members.empty()) commands += (commands.empty() ? "" : " ") + word;
    members += (members.empty() ? "" : " ") + second_word(each->name);
    with_settings(*each, [&](const auto& settings) { cases += case_of_flags(*each, settings); });
  }
  std::string text =
      "# Made by holdfast completion.\n"
      "_holdfast() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags=\n"
      "  local command=${COMP_WORDS[1]} words=\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W \"" +
      commands + " --help --version\" -- \"$cur\"))\n    return\n  fi\n  case \"$command\" in\n";
  for (const auto& [word, members] : families) {
    if (!members.empty()) text += "    " + word + ") words=\"" + members + "\" ;;\n";
  }
  text +=
      "  esac\n"
      "  if [[ $words ]]; then\n"
      "    if ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return; fi\n"
      "    command+=\" ${COMP_WORDS[2]}\"\n"
      "  fi\n"
      "  case \"$command\" in\n" +
      cases +
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
      "}\n"
      "complete -F _holdfast holdfast\n";
  return text;
}

std::string man_page() {
  std::string text = manual_head;
  for (const command* each : all_commands()) {
    with_settings(*each, [&](const auto& settings) { text += section_of(*each, settings); });
  }
  return text + manual_end;
}

int completion(int argc, const char* const* argv) {
  return print(completion_command, bash_completion(), argc, argv);
}

int manual(int argc, const char* const* argv) {
  return print(manual_command, man_page(), argc, argv);
}

}  // namespace holdfast
