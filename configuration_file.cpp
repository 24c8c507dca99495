#include "configuration_file.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>

#include "commands.hpp"

namespace holdfast {

namespace {

tl::expected<std::string, std::string> read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(largest_configuration_file_bytes + 1, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof()) {
    return tl::unexpected("can't read the configuration file " + path);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest_configuration_file_bytes) {
    return tl::unexpected("the configuration file " + path + " is larger than 64 KiB");
  }
  return text;
}

std::string at_line(const std::string& path, const toml::source_region& where) {
  return path + " line " + std::to_string(where.begin.line) + ": ";
}

/// Settings are read from text, whatever the source; nothing for dates, arrays and the like.
std::optional<std::string> text_of(const toml::node& value) {
  if (auto* text = value.as_string()) return text->get();
  if (auto* truth = value.as_boolean()) return truth->get() ? "true" : "false";
  if (auto* number = value.as_integer()) return std::to_string(number->get());
  if (auto* number = value.as_floating_point()) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number->get()).ptr;
    return std::string(digits.data(), end);
  }
  return std::nullopt;
}

std::string accepted_names(const std::vector<setting>& settings) {
  std::string names;
  for (const setting& each : settings) names += (names.empty() ? "" : ", ") + each.name;
  return names;
}

tl::expected<std::vector<given_value>, std::string> read_table(const std::string& path,
                                                               const toml::table& table,
                                                               const std::vector<setting>& settings) {
  std::vector<given_value> values;
  for (const auto& [key, value] : table) {
    const std::string name{key.str()};
    const std::string place = at_line(path, key.source());
    if (value.is_table()) {
      return tl::unexpected(place + "[" + name +
                            "] is a table; settings stand at the top of the file, without tables");
    }
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const setting& each) { return each.name == name; });
    if (found == settings.end() && !is_known_setting(name)) {
      return tl::unexpected(place + "unknown key '" + name + "'; accepted: " + accepted_names(settings));
    }
    auto text = text_of(value);
    if (!text) return tl::unexpected(place + name + " has to be a string, a number, true or false");
    if (found == settings.end()) continue;
    values.push_back({&*found, place + name, std::move(*text)});
  }
  return values;
}

}  // namespace

tl::expected<std::vector<given_value>, std::string> read_configuration_file(
    const std::string& path, const std::vector<setting>& settings) {
  const auto text = read_whole(path);
  if (!text) return tl::unexpected(text.error());
  try {
    return read_table(path, toml::parse(*text, path), settings);
  } catch (const toml::parse_error& error) {
    return tl::unexpected(at_line(path, error.source()) + std::string(error.description()));
  }
}

}  // namespace holdfast
