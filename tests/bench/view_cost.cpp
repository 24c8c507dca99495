// What the embedded view costs: rows written as the projector writes them live, then read.
//   view_cost DIR ROWS one|many [ROWS_A_SECOND]
// writes ROWS reservations of one customer, or of a million by chance, into a new view in DIR: 500 rows to a
// batch, ids ascending over all shards but mixed a little, a quarter of them again in the next batch, when
// their receipt has come. Tells the processor time of each kind of thread for each row, the bytes on disk,
// and what reads take: right after the writing, and after a restart, with an empty cache.
#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "storage/embedded_view.hpp"
#include "storage/event_codec.hpp"

using namespace holdfast;
using storage::entity_id;

namespace {

constexpr std::uint64_t batch_rows = 500;
/// One row in so many is written again with the next batch.
constexpr std::uint64_t receipts_late = 4;
/// Ids change places within so many.
constexpr std::uint64_t mixed_rows = 200;
constexpr std::uint64_t users = 1'000'000;
constexpr std::uint64_t rows_per_ms = 25;
constexpr int measured_reads = 20'000;
/// Threads are at rest that take less than this in that time.
constexpr auto rest = std::chrono::seconds(2);
constexpr std::uint64_t largest_rest_ns = 5'000'000;

using clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << why << '\n';
  std::exit(EXIT_FAILURE);
}

/// Nanoseconds on a processor of all threads alive, by their names.
std::map<std::string, std::uint64_t> processor_ns() {
  std::map<std::string, std::uint64_t> sums;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::uint64_t ns = 0;
    std::getline(std::ifstream(thread.path() / "comm"), name);
    std::ifstream(thread.path() / "schedstat") >> ns;
    sums[name] += ns;
  }
  return sums;
}

struct reservation {
  entity_id id = 0;
  std::uint64_t user = 0;
  domain::timestamp placed;
};

storage::view_row row_of(const reservation& what, bool with_receipt) {
  using namespace std::chrono;
  const auto captured = what.placed + milliseconds(what.id * 7919 % 7);
  std::vector<domain::reservation_event> placed{domain::reservation_placed{
      what.placed,
      {what.user, "seoul", 1, "fold", {1'300'000, "KRW"}, std::to_string(1000 + what.id * 7919 % 9000)}}};
  storage::view_row row{what.id, 2, {}, what.user, what.placed, captured};
  row.records = storage::encode_events(placed);
  row.records += storage::encode_events(std::vector<domain::reservation_event>{
      domain::payment_captured{captured, "ch_" + std::to_string(what.id)}});
  if (with_receipt) {
    row.version = 3;
    row.records += storage::encode_events(std::vector<domain::reservation_event>{domain::receipt_issued{
        captured + 3ms,
        domain::receipts::receipt_no(storage::shard_of(what.id), storage::sequence_of(what.id)),
        {captured + hours(24 * 21), 9h}}});
  }
  return row;
}

class shop {
 public:
  explicit shop(bool many) : many_(many) {}

  std::vector<storage::view_row> next_batch() {
    std::vector<storage::view_row> rows;
    for (const auto& each : late_) rows.push_back(row_of(each, true));
    late_.clear();
    for (std::uint64_t i = 0; i < batch_rows; ++i) {
      const auto each = next();
      const bool late = random_() % receipts_late == 0;
      rows.push_back(row_of(each, !late));
      if (late) late_.push_back(each);
      users_.push_back(each.user);
    }
    return rows;
  }

  std::uint64_t user_of(std::uint64_t place) const { return users_[place]; }

 private:
  reservation next() {
    if (ids_.empty()) {
      for (std::uint64_t i = 0; i < mixed_rows; ++i) ids_.push_back(++last_);
      std::shuffle(ids_.begin(), ids_.end(), random_);
    }
    const auto id = ids_.back();
    ids_.pop_back();
    const auto user = many_ ? 1 + random_() % users : 7;
    return {id, user, start_ + std::chrono::milliseconds(count_++ / rows_per_ms)};
  }

  const bool many_;
  const domain::timestamp start_ =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  std::mt19937_64 random_{1};
  std::vector<entity_id> ids_;
  entity_id last_ = 0;
  std::uint64_t count_ = 0;
  std::vector<reservation> late_;
  std::vector<std::uint64_t> users_;
};

template <class Answer, class Call>
Answer ask(Call call) {
  std::promise<storage::view_result<Answer>> promise;
  call([&](storage::view_result<Answer> result) { promise.set_value(std::move(result)); });
  auto result = promise.get_future().get();
  if (!result) give_up("the view is not available");
  return std::move(*result);
}

std::unique_ptr<storage::embedded_view> open(const std::string& folder) {
  auto opened = storage::embedded_view::open({folder});
  if (!opened) give_up(opened.error());
  return std::move(*opened);
}

void wait_until(clock::time_point when) {
  boost::asio::io_context loop;
  boost::asio::steady_timer(loop, when).wait();
}

/// What it is when all threads but this one have come to rest.
std::map<std::string, std::uint64_t> at_rest() {
  auto before = processor_ns();
  while (true) {
    wait_until(clock::now() + rest);
    const auto now = processor_ns();
    if (std::all_of(now.begin(), now.end(), [&](const auto& each) {
          return each.first == "view_cost" || each.second < before[each.first] + largest_rest_ns;
        })) {
      return now;
    }
    before = now;
  }
}

