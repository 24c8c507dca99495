#include "tests/proof/story.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <tuple>
#include <utility>

#include "storage/event_codec.hpp"
#include "tests/proof/names.hpp"

namespace holdfast::proof {

namespace {

constexpr moment microseconds_per_ms = 1000;
/// Faults that a story tells at most, the last ones.
constexpr std::size_t most_faults_told = 12;

std::string text_of(const observation& seen) {
  std::string text = "version " + std::to_string(seen.version);
  for (const auto word : {name_of(seen.status), name_of(seen.payment), name_of(seen.receipt)}) {
    if (!word.empty()) text.append(" ").append(word);
  }
  return text;
}

/// What an event adds to its name.
struct event_details {
  std::string operator()(const domain::reservation_placed& e) const {
    return " user " + std::to_string(e.what.user_id) + ", " + std::to_string(e.what.price.amount_minor) +
           " " + e.what.price.currency;
  }
  std::string operator()(const domain::payment_captured& e) const { return " " + e.transaction_id; }
  std::string operator()(const domain::payment_declined& e) const { return " " + e.reason; }
  std::string operator()(const domain::receipt_issued& e) const { return " " + e.receipt_no; }
  std::string operator()(const domain::receipt_voided& e) const { return " " + e.receipt_no; }
  std::string operator()(const domain::payment_refunded& e) const { return " " + e.refund_id; }
  std::string operator()(const domain::reservation_parked& e) const { return " " + e.why; }
  std::string operator()(const domain::receipts::issued& e) const { return " " + std::to_string(e.number); }
  template <class Event>
  std::string operator()(const Event&) const {
    return {};
  }
};

template <class Event>
std::string text_of(const std::vector<Event>& events) {
  std::string text;
  for (const auto& event : events) {
    if (!text.empty()) text += "; ";
    text.append(name_of(event)).append(std::visit(event_details{}, event));
  }
  return text;
}

domain::timestamp time_of_event(const domain::reservation_event& event) {
  return domain::time_of(event);
}
domain::timestamp time_of_event(const domain::receipts::event& event) {
  return std::visit([](const auto& what) { return what.at; }, event);
}

class story {
 public:
  explicit story(const case_file& file) : file_(file) {}

  void add(moment at, std::string text) { lines_.emplace_back(at, lines_.size(), std::move(text)); }

  void add(const operation& what) {
    const auto name = "operation " + std::to_string(what.number);
    add(what.invoked, name + " invoked by customer " + std::to_string(what.client) + ": " + to_text(what));
    if (what.completed) {
      auto end = name + " " + std::string(name_of(what.outcome));
      if (what.status != 0) end += ": " + std::to_string(what.status);
      if (!what.code.empty()) end += " " + what.code;
      if (what.replayed) end += " (replayed)";
      if (what.reservation != 0) end += ", reservation " + std::to_string(what.reservation);
      for (const auto& seen : what.shown) end += ", " + text_of(seen);
      add(*what.completed, end);
    }
  }

  template <class Events>
  void add(const journal_line& line, const char* which, const Events& events) {
    auto at = line.at;
    if (at == 0 && events && !events->empty()) {
      const auto ms = time_of_event(events->front()).time_since_epoch().count();
      at = (ms - file_.run.facts.engine_epoch_ms) * microseconds_per_ms;
    }
    add(at, std::string(which) + " " + std::to_string(line.record.shard) + "/" +
                std::to_string(line.record.at) + ", events from " +
                std::to_string(line.record.first_sequence) + ": " +
                (events ? text_of(*events) : events.error().message));
  }

  std::vector<std::string> take() {
    std::sort(lines_.begin(), lines_.end());
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < lines_.size();) {
      auto& [at, order, text] = lines_[i];
      std::size_t alike = 1;
      while (i + alike < lines_.size() && std::get<std::string>(lines_[i + alike]) == text) ++alike;
      i += alike;
      if (alike > 1) text += " (" + std::to_string(alike) + " times)";
      texts.push_back(std::to_string(at / microseconds_per_ms) + " ms  " + std::move(text));
    }
    return texts;
  }

