// Fills two journals as a busy year would leave them, and measures what a start and an append
// cost on top of that.
//   journal_seed fill DIR FINISHED [UNFINISHED]
// makes DIR/reservations and DIR/receipts with so many finished reservations, spread over all shards and
// the last 30 days, 20 to a customer; behind them others, placed just now, whose charge was interrupted.
//   journal_seed measure DIR
// opens, claims and lists both, and appends 20,000 placements to the first.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <memory>
#include <numeric>
#include <semaphore>
#include <string>
#include <vector>

#include "storage/event_codec.hpp"
#include "storage/journal.hpp"
#include "storage/rocksdb_journal.hpp"

using namespace holdfast;
using storage::entity_id;
using storage::journal_entry;
using storage::shard_count;

namespace {

/// Entries of one append while filling, and appends under way at once.
constexpr std::uint64_t fill_entries = 4096;
constexpr std::ptrdiff_t fill_calls = 4;
constexpr std::uint64_t days = 30;
constexpr std::uint32_t list_limit = 1000;
constexpr std::uint64_t measured_appends = 20'000;
constexpr std::ptrdiff_t measured_calls = 64;

using clock = std::chrono::steady_clock;

double milliseconds_since(clock::time_point start) {
  return std::chrono::duration<double, std::milli>(clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << why << '\n';
  std::exit(EXIT_FAILURE);
}

std::unique_ptr<storage::rocksdb_journal> open(const std::string& path) {
  auto opened = storage::rocksdb_journal::open({.path = path});
  if (!opened) {
    give_up(opened.error().message);
  }
  return std::move(*opened);
}

template <class Answer, class Call>
Answer ask(Call call) {
  std::promise<storage::journal_result<Answer>> promise;
  call([&](storage::journal_result<Answer> result) { promise.set_value(std::move(result)); });
  auto result = promise.get_future().get();
  if (!result) {
    give_up(result.error().message);
  }
  return std::move(*result);
}

std::vector<storage::shard_claim> claim_all(storage::journal& journal) {
  std::vector<storage::shard_id> shards(shard_count);
  std::iota(shards.begin(), shards.end(), storage::shard_id{0});
  return ask<std::vector<storage::shard_claim>>([&](auto done) { journal.claim(shards, done); });
}

std::size_t count_unfinished(storage::journal& journal) {
  std::vector<std::future<std::size_t>> counts;
  for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
    auto promise = std::make_shared<std::promise<std::size_t>>();
    counts.push_back(promise->get_future());
    journal.list_unfinished(static_cast<storage::shard_id>(shard), 0, list_limit,
                            [promise](storage::journal_result<std::vector<entity_id>> result) {
                              promise->set_value(result ? result->size() : list_limit);
                            });
  }
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0},
                         [](std::size_t sum, auto& count) { return sum + count.get(); });
}

/// Appends with a bounded number of calls under way; every entry must be taken.
class pipeline {
 public:
  pipeline(storage::journal& journal, std::ptrdiff_t calls)
      : journal_(journal), calls_(calls), free_(calls) {}
  ~pipeline() {
    for (std::ptrdiff_t i = 0; i < calls_; ++i) {
      free_.acquire();
    }
  }
  void append(std::vector<journal_entry> entries) {
    free_.acquire();
    journal_.append(std::move(entries),
                    [this](storage::journal_result<std::vector<storage::append_verdict>> result) {
                      if (!result) {
                        give_up(result.error().message);
                      }
                      for (const auto& verdict : *result) {
                        if (verdict.status != storage::append_status::appended) {
                          give_up("an append was refused");
                        }
                      }
                      free_.release();
                    });
  }

 private:
  storage::journal& journal_;
  std::ptrdiff_t calls_;
  std::counting_semaphore<> free_;
};

struct story {
  domain::timestamp placed;
  domain::timestamp captured;
  domain::timestamp issued;
  domain::zoned_timestamp delivery;
};

story story_of(entity_id id, std::uint64_t count) {
  using namespace std::chrono;
  const auto now = time_point_cast<milliseconds>(system_clock::now());
  const auto placed = now - hours(24 * days) + milliseconds(days * 24 * 3'600'000 * id / (count + 1));
  const auto captured = placed + 400ms + milliseconds(id * 7919 % 220);
  return {placed, captured, captured + 3ms, {captured + hours(24 * 21), 9h}};
}

domain::order order_of(entity_id id, std::uint64_t count) {
  const auto user = id * 2'654'435'761u % std::max<std::uint64_t>(count / 20, 1) + 1;
  return {user, "seoul", 1, "fold", {1'300'000, "KRW"}, std::to_string(1000 + id % 9000)};
}

journal_entry entry_of(entity_id id, std::uint64_t sequence, domain::reservation_event event,
                       bool unfinished) {
  return {.shard = storage::shard_of(id),
          .owner_epoch = 1,
          .entity = id,
          .expected_sequence = sequence,
          .event_count = 1,
          .record = storage::encode_events(std::vector{std::move(event)}),
          .unfinished = unfinished,
          .key = {},
          .counter = {}};
}

