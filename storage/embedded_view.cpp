#include "storage/embedded_view.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <unordered_map>

#include "storage/embedded_view_database.hpp"
#include "storage/task_thread.hpp"

namespace holdfast::storage {
namespace {

/// Reads that wait for the disk, of all event loops together.
constexpr std::size_t largest_waiting_reads = 1024;
/// The projector has one batch under way; a few more are a courtesy.
constexpr std::size_t largest_waiting_writes = 16;

/// The way back from the reading thread to a reader's event loop. The thread may outlive reader
/// and loop, so the way is closed first: what was read is dropped then.
class return_path {
 public:
  explicit return_path(boost::asio::io_context& loop) : loop_(&loop) {}

  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (loop_ != nullptr) {
      boost::asio::post(*loop_, std::move(task));
    }
  }

  void close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* loop_;
};

/// Waiting reads by ticket. Their callbacks are kept, called and destroyed on the event loop only.
class waiting_reads {
 public:
  template <class T>
  std::uint64_t add(boost::asio::io_context& loop, view_callback<T> done) {
    waiting_.emplace(++last_ticket_, entry{boost::asio::make_work_guard(loop), std::move(done)});
    return last_ticket_;
  }

  /// Nothing happens where the reader is gone and has given this one up.
  template <class T>
  void answer(std::uint64_t ticket, view_result<T> result) {
    if (const auto found = waiting_.extract(ticket)) {
      std::get<view_callback<T>>(found.mapped().done)(std::move(result));
    }
  }

  void give_up() {
    const auto given_up = std::exchange(waiting_, {});
    for (const auto& [ticket, entry] : given_up) {
      std::visit([](const auto& done) { done(tl::unexpected(view_error::unavailable)); }, entry.done);
    }
  }

 private:
  struct entry {
    /// Keeps the loop running until the answer is there.
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
    std::variant<view_callback<std::optional<stored_row>>, view_callback<view_page>> done;
  };

  std::unordered_map<std::uint64_t, entry> waiting_;
  std::uint64_t last_ticket_ = 0;
};

template <class T>
view_result<T> answer_of(read_result<T> read) {
  if (!read) {
    return tl::unexpected(view_error::unavailable);
  }
  return std::move(*read);
}

class embedded_view_reader final : public view_reader {
 public:
  embedded_view_reader(const embedded_view_database& database, task_thread& reading,
                       std::atomic<std::uint64_t>& reads_from_disk, boost::asio::io_context& loop)
      : database_(database), reading_(reading), reads_from_disk_(reads_from_disk), loop_(loop) {}

  ~embedded_view_reader() override {
    way_back_->close();
    waiting_->give_up();
  }

  void get(entity_id id, view_callback<std::optional<stored_row>> done) override {
    read<std::optional<stored_row>>(
        [id](const auto& database, auto depth) { return database.get(id, depth); }, std::move(done));
  }

  void list(view_query query, view_callback<view_page> done) override {
    read<view_page>([query](const auto& database, auto depth) { return database.list(query, depth); },
                    std::move(done));
  }

 private:
  template <class T>
  using read_function = std::function<read_result<T>(const embedded_view_database&, read_depth)>;

  template <class T>
  void read(read_function<T> function, view_callback<T> done) {
    auto result = function(database_, read_depth::memory);
    if (!result && result.error() == read_failure::not_in_memory) {
      read_from_disk<T>(std::move(function), std::move(done));
    } else {
      done(answer_of<T>(std::move(result)));
    }
  }

  template <class T>
  void read_from_disk(read_function<T> function, view_callback<T> done) {
    if (reading_.full()) {
      done(tl::unexpected(view_error::unavailable));
      return;
    }
    ++reads_from_disk_;
    const auto ticket = waiting_->add<T>(loop_, std::move(done));
    reading_.post([&database = database_, way_back = way_back_, waiting = waiting_, ticket,
                   function = std::move(function)] {
      way_back->post([waiting, ticket, result = function(database, read_depth::disk)]() mutable {
        waiting->answer<T>(ticket, answer_of<T>(std::move(result)));
      });
    });
  }

  const embedded_view_database& database_;
  task_thread& reading_;
  std::atomic<std::uint64_t>& reads_from_disk_;
  boost::asio::io_context& loop_;
  std::shared_ptr<return_path> way_back_ = std::make_shared<return_path>(loop_);
  std::shared_ptr<waiting_reads> waiting_ = std::make_shared<waiting_reads>();
};

class embedded_view_writer final : public view_writer {
 public:
  explicit embedded_view_writer(embedded_view_database& database) : database_(database) {}

  void open(std::string store_id, view_callback<checkpoints> done) override {
    enqueue<checkpoints>([this, store_id = std::move(store_id)] { return database_.start(store_id); },
                         std::move(done));
  }

  void write(std::vector<view_row> rows, std::vector<std::pair<shard_id, position>> reached,
             view_callback<std::monostate> done) override {
    enqueue<std::monostate>([this, rows = std::move(rows),
                             reached = std::move(reached)] { return database_.write(rows, reached); },
                            std::move(done));
  }

  void publish(view_callback<std::monostate> done) override {
    enqueue<std::monostate>([this] { return database_.publish(); }, std::move(done));
  }

 private:
  /// What is refused answers in its turn, but keeps no rows in memory until then.
  template <class T, class Function>
  void enqueue(Function function, view_callback<T> done) {
    if (writing_.full()) {
      writing_.post([done = std::move(done)] { done(tl::unexpected(view_error::unavailable)); });
    } else {
      writing_.post([function = std::move(function), done = std::move(done)] { done(function()); });
    }
  }

  embedded_view_database& database_;
  task_thread writing_{"view write", largest_waiting_writes};
};

}  // namespace

tl::expected<std::unique_ptr<embedded_view>, std::string> embedded_view::open(
    const embedded_view_options& options) {
  auto database = embedded_view_database::open(options.path, options.cache_bytes);
  if (!database) {
    return tl::unexpected(std::move(database.error()));
  }
  return std::unique_ptr<embedded_view>(new embedded_view(std::move(*database)));
}

embedded_view::embedded_view(std::unique_ptr<embedded_view_database> database)
    : database_(std::move(database)),
      reading_(std::make_unique<task_thread>("view read", largest_waiting_reads)) {}

embedded_view::~embedded_view() = default;

std::unique_ptr<view_reader> embedded_view::make_reader(boost::asio::io_context& loop) {
  return std::make_unique<embedded_view_reader>(*database_, *reading_, reads_from_disk_, loop);
}

std::unique_ptr<view_writer> embedded_view::make_writer() {
  return std::make_unique<embedded_view_writer>(*database_);
}

std::size_t embedded_view::memory_bytes() const {
  return database_->memory_bytes();
}

}  // namespace holdfast::storage
