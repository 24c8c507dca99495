#include "tests/proof/canaries.hpp"

#include <algorithm>
#include <iterator>

namespace holdfast::proof {

canary_search search_text(const std::string& place, std::string_view text, const std::string& digits) {
  canary_search search{place, text.size(), {}};
  std::string bare;
  std::copy_if(text.begin(), text.end(), std::back_inserter(bare),
               [](char c) { return c != '-' && c != ' ' && c != '\0'; });
  if (const auto at = bare.find(digits); at != std::string::npos) {
    search.findings.push_back("offset " + std::to_string(at) + " without separators");
  }
  return search;
}

void canary_watch::look(const std::string& place, std::string_view text) {
  auto& all = by_place_[place];
  all.place = place;
  auto one = search_text(place, text, digits_);
  all.bytes_searched += one.bytes_searched;
  if (all.findings.size() >= most_findings) return;
  for (auto& finding : one.findings) all.findings.push_back(std::move(finding));
}

std::vector<canary_search> canary_watch::searches() const {
  std::vector<canary_search> all;
  for (const auto& [place, one] : by_place_) all.push_back(one);
  return all;
}

}  // namespace holdfast::proof