/// One step of the reservations [first, last): placed, captured, receipt issued.
std::vector<journal_entry> step_of(int step, entity_id first, entity_id last, std::uint64_t count) {
  std::vector<journal_entry> entries;
  for (auto id = first; id < last; ++id) {
    const auto told = story_of(id, count);
    const auto receipt_no = domain::receipts::receipt_no(storage::shard_of(id), storage::sequence_of(id));
    if (step == 0) {
      entries.push_back(entry_of(id, 0, domain::reservation_placed{told.placed, order_of(id, count)}, true));
    } else if (step == 1) {
      entries.push_back(
          entry_of(id, 1, domain::payment_captured{told.captured, "ch_" + std::to_string(id)}, true));
    } else {
      entries.push_back(
          entry_of(id, 2, domain::receipt_issued{told.issued, receipt_no, told.delivery}, false));
    }
  }
  return entries;
}

std::vector<journal_entry> receipts_of(entity_id first, entity_id last, std::uint64_t count) {
  std::vector<journal_entry> entries;
  for (auto id = first; id < last; ++id) {
    const auto told = story_of(id, count);
    const auto number = storage::sequence_of(id);
    const std::vector<domain::receipts::event> events{
        domain::receipts::issued{told.issued, number, told.delivery}};
    entries.push_back({.shard = storage::shard_of(id),
                       .owner_epoch = 1,
                       .entity = id,
                       .expected_sequence = 0,
                       .event_count = 1,
                       .record = storage::encode_events(events),
                       .unfinished = false,
                       .key = {},
                       .counter = number});
  }
  return entries;
}

/// Placed when the others are already finished, and nothing more is known of them.
std::vector<journal_entry> interrupted(entity_id first, entity_id last, std::uint64_t count) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  std::vector<journal_entry> entries;
  for (auto id = first; id < last; ++id) {
    entries.push_back(entry_of(id, 0, domain::reservation_placed{now, order_of(id, count)}, true));
  }
  return entries;
}

void fill(const std::string& folder, std::uint64_t count, std::uint64_t unfinished) {
  const auto reservations = open(folder + "/reservations");
  const auto receipts = open(folder + "/receipts");
  claim_all(*reservations);
  claim_all(*receipts);
  pipeline placing(*reservations, fill_calls);
  pipeline issuing(*receipts, fill_calls);
  for (entity_id first = 1; first <= count; first += fill_entries) {
    const auto last = std::min(first + fill_entries, count + 1);
    for (const int step : {0, 1, 2}) {
      placing.append(step_of(step, first, last, count));
    }
    issuing.append(receipts_of(first, last, count));
  }
  const entity_id end = count + unfinished + 1;
  for (entity_id first = count + 1; first < end; first += fill_entries) {
    placing.append(interrupted(first, std::min<entity_id>(first + fill_entries, end), count));
  }
}

/// What `serve` does before it is ready: open, claim and list both journals.
void measure_start(const std::string& folder) {
  for (const std::string name : {"/reservations", "/receipts"}) {
    const auto start = clock::now();
    const auto journal = open(folder + name);
    const auto opened = milliseconds_since(start);
    claim_all(*journal);
    const auto claimed = milliseconds_since(start);
    const auto unfinished = count_unfinished(*journal);
    std::cout << name << ": open " << opened << " ms, claim " << claimed - opened << " ms, list "
              << milliseconds_since(start) - claimed << " ms, together " << milliseconds_since(start)
              << " ms, " << unfinished << " unfinished\n";
  }
}

void measure_appends(const std::string& folder) {
  const auto journal = open(folder + "/reservations");
  const auto claims = claim_all(*journal);
  const auto start = clock::now();
  {
    pipeline appending(*journal, measured_calls);
    for (std::uint64_t i = 0; i < measured_appends; ++i) {
      const auto& claim = claims[i % shard_count];
      const auto newest = std::max<entity_id>(claim.last_entity, claim.shard + 1u);
      const auto id = newest + (i / shard_count + 1) * shard_count;
      auto entry = entry_of(id, 0, domain::reservation_placed{story_of(1, 1).placed, order_of(id, 1)}, false);
      entry.owner_epoch = claim.owner_epoch;
      appending.append({entry});
    }
  }
  const auto took = milliseconds_since(start);
  std::cout << "appends of one entry, " << measured_calls
            << " under way: " << static_cast<double>(measured_appends) * 1000 / took << " appends/s\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool filling = (words.size() == 3 || words.size() == 4) && words[0] == "fill";
  if (!filling && (words.size() != 2 || words[0] != "measure")) {
    give_up("usage: journal_seed fill DIR FINISHED [UNFINISHED], or journal_seed measure DIR");
  }
  const std::string& folder = words[1];
  if (!filling) {
    measure_start(folder);
    measure_appends(folder);
    return EXIT_SUCCESS;
  }
  if (std::filesystem::exists(folder + "/reservations")) {
    give_up(folder + " has been filled before");
  }
  const auto start = clock::now();
  fill(folder, std::stoull(words[2]), words.size() == 4 ? std::stoull(words[3]) : 0);
  std::cout << "filled in " << milliseconds_since(start) / 1000 << " s\n";
}
