#include "http/reader.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace holdfast;

namespace {

using records = storage::journal_result<std::vector<storage::journal_record>>;

/// A view that answers what the test says, at once.
class scripted_view : public storage::view_reader {
 public:
  void get(storage::entity_id, storage::view_callback<std::optional<storage::stored_row>> done) override {
    if (while_asked) while_asked();
    done(row);
  }
  void list(storage::view_query, storage::view_callback<storage::view_page>) override {}

  storage::view_result<std::optional<storage::stored_row>> row = std::nullopt;
  std::function<void()> while_asked;
};

/// A journal whose reads stay open until the test answers them, on a thread of their own.
class scripted_journal : public storage::journal {
 public:
  std::string store_id() const override { return "scripted"; }
  void claim(std::vector<storage::shard_id>,
             storage::journal_callback<std::vector<storage::shard_claim>>) override {}
  void append(std::vector<storage::journal_entry>,
              storage::journal_callback<std::vector<storage::append_verdict>>) override {}
  void read_entity(storage::entity_id,
                   storage::journal_callback<std::vector<storage::journal_record>> done) override {
    open.push_back(std::move(done));
  }
  void read_shard(storage::shard_id, storage::position, std::uint32_t,
                  storage::journal_callback<std::vector<storage::journal_record>>) override {}
  void list_unfinished(storage::shard_id, storage::entity_id, std::uint32_t,
                       storage::journal_callback<std::vector<storage::entity_id>>) override {}
  void list_keys(storage::shard_id, std::string, std::uint32_t,
                 storage::journal_callback<std::vector<storage::kept_key>>) override {}
  void read_ends(storage::journal_callback<std::vector<storage::position>>) override {}

  void answer(const records& answer) {
    std::thread([&] {
      for (const auto& done : std::exchange(open, {})) done(answer);
    }).join();
  }

  std::vector<storage::journal_callback<std::vector<storage::journal_record>>> open;
};

storage::journal_record record(std::uint64_t first, std::uint32_t count, std::string bytes) {
  return {.shard = 0,
          .at = first,
          .entity = 1,
          .first_sequence = first,
          .event_count = count,
          .record = std::move(bytes)};
}

struct fixture {
  boost::asio::io_context loop;
  scripted_view view;
  scripted_journal journal;
  storage::projection_progress progress;
  std::shared_ptr<http::reservation_reader> reader =
      std::make_shared<http::reservation_reader>(view, journal, progress, loop);
  std::optional<http::read_answer> answer;

  fixture() {
    progress.claimed(0, 10);
    progress.projected(0, 10);
  }

  void ask() {
    reader->get(1, [this](http::read_answer told) { answer = std::move(told); });
  }
  void run() {
    loop.restart();
    loop.run();
  }
  void lag() { progress.durable(1, 11); }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "a row of a view that is not behind is the answer") {
  view.row = storage::stored_row{1, 2, "row"};
  ask();
  REQUIRE(answer);
  CHECK(answer->status == http::read_status::found);
  CHECK(answer->records == "row");
  CHECK(journal.open.empty());
}

TEST_CASE_FIXTURE(fixture, "what the view lacks is folded from the journal") {
  ask();
  CHECK(!answer);
  journal.answer(std::vector{record(1, 2, "a"), record(3, 1, "b")});
  CHECK(!answer);
  run();
  REQUIRE(answer);
  CHECK(answer->status == http::read_status::found);
  CHECK(answer->records == "ab");
}

TEST_CASE_FIXTURE(fixture, "what neither of them has is missing") {
  ask();
  journal.answer(std::vector<storage::journal_record>{});
  run();
  CHECK(answer->status == http::read_status::missing);
}

TEST_CASE_FIXTURE(fixture, "of a view that is behind and the journal the later one answers") {
  lag();
  view.row = storage::stored_row{1, 2, "row"};
  ask();
  journal.answer(std::vector{record(1, 2, "a"), record(3, 1, "b")});
  run();
  CHECK(answer->records == "ab");

  view.row = storage::stored_row{1, 4, "row"};
  ask();
  journal.answer(std::vector{record(1, 2, "a"), record(3, 1, "b")});
  run();
  CHECK(answer->records == "row");
}

TEST_CASE_FIXTURE(fixture,
                  "of a shard that another node has the journal is asked, and all that it has is told") {
  progress.left(0);
  view.row = storage::stored_row{1, 2, "row"};
  ask();
  CHECK(!answer);
  journal.answer(std::vector{record(1, 2, "a"), record(3, 1, "b")});
  run();
  CHECK(answer->records == "ab");
}

TEST_CASE("a node whose leases have run out asks the journal, whether it has noticed or not") {
  storage::projection_progress::time_point now{};
  storage::projection_progress progress([&now] { return now; });
  progress.claimed(0, 10);
  progress.projected(0, 10);
  CHECK(!progress.lags(1));
  progress.serve_until(now + std::chrono::seconds(5));
  CHECK(!progress.lags(1));
  now += std::chrono::seconds(5);
  CHECK(progress.lags(1));
  CHECK(!progress.may_serve());
  progress.serve_until(now + std::chrono::seconds(5));
  CHECK(!progress.lags(1));
}

TEST_CASE_FIXTURE(fixture, "while a record is on its way to the journal, the journal is asked") {
  progress.begun(1);
  view.row = storage::stored_row{1, 2, "row"};
  ask();
  CHECK(!answer);
  journal.answer(std::vector{record(1, 2, "a"), record(11, 1, "b")});
  run();
  CHECK(answer->records == "ab");

  answer.reset();
  progress.refused(1);
  ask();
  REQUIRE(answer);
  CHECK(answer->records == "row");

  answer.reset();
  progress.begun(1);
  progress.durable(1, 11);
  progress.refused(1);
  ask();
  CHECK(!answer);
  progress.projected(0, 11);
  ask();
  REQUIRE(answer);
}

TEST_CASE_FIXTURE(fixture, "whether the view is behind counts as it was before the view was asked") {
  lag();
  view.row = storage::stored_row{1, 1, "old"};
  view.while_asked = [this] { progress.projected(0, 11); };
  ask();
  CHECK(!answer);
  CHECK(journal.open.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "a view that can't be read is never a missing document") {
  view.row = tl::unexpected(storage::view_error::unavailable);
  ask();
  CHECK(answer->status == http::read_status::view_unavailable);
}

TEST_CASE_FIXTURE(fixture, "a journal that fails is told") {
  ask();
  journal.answer(tl::unexpected(storage::journal_error{"broken"}));
  run();
  CHECK(answer->status == http::read_status::journal_unavailable);
}

TEST_CASE_FIXTURE(fixture, "reads of the journal are bounded, and free again when answered") {
  for (std::size_t i = 0; i < http::largest_journal_reads; ++i) ask();
  CHECK(!answer);
  ask();
  REQUIRE(answer);
  CHECK(answer->status == http::read_status::view_unavailable);
  CHECK(journal.open.size() == http::largest_journal_reads);

  journal.answer(std::vector{record(1, 1, "a")});
  run();
  answer.reset();
  ask();
  CHECK(!answer);
  journal.answer(std::vector{record(1, 1, "a")});
  run();
  CHECK(answer->status == http::read_status::found);
}

TEST_CASE_FIXTURE(fixture, "an answer after the reader's end is dropped, before and after it was posted") {
  ask();
  journal.answer(std::vector{record(1, 1, "a")});
  ask();
  reader.reset();
  journal.answer(std::vector{record(1, 1, "a")});
  run();
  CHECK(!answer);
}
