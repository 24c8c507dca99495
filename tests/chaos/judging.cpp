#include "tests/chaos/judging.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <utility>

#include "tests/chaos/evidence.hpp"
#include "tests/chaos/told_events.hpp"
#include "tests/proof/history_json.hpp"

namespace holdfast::chaos {

namespace {

constexpr std::chrono::seconds view_within{60};
// Invariants by their numbers.
constexpr int acknowledged_is_kept = 1;
constexpr int money_as_journalled = 2;
constexpr int confirmed_is_captured = 3;
constexpr int positions_are_gapless = 8;
constexpr std::size_t keys_repeated_by_each = 20;

bool comes_to_rest(site& at, std::chrono::seconds within) {
  return testing::eventually(
      [&] { return at.serves_all() && unfinished_in(at.journal("reservations")).empty(); }, within);
}

bool shows_all(const std::vector<proof::view_line>& rows, const std::vector<proof::journal_line>& journal) {
  std::map<proof::reservation_id, std::uint64_t> versions;
  for (const auto& line : journal) versions[line.record.entity] += line.record.event_count;
  for (const auto& row : rows) {
    const auto found = versions.find(row.shown.reservation);
    if (found == versions.end() || found->second != row.shown.version) return false;
  }
  return rows.size() == versions.size();
}

/// The view as soon as it shows what the journal holds, or as it is when that takes too long.
std::vector<proof::view_line> settled_view(testing::http_client& client,
                                           const std::vector<proof::journal_line>& journal) {
  std::vector<proof::view_line> rows;
  testing::eventually(
      [&] {
        try {
          rows = read_view(client);
        } catch (const std::exception&) {
          // Not there yet, or found to be damaged while it was read, and rebuilt.
          return false;
        }
        return shows_all(rows, journal);
      },
      view_within);
  return rows;
}

proof::history begin_history(site& at, const run_identity& run) {
  proof::history all;
  all.facts.producer = run.producer;
  all.facts.seed = run.seed;
  all.facts.replay = run.replay;
  all.facts.engine_epoch_ms = at.into().began_at_ms();
  all.reservations = at.journal("reservations");
  all.operations = at.into().operations();
  all.faults = at.into().faults();
  return all;
}

proof::history gather(site& at, const run_identity& run) {
  auto all = begin_history(at, run);
  all.facts.at_rest = all.facts.has_ledger = all.facts.has_receipts = true;
  all.facts.has_view = all.facts.has_parked = true;
  // Parking comes after an hour without an outcome.
  all.facts.may_park = false;
  auto client = at.client();
  all.receipts = at.journal("receipts");
  all.ledger = read_ledger(at.provider());
  all.view = settled_view(client, all.reservations);
  all.parked = at.parked();
  all.canaries = at.canaries();
  return all;
}

/// Nobody else's: process ids are few where a run has its own.
std::string stem_of_evidence(const proof::history& all) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return std::filesystem::temp_directory_path() /
         ("holdfast-history-" + std::to_string(all.facts.seed) + "-" + std::to_string(now));
}

/// With the history kept in a file that it names.
std::string told(site& at, std::string what, const proof::history& all) {
  const auto stem = stem_of_evidence(all);
  std::ofstream file(stem + ".ndjson");
  proof::write_history(file, all);
  return what + "history: " + stem + ".ndjson\n" + at.keep_logs(stem) + "replay: " + all.facts.replay + "\n";
}

std::string figures_of(const proof::verdict& verdict, const recorder& into) {
  std::string text = std::to_string(verdict.operations) + " operations, " +
                     std::to_string(verdict.reservations) + " reservations, " +
                     std::to_string(verdict.receipts) + " receipts, " + std::to_string(verdict.ledger_lines) +
                     " ledger lines; answers:";
  for (const std::uint32_t status : {0u, 201u, 202u, 204u, 402u, 503u}) {
    const auto count = into.answered_with(status);
    text += " " + (status == 0 ? "none" : std::to_string(status)) + " " + std::to_string(count);
  }
  return text;
}

/// What was acknowledged is in the journal at any time. Where it is not, rest may never come, and nobody
/// has to wait for it.
std::string what_is_lost(site& at, const run_identity& run) {
  const auto so_far = begin_history(at, run);
  auto verdict = proof::check(so_far);
  std::erase_if(verdict.violations, [](const auto& each) { return each.invariant != acknowledged_is_kept; });
  return verdict.good() ? std::string() : told(at, proof::to_text(verdict, so_far.facts), so_far);
}

/// The books tell only at rest: until then the provider may be a step ahead.
bool tells_of_loss(const proof::verdict& verdict, bool at_rest) {
  return std::ranges::any_of(verdict.violations, [&](const auto& each) {
    const bool by_the_books =
        each.invariant == money_as_journalled || each.invariant == confirmed_is_captured;
    return each.invariant == acknowledged_is_kept || each.invariant == positions_are_gapless ||
           (at_rest && by_the_books);
  });
}

/// The reader of /events, where there is one, and then the Redis stream. A line for people.
std::string gather_events(site& at, const recorded_reader* reader, proof::history& into) {
  std::string figures;
  if (reader != nullptr) {
    into.events = told_to(*reader, into.reservations);
    figures += "; " + std::to_string(into.events.size()) + " events over " +
               std::to_string(reader->streams()) + " streams";
    ++into.facts.event_readers;
  }
  if (const auto* redis = at.publishes_to()) {
    const auto published = published_in(*redis, into.facts.event_readers++, into.reservations);
    into.events.insert(into.events.end(), published.begin(), published.end());
    figures += "; " + std::to_string(published.size()) + " events in Redis";
  }
  return figures;
}

}  // namespace

judgement judge(site& at, recorded_crowd& customers, const run_identity& run, const recorded_reader* reader) {
  if (auto lost = what_is_lost(at, run); !lost.empty()) return {false, true, std::move(lost), "not at rest"};
  // What is left half done after all this time is the checker's to report.
  bool at_rest = comes_to_rest(at, run.rest_within);
  if (at_rest) {
    customers.repeat_keys(keys_repeated_by_each);
    at_rest = comes_to_rest(at, run.rest_within);
  }
  auto all = gather(at, run);
  const auto told_of_events = gather_events(at, reader, all);
  at.look_further();
  const auto verdict = proof::check(all);
  judgement result;
  result.figures = figures_of(verdict, at.into()) + told_of_events;
  result.lost = tells_of_loss(verdict, at_rest);
  if (!verdict.good()) result.text = proof::to_text(verdict, all.facts);
  for (const auto& each : at.into().complaints()) result.text += "complaint: " + each + "\n";
  result.good = result.text.empty();
  if (!result.good) result.text = told(at, std::move(result.text), all);
  return result;
}

}  // namespace holdfast::chaos
