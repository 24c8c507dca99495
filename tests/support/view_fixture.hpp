// A view under test: a store of either kind, one reader on a loop that the test itself runs, and
// one writer, with calls that wait for their answers. Everything waits for a condition with a
// deadline. Used by one thread.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/embedded_view.hpp"
#include "storage/redis_view.hpp"
#include "storage/view_format.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::testing {

inline constexpr std::chrono::seconds answer_within{20};

class embedded_store {
 public:
  /// In a folder of its own where none is given.
  explicit embedded_store(std::size_t cache_bytes = storage::default_view_cache_bytes, std::string path = {})
      : path_(path.empty() ? folder_ / "view" : std::move(path)), cache_bytes_(cache_bytes) {
    open();
  }

  storage::embedded_view& view() { return *view_; }
  void close() { view_.reset(); }
  void open() {
    auto opened = storage::embedded_view::open({path_, cache_bytes_});
    REQUIRE_MESSAGE(opened.has_value(), opened.error());
    view_ = std::move(*opened);
  }
  void leave_unended_openings(std::size_t count) {
    std::ofstream(path_ + ".opening") << std::string(count, '.');
  }
  void remove_manifest() {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().filename().string().starts_with("MANIFEST")) std::filesystem::remove(entry.path());
    }
  }
  /// Places in each table that has rows in them: small ones are mostly what is found when they are opened.
  void damage_tables() {
    constexpr std::uintmax_t smallest_damaged_bytes = 5'000;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() != ".sst" || entry.file_size() < smallest_damaged_bytes) continue;
      std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      const auto part = entry.file_size() / 16;
      for (const auto place : {6, 12}) {
        file.seekp(static_cast<std::streamoff>(place * part));
        file << std::string(part, '?');
      }
    }
  }

 private:
  temporary_folder folder_;
  std::string path_;
  std::size_t cache_bytes_;
  std::unique_ptr<storage::embedded_view> view_;
};

class redis_store {
 public:
  redis_store() { open(); }

  storage::redis_view& view() { return *view_; }
  redis_server& server() { return server_; }
  void close() { view_.reset(); }
  void open() {
    storage::redis_options options;
    options.port = server_.port();
    options.database = 3;
    view_ = std::make_unique<storage::redis_view>(options);
  }

 private:
  redis_server server_;
  std::unique_ptr<storage::redis_view> view_;
};

template <class Store>
class view_fixture {
 public:
  using row = std::optional<storage::stored_row>;

  template <class... Arguments>
  explicit view_fixture(Arguments&&... arguments) : store_(std::forward<Arguments>(arguments)...) {
    make_both();
  }

  Store& store() { return store_; }
  storage::view_reader& reader() { return *reader_; }
  storage::view_writer& writer() { return *writer_; }
  boost::asio::io_context& loop() { return loop_; }

  void close_reader() { reader_.reset(); }
  void close_writer() { writer_.reset(); }
  /// As after a restart of the process.
  void reopen() {
    reader_.reset();
    writer_.reset();
    store_.close();
    store_.open();
    make_both();
  }

  /// Opens and publishes, and waits until readers see it.
  storage::checkpoints serve(const std::string& store_id = "a") {
    auto reached = open(store_id);
    REQUIRE(reached.has_value());
    REQUIRE(publish().has_value());
    wait_until_served();
    return *reached;
  }
  void wait_until_served() {
    CHECK(eventually([this] { return get(1).has_value(); }));
  }

  storage::view_result<storage::checkpoints> open(const std::string& store_id = "a") {
    return written<storage::checkpoints>([&](auto done) { writer_->open(store_id, std::move(done)); });
  }
  storage::view_result<std::monostate> write(
      std::vector<storage::view_row> rows,
      std::vector<std::pair<storage::shard_id, storage::position>> reached = {}) {
    return written<std::monostate>(
        [&](auto done) { writer_->write(std::move(rows), std::move(reached), std::move(done)); });
  }
  storage::view_result<std::monostate> publish() {
    return written<std::monostate>([&](auto done) { writer_->publish(std::move(done)); });
  }

  storage::view_result<row> get(storage::entity_id id) {
    return read<row>([&](auto done) { reader_->get(id, std::move(done)); });
  }
  storage::view_result<storage::view_page> list(const storage::view_query& query) {
    return read<storage::view_page>([&](auto done) { reader_->list(query, std::move(done)); });
  }
  /// How many rows a collection has, by a page and by one behind them all, which has no rows that tell it.
  std::uint64_t total(storage::view_query query) {
    const auto page = list(query);
    REQUIRE(page.has_value());
    query.after.reset();
    query.offset =
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(page->total, 1, storage::largest_offset_rows));
    const auto behind = list(query);
    REQUIRE(behind.has_value());
    CHECK(behind->total == page->total);
    return page->total;
  }

  /// Runs the loop until the condition holds; false where it does not in time.
  bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + answer_within;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      run_some();
    }
    return true;
  }

 private:
  void make_both() {
    reader_ = store_.view().make_reader(loop_);
    writer_ = store_.view().make_writer();
  }

  void run_some() {
    constexpr std::chrono::milliseconds patience{10};
    loop_.restart();
    loop_.run_one_for(patience);
  }

  template <class T, class Ask>
  storage::view_result<T> read(Ask ask) {
    const auto answer = std::make_shared<std::optional<storage::view_result<T>>>();
    ask(storage::view_callback<T>([answer](storage::view_result<T> result) {
      CHECK(!answer->has_value());
      *answer = std::move(result);
    }));
    REQUIRE(eventually([&] { return answer->has_value(); }));
    return std::move(**answer);
  }

  template <class T, class Ask>
  storage::view_result<T> written(Ask ask) {
    const auto promise = std::make_shared<std::promise<storage::view_result<T>>>();
    auto answer = promise->get_future();
    ask(storage::view_callback<T>(
        [promise](storage::view_result<T> result) { promise->set_value(std::move(result)); }));
    REQUIRE(answer.wait_for(answer_within) == std::future_status::ready);
    return answer.get();
  }

  boost::asio::io_context loop_;
  Store store_;
  std::unique_ptr<storage::view_reader> reader_;
  std::unique_ptr<storage::view_writer> writer_;
};

}  // namespace holdfast::testing