  /// Faults between the first and the last line.
  void add_faults() {
    if (lines_.empty()) return;
    const auto [first, last] = std::minmax_element(lines_.begin(), lines_.end());
    const auto from = std::get<moment>(*first);
    const auto to = std::get<moment>(*last);
    std::vector<const fault_line*> during;
    for (const auto& fault : file_.run.faults) {
      if (fault.at >= from && fault.at <= to) during.push_back(&fault);
    }
    const auto skipped = during.size() - std::min(during.size(), most_faults_told);
    if (skipped > 0) add(from, "(" + std::to_string(skipped) + " faults are left out)");
    for (auto i = skipped; i < during.size(); ++i) {
      add(during[i]->at, "fault: " + during[i]->name + " " + during[i]->detail);
    }
  }

 private:
  const case_file& file_;
  std::vector<std::tuple<moment, std::size_t, std::string>> lines_;
};

std::set<const operation*> operations_of(const case_file& file, reservation_id about,
                                         const std::vector<const operation*>& witnesses) {
  std::set<const operation*> told(witnesses.begin(), witnesses.end());
  const auto found = file.operations.find(about);
  if (about == 0 || found == file.operations.end()) return told;
  for (const auto* one : found->second) {
    if (one->kind != operation_kind::read) told.insert(one);
    if (one->key.empty()) continue;
    const auto& same_key = file.by_key.at(one->key);
    told.insert(same_key.begin(), same_key.end());
  }
  return told;
}

void add_ledger(story& lines, const case_file& file, reservation_id about) {
  for (const auto& line : file.run.ledger) {
    if (line.reservation != about) continue;
    lines.add(line.at, "ledger: " + std::string(name_of(line.what)) + " " +
                           std::to_string(line.amount_minor) + " " + line.currency + ", key " + line.key +
                           (line.transaction.empty() ? "" : ", " + line.transaction));
  }
}

void add_calls(story& lines, const case_file& file, reservation_id about) {
  for (const auto& call : file.run.calls) {
    if (call.reservation != about) continue;
    lines.add(call.at,
              "provider: " + std::string(name_of(call.what)) + ", key " + call.key + " -> " + call.answer);
  }
}

void add_row(std::vector<std::string>& texts, const case_file& file, reservation_id about) {
  for (const auto& row : file.run.view) {
    if (row.shown.reservation == about) texts.push_back("at rest the view shows " + text_of(row.shown));
  }
}

}  // namespace

std::string to_text(const operation& what) {
  std::string text(name_of(what.kind));
  if (what.kind == operation_kind::place) {
    text += what.key.empty() ? " without a key" : " with key " + what.key;
    text += ", user " + std::to_string(what.user_id) + ", request " + what.request;
  } else if (what.reservation != 0) {
    text += " " + std::to_string(what.reservation);
    if (what.kind == operation_kind::operate) text += ": " + what.request;
  }
  return text;
}

std::vector<std::string> tell_story(const case_file& file, reservation_id about,
                                    const std::vector<const operation*>& witnesses) {
  story lines(file);
  for (const auto* one : operations_of(file, about, witnesses)) lines.add(*one);
  if (about == 0) return lines.take();
  if (const auto* kept = file.find(about)) {
    for (const auto* line : kept->lines)
      lines.add(*line, "journal", storage::decode_reservation_events(line->record.record));
  }
  if (const auto kept = file.receipts.find(about); kept != file.receipts.end()) {
    for (const auto* line : kept->second.lines)
      lines.add(*line, "receipts", storage::decode_receipt_events(line->record.record));
  }
  add_calls(lines, file, about);
  add_ledger(lines, file, about);
  lines.add_faults();
  auto texts = lines.take();
  add_row(texts, file, about);
  return texts;
}

}  // namespace holdfast::proof
