// What `holdfast reconcile` prints: lines for people, or a JSON object a line for scripts.
// Pure functions; a line ends with a newline.
#pragma once

#include <string>

#include "reconciliation.hpp"
#include "reconciliation_mending.hpp"

namespace holdfast {

enum class report_format : std::uint8_t { text, json };

/// `done` says none where nothing was to be mended.
std::string report_of(const difference& what, const mending_result& done, report_format format);
std::string report_of_parked(domain::reservation_id id, const std::string& why, report_format format);
std::string report_of(const reconciliation_counts& counts, std::uint64_t mended, report_format format);

/// Behind the summary, where charges of nobody were left: for the log, thus without a newline.
std::string hint_about_orphans(std::uint64_t left);

}  // namespace holdfast
