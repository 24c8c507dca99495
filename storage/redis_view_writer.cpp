#include "storage/redis_view_writer.hpp"

#include <algorithm>
#include <charconv>
#include <random>
#include <set>
#include <span>

#include <spdlog/spdlog.h>

#include "storage/redis_layout.hpp"
#include "storage/redis_pipeline.hpp"
#include "storage/redis_session.hpp"

namespace holdfast::storage {
namespace {

/// The projector has one batch under way; a few more are a courtesy.
constexpr std::size_t largest_waiting_writes = 16;
/// Of one script call: bounds for how long other clients of the server wait.
constexpr std::size_t largest_rows_per_call = 64;
/// Calls under way at once: bounds what is encoded and not yet answered.
constexpr std::size_t largest_calls_in_flight = 8;
/// Hint for one step of looking for keys to clear.
constexpr const char* scan_keys = "1000";
constexpr std::size_t generation_bytes = 16;
/// Who clears and is not heard of for so long does not go on: another may begin.
constexpr const char* clearing_ms = "30000";

const auto unavailable = tl::unexpected(view_error::unavailable);

std::string draw_generation() {
  std::random_device device;
  std::string generation;
  while (generation.size() < generation_bytes) {
    generation.push_back("0123456789abcdef"[device() % 16]);
  }
  return generation;
}

/// The prefix as a pattern of SCAN that matches itself.
std::string pattern_of(const std::string& prefix) {
  std::string pattern;
  for (const char character : prefix) {
    if (std::string_view("*?[]^\\").find(character) != std::string_view::npos) {
      pattern.push_back('\\');
    }
    pattern.push_back(character);
  }
  return pattern + '*';
}

std::optional<std::uint64_t> number_of(const redisReply* reply) {
  if (!is_string(reply)) {
    return std::nullopt;
  }
  const auto text = text_of(reply);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

/// The connection and what is known of the view behind it. Used on the writer's thread only.
class redis_view_writer::server {
 public:
  server(const redis_options& options, std::shared_ptr<redis_session_holder> session)
      : prefix_(options.prefix),
        where_("Redis at " + options.host + ":" + std::to_string(options.port) + ", database " +
               std::to_string(options.database)),
        session_(std::move(session)),
        redis_(options) {}

  view_result<checkpoints> open(const std::string& store_id) {
    generation_.clear();
    stamp_ = stamp_of(store_id);
    redis_session found{stamp_, {}};
    if (!redis_.connect() || !look_around(found)) {
      return failed();
    }
    auto generation = stored_generation();
    if (generation && generation->empty()) {
      generation = clear_alone();
    }
    if (!generation) {
      return failed();
    }
    const auto reached = read_checkpoints();
    if (!reached || (has_lost(*reached) && !hide())) {
      return failed();
    }
    generation_ = *generation;
    reached_ = *reached;
    session_->replace(std::move(found));
    return reached_;
  }

  view_result<std::monostate> write(const std::vector<view_row>& rows,
                                    const std::vector<std::pair<shard_id, position>>& reached) {
    if (generation_.empty()) {
      return unavailable;
    }
    // All but the last call are answered before the last one takes the checkpoints along.
    std::span<const view_row> left(rows);
    std::size_t in_flight = 0;
    while (left.size() > largest_rows_per_call) {
      redis_.append(write_call(left.first(largest_rows_per_call), {}));
      left = left.subspan(largest_rows_per_call);
      if (++in_flight == largest_calls_in_flight) {
        if (!accepted()) {
          return failed();
        }
        --in_flight;
      }
    }
    for (; in_flight > 0; --in_flight) {
      if (!accepted()) {
        return failed();
      }
    }
    redis_.append(write_call(left, reached));
    if (!accepted()) {
      return failed();
    }
    for (const auto& [shard, at] : reached) {
      reached_[shard] = std::max(reached_[shard], at);
    }
    return std::monostate{};
  }

  view_result<std::monostate> publish() {
    if (generation_.empty()) {
      return unavailable;
    }
    redis_.append({"EVAL", redis_layout::publish_script, "2", redis_layout::meta(prefix_),
                   redis_layout::published(prefix_), generation_, stamp_});
    if (!accepted()) {
      return failed();
    }
    told_.clear();
    return std::monostate{};
  }

 private:
  /// The next thing to do is to open the view again.
  tl::unexpected<view_error> failed() {
    const auto& why = redis_.failure();
    if (!why.empty() && told_.insert(why).second) spdlog::warn("{}: {}", where_, why);
    generation_.clear();
    redis_.disconnect();
    return unavailable;
  }

  bool accepted() { return !is_error(redis_.take().get()); }

  /// Which run of the server this is, and the script's digest there.
  bool look_around(redis_session& found) {
    redis_.append({"INFO", "server"});
    redis_.append({"SCRIPT", "LOAD", redis_layout::write_script});
    const auto info = redis_.take();
    const auto write_digest = redis_.take();
    if (!is_string(write_digest.get())) {
      return false;
    }
    found.server_run = server_run_of(info.get());
    write_digest_ = text_of(write_digest.get());
    return !found.server_run.empty();
  }

  /// Empty where the view is not this store's; nothing where the server does not say.
  std::optional<std::string> stored_generation() {
    const auto stored = redis_.call({"HMGET", redis_layout::meta(prefix_), "store", "generation"});
    if (!is_array(stored.get(), 2)) {
      return std::nullopt;
    }
    const std::string whose(is_string(stored->element[0]) ? text_of(stored->element[0]) : std::string_view());
    const bool ours = whose == stamp_ && is_string(stored->element[1]);
    const auto nobodys = stamp_of(nobodys_store);
    const bool anothers = !whose.empty() && whose != stamp_ && whose != nobodys && stamp_ != nobodys;
    if (anothers && !std::exchange(told_of_another_, true)) {
      spdlog::warn(
          "{}: the view there is another store's, or of another format, and is made anew; should that "
          "store still be served, give each a database of its own",
          where_);
    }
    return ours ? std::string(text_of(stored->element[1])) : std::string();
  }

  /// The generation, drawn here or by another node that has cleared it in between; nothing where one is at
  /// it, which is over soon.
  std::optional<std::string> clear_alone() {
    const std::string me = draw_generation();
    const auto begun = redis_.call({"SET", redis_layout::clearing(prefix_), me, "NX", "PX", clearing_ms});
    if (is_error(begun.get()) || begun->type == REDIS_REPLY_NIL) {
      return std::nullopt;
    }
    auto generation = stored_generation();
    if (generation && generation->empty()) {
      return clear(me) ? std::optional(me) : std::nullopt;
    }
    redis_.call({"DEL", redis_layout::clearing(prefix_)});
    return generation;
  }

  /// Hidden first and owned last: what is interrupted half way is cleared again. Only keys with
  /// the prefix go. The generation is who clears, too.
  bool clear(const std::string& generation) {
    if (!remove({redis_layout::published(prefix_), redis_layout::meta(prefix_)}, generation)) {
      return false;
    }
    std::string cursor = "0";
    do {
      const auto found = redis_.call({"SCAN", cursor, "MATCH", pattern_of(prefix_), "COUNT", scan_keys});
      if (!is_array(found.get(), 2) || !is_array(found->element[1], 0)) {
        return false;
      }
      std::vector<std::string> keys;
      for (std::size_t i = 0; i < found->element[1]->elements; ++i) {
        keys.emplace_back(text_of(found->element[1]->element[i]));
      }
      if (!keys.empty() && !remove(keys, generation)) {
        return false;
      }
      cursor = text_of(found->element[0]);
    } while (cursor != "0");
    return !is_error(redis_
                         .call({"EVAL", redis_layout::own_script, "2", redis_layout::clearing(prefix_),
                                redis_layout::meta(prefix_), generation, stamp_, generation})
                         .get());
  }

  bool remove(const std::vector<std::string>& keys, const std::string& who) {
    redis_command command{"EVAL", redis_layout::clear_script, std::to_string(keys.size() + 1),
                          redis_layout::clearing(prefix_)};
    for (const auto& key : keys) {
      command.add(key);
    }
    command.add(who);
    command.add(clearing_ms);
    return !is_error(redis_.call(std::move(command)).get());
  }

  std::optional<checkpoints> read_checkpoints() {
    const auto fields = redis_.call({"HGETALL", redis_layout::checkpoints(prefix_)});
    if (!is_array(fields.get(), 0)) {
      return std::nullopt;
    }
    checkpoints result(shard_count, 0);
    for (std::size_t i = 0; i + 1 < fields->elements; i += 2) {
      const auto shard = number_of(fields->element[i]);
      const auto at = number_of(fields->element[i + 1]);
      if (!shard || *shard >= shard_count || !at) {
        return std::nullopt;
      }
      result[*shard] = *at;
    }
    return result;
  }

  /// Whether the server came back with less than it had acknowledged.
  bool has_lost(const checkpoints& stored) const {
    for (std::uint32_t shard = 0; shard < shard_count; ++shard) {
      if (stored[shard] < reached_[shard]) {
        return true;
      }
    }
    return false;
  }

  bool hide() { return !is_error(redis_.call({"DEL", redis_layout::published(prefix_)}).get()); }

  redis_command write_call(std::span<const view_row> rows,
                           const std::vector<std::pair<shard_id, position>>& reached) const {
    redis_command command{"EVALSHA",
                          write_digest_,
                          "2",
                          redis_layout::meta(prefix_),
                          redis_layout::checkpoints(prefix_),
                          generation_,
                          prefix_,
                          std::to_string(rows.size())};
    for (const view_row& row : rows) {
      command.add(encode_row(row));
    }
    for (const auto& [shard, at] : reached) {
      command.add(std::to_string(shard));
      command.add(std::to_string(at));
    }
    return command;
  }

  const std::string prefix_;
  /// For the log.
  const std::string where_;
  /// What has been said of it since the view was last shown.
  std::set<std::string> told_;
  bool told_of_another_ = false;
  const std::shared_ptr<redis_session_holder> session_;
  redis_pipeline redis_;
  std::string stamp_;
  std::string write_digest_;
  /// The one that was found or drawn by open(); empty while the view is not open.
  std::string generation_;
  /// What the server has acknowledged to this writer.
  checkpoints reached_ = checkpoints(shard_count, 0);
};

redis_view_writer::redis_view_writer(redis_options options, std::shared_ptr<redis_session_holder> session)
    : server_(std::make_unique<server>(options, std::move(session))),
      writing_("view write", largest_waiting_writes) {}

redis_view_writer::~redis_view_writer() = default;

void redis_view_writer::open(std::string store_id, view_callback<checkpoints> done) {
  enqueue<checkpoints>([this, store_id = std::move(store_id)] { return server_->open(store_id); },
                       std::move(done));
}

void redis_view_writer::write(std::vector<view_row> rows, std::vector<std::pair<shard_id, position>> reached,
                              view_callback<std::monostate> done) {
  enqueue<std::monostate>(
      [this, rows = std::move(rows), reached = std::move(reached)] { return server_->write(rows, reached); },
      std::move(done));
}

void redis_view_writer::publish(view_callback<std::monostate> done) {
  enqueue<std::monostate>([this] { return server_->publish(); }, std::move(done));
}

/// What is refused answers in its turn, but keeps no rows in memory until then.
template <class T, class Function>
void redis_view_writer::enqueue(Function function, view_callback<T> done) {
  if (writing_.full()) {
    writing_.post([done = std::move(done)] { done(unavailable); });
  } else {
    writing_.post([function = std::move(function), done = std::move(done)] { done(function()); });
  }
}

}  // namespace holdfast::storage