std::uintmax_t bytes_in(const std::string& folder) {
  std::uintmax_t sum = 0;
  for (const auto& each : std::filesystem::directory_iterator(folder)) sum += each.file_size();
  return sum;
}

void tell(const std::string& what, double value, const std::string& unit) {
  std::printf("%-34s %10.2f %s\n", what.c_str(), value, unit.c_str());
}

/// `call(done)` asks for one read.
template <class Call>
void measure_reads(const std::string& what, const storage::embedded_view& view, boost::asio::io_context& loop,
                   Call call) {
  std::uint64_t found = 0;
  const auto from_disk = view.reads_from_disk();
  const auto start = clock::now();
  const auto processor = std::clock();
  for (int i = 0; i < measured_reads; ++i) {
    bool answered = false;
    call([&](const auto& result) {
      if (!result) give_up("a read failed");
      answered = true;
      ++found;
    });
    loop.restart();
    if (!answered) loop.run();
  }
  const double wall = std::chrono::duration<double, std::micro>(clock::now() - start).count();
  tell(what, static_cast<double>(std::clock() - processor) / measured_reads, "us of processor,");
  tell("", wall / measured_reads, "us, from disk");
  tell("", 100.0 * static_cast<double>(view.reads_from_disk() - from_disk) / measured_reads, "%");
}

void read(const storage::embedded_view& view, storage::view_reader& reader, boost::asio::io_context& loop,
          const shop& shop, std::uint64_t rows) {
  std::mt19937_64 random(2);
  const auto recent = [&] { return rows - 1 - random() % 5'000; };
  const auto any = [&] { return random() % rows; };
  const auto get = [&](auto place) { return [&, place](auto done) { reader.get(place() + 1, done); }; };
  const auto list = [&](auto place) {
    return [&, place](auto done) {
      storage::view_query query;
      query.collection = storage::view_collection::of_user;
      query.user_id = shop.user_of(place());
      query.descending = true;
      reader.list(query, done);
    };
  };
  const auto latest = [&](auto done) {
    storage::view_query query;
    query.descending = true;
    reader.list(query, done);
  };
  measure_reads("get, recent", view, loop, get(recent));
  measure_reads("list of a user, recent", view, loop, list(recent));
  measure_reads("list of all, newest", view, loop, latest);
  measure_reads("get, any", view, loop, get(any));
  measure_reads("list of a user, any", view, loop, list(any));
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_NAME, "view_cost");
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3 || (words[2] != "one" && words[2] != "many")) {
    give_up("usage: view_cost DIR ROWS one|many [ROWS_A_SECOND]");
  }
  const std::string& folder = words[0];
  const auto rows = std::stoull(words[1]) / batch_rows * batch_rows;
  const auto pace = words.size() > 3 ? std::stoull(words[3]) : 0;
  shop shop(words[2] == "many");
  boost::asio::io_context loop;
  std::uint64_t sum = 0;
  {
    const auto view = open(folder);
    auto reader = view->make_reader(loop);
    auto writer = view->make_writer();
    ask<storage::checkpoints>([&](auto done) { writer->open("a", done); });
    ask<std::monostate>([&](auto done) { writer->publish(done); });
    const auto before = processor_ns();
    const auto start = clock::now();
    std::vector<std::pair<storage::shard_id, storage::position>> reached;
    for (std::uint64_t written = 0; written < rows; written += batch_rows) {
      auto batch = shop.next_batch();
      reached.clear();
      for (storage::shard_id shard = 0; shard < storage::shard_count; ++shard)
        reached.push_back({shard, written + 1});
      if (pace > 0) wait_until(start + std::chrono::microseconds(written * 1'000'000 / pace));
      // The name of the writer's thread tells it from this one.
      ask<std::monostate>([&](auto done) {
        writer->write(std::move(batch), reached, [done](auto result) {
          ::prctl(PR_SET_NAME, "view_writer");
          done(std::move(result));
        });
      });
    }
    tell("written", static_cast<double>(rows) / std::chrono::duration<double>(clock::now() - start).count(),
         "rows/s");
    read(*view, *reader, loop, shop, rows);
    auto after = at_rest();
    for (const auto& [name, ns] : after) {
      if (name == "view_cost") continue;
      const auto found = before.find(name);
      const auto took = static_cast<double>(ns - (found == before.end() ? 0 : found->second)) /
                        static_cast<double>(rows) / 1000;
      tell("processor, " + name, took, "us a row");
      sum += static_cast<std::uint64_t>(took * 1000);
    }
    tell("processor, all of these", static_cast<double>(sum) / 1000, "us a row");
    tell("memory of the cache", static_cast<double>(view->memory_bytes()) / (1 << 20), "MiB");
  }
  tell("on disk", static_cast<double>(bytes_in(folder)) / static_cast<double>(rows), "bytes a row");
  const auto opening = clock::now();
  const auto view = open(folder);
  auto reader = view->make_reader(loop);
  auto writer = view->make_writer();
  ask<storage::checkpoints>([&](auto done) { writer->open("a", done); });
  ask<std::monostate>([&](auto done) { writer->publish(done); });
  tell("opened again", std::chrono::duration<double, std::milli>(clock::now() - opening).count(), "ms");
  read(*view, *reader, loop, shop, rows);
}
