// What a scrape brought, read strictly: Prometheus' text format, as far as Holdfast writes it, and the
// questions that tests ask of it. What is no such text is thrown. Values; promtool() starts a process and
// waits for it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

class exposition {
 public:
  explicit exposition(const std::string& text) {
    if (text.empty() || text.back() != '\n') throw std::runtime_error("no newline at the end");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
    for (const auto& [series, value] : samples_) check_histogram(series, value);
  }

  /// By its name and labels, as they are written: `holdfast_sagas_ended_total{outcome="paid"}`.
  double operator[](const std::string& series) const {
    const auto found = samples_.find(series);
    if (found == samples_.end()) throw std::runtime_error("no sample " + series);
    return found->second;
  }
  bool has(const std::string& series) const { return samples_.contains(series); }
  const std::map<std::string, double>& samples() const { return samples_; }

 private:
  void read(const std::string& line) {
    std::istringstream words(line);
    std::string mark, what, name;
    if (line.starts_with("# ")) {
      words >> mark >> what >> name;
      auto& described = what == "HELP" ? helped_ : typed_;
      if ((what != "HELP" && what != "TYPE") || !described.insert(name).second) fail(line);
      return;
    }
    const auto end = line.rfind(' ');
    if (end == std::string::npos) fail(line);
    const auto series = line.substr(0, end);
    const auto family = family_of(series);
    if (!helped_.contains(family) || !typed_.contains(family)) fail(line);
    std::size_t read_up_to = 0;
    const double value = std::stod(line.substr(end + 1), &read_up_to);
    if (read_up_to != line.size() - end - 1 || !samples_.emplace(series, value).second) fail(line);
  }

  /// The name, for a histogram's samples without their ending.
  std::string family_of(const std::string& series) const {
    const auto name = series.substr(0, series.find('{'));
    for (const char* ending : {"_bucket", "_sum", "_count"}) {
      if (!name.ends_with(ending)) continue;
      const auto family = name.substr(0, name.size() - std::string(ending).size());
      if (typed_.contains(family)) return family;
    }
    return name;
  }

  /// The last bucket holds all that was counted.
  void check_histogram(const std::string& series, double value) const {
    const auto bucket = series.find("_bucket{");
    const auto last = series.find("le=\"+Inf\"}");
    if (bucket == std::string::npos || last == std::string::npos) return;
    auto labels = series.substr(bucket + 8, last - bucket - 8);
    if (!labels.empty()) labels.back() = '}';
    const auto count = series.substr(0, bucket) + "_count" + (labels.empty() ? "" : "{" + labels);
    if ((*this)[count] != value) fail(series);
  }

  [[noreturn]] static void fail(const std::string& line) {
    throw std::runtime_error("not as it should be: " + line);
  }

  std::set<std::string> helped_;
  std::set<std::string> typed_;
  std::map<std::string, double> samples_;
};

/// What Prometheus' own tool says against a text; nothing where it has no objection.
inline std::string complaints_of_promtool(const std::string& text) {
  const temporary_folder folder;
  std::ofstream(folder / "metrics") << text;
  const auto command = "promtool check metrics <" + (folder / "metrics") + " >" + (folder / "says") + " 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream file(folder / "says");
  const std::string says{std::istreambuf_iterator<char>(file), {}};
  if (status != 0 && says.empty()) return "promtool ended with " + std::to_string(status);
  return says;
}

}  // namespace holdfast::testing
