// Looks for full card numbers in whatever a run keeps or says: with and without the separators that
// people write into them.
// Pure, but for what a watch gathers; one thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/proof/history.hpp"

namespace holdfast::proof {

/// Findings of one place that are kept; the first one is one too many.
inline constexpr std::size_t most_findings = 10;

canary_search search_text(const std::string& place, std::string_view text, const std::string& digits);

/// Many small texts of a few places.
class canary_watch {
 public:
  explicit canary_watch(std::string digits) : digits_(std::move(digits)) {}

  void look(const std::string& place, std::string_view text);
  std::vector<canary_search> searches() const;

 private:
  const std::string digits_;
  std::map<std::string, canary_search> by_place_;
};

}  // namespace holdfast::proof
