#include "storage/redis_view_reader.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "storage/redis_connection.hpp"
#include "storage/redis_layout.hpp"
#include "storage/redis_reply.hpp"
#include "storage/redis_session.hpp"

namespace holdfast::storage {
namespace {

const auto unavailable = tl::unexpected(view_error::unavailable);

/// MGET of the stamp and the row.
view_result<std::optional<stored_row>> row_of(const redisReply* reply, const std::string& stamp) {
  if (!is_array(reply, 2) || !is_string(reply->element[0]) || text_of(reply->element[0]) != stamp) {
    return unavailable;
  }
  const redisReply* row = reply->element[1];
  if (row->type == REDIS_REPLY_NIL) {
    return std::nullopt;
  }
  auto decoded = is_string(row) ? decode_row(text_of(row)) : std::nullopt;
  if (!decoded) {
    return unavailable;
  }
  return decoded;
}

/// What stands at a page's places, and behind it.
struct page_index {
  std::uint64_t total = 0;
  bool more = false;
  std::vector<entity_id> ids;
  /// Of the last of them.
  view_cursor last;
};

redis_command range_command(const std::string& collection, const view_query& query) {
  if (!query.after) {
    return {query.descending ? "ZREVRANGE" : "ZRANGE", collection, std::to_string(query.offset),
            std::to_string(query.offset + query.limit)};
  }
  return {query.descending ? "ZREVRANGEBYLEX" : "ZRANGEBYLEX",
          collection,
          "(" + encode_place(*query.after),
          query.descending ? "-" : "+",
          "LIMIT",
          "0",
          std::to_string(query.limit + 1)};
}

/// The replies to a look at the stamp, to ZCARD and to the range, which asks for one place more.
view_result<page_index> index_of(const redisReply* reply, const std::string& stamp, std::uint32_t limit) {
  if (!is_array(reply, 3) || !is_string(reply->element[0]) || text_of(reply->element[0]) != stamp ||
      reply->element[1]->type != REDIS_REPLY_INTEGER || !is_array(reply->element[2], 0)) {
    return unavailable;
  }
  const auto* places = reply->element[2];
  page_index index;
  index.total = static_cast<std::uint64_t>(reply->element[1]->integer);
  index.more = places->elements > limit;
  const auto rows = std::min<std::size_t>(places->elements, limit);
  index.ids.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    if (!is_string(places->element[i]) || text_of(places->element[i]).size() != place_bytes) {
      return unavailable;
    }
    index.last = decode_place(text_of(places->element[i]));
    index.ids.push_back(index.last.id);
  }
  return index;
}

redis_command rows_command(const std::string& prefix, const std::vector<entity_id>& ids) {
  std::string key = redis_layout::row(prefix, 0);
  const auto before_id = key.size() - sizeof(entity_id);
  redis_command command{"MGET", redis_layout::published(prefix)};
  constexpr std::size_t head_bytes = 128;
  constexpr std::size_t more_of_an_argument = 8;
  command.reserve(head_bytes + ids.size() * (key.size() + more_of_an_argument));
  for (const auto id : ids) {
    key.resize(before_id);
    put_u64(key, id);
    command.add(key);
  }
  return command;
}

/// The replies to a look at the stamp and to those at the rows.
view_result<view_page> page_of(const redisReply* reply, const std::string& stamp, const page_index& index) {
  if (!is_array(reply, 1 + index.ids.size()) || !is_string(reply->element[0]) ||
      text_of(reply->element[0]) != stamp) {
    return unavailable;
  }
  view_page page;
  page.total = index.total;
  page.rows.reserve(index.ids.size());
  for (std::size_t i = 0; i < index.ids.size(); ++i) {
    const redisReply* stored = reply->element[1 + i];
    const auto row = is_string(stored) ? row_in(text_of(stored)) : std::nullopt;
    if (!row) {
      return unavailable;
    }
    page.rows.add(*row);
  }
  page.more = index.more;
  if (page.more) {
    page.next = index.last;
  }
  return page;
}

}  // namespace

redis_view_reader::redis_view_reader(boost::asio::io_context& loop, redis_options options,
                                     std::shared_ptr<const redis_session_holder> session)
    : prefix_(options.prefix),
      session_(std::move(session)),
      connection_(std::make_shared<redis_connection>(loop, std::move(options))) {
  connection_->start();
}

redis_view_reader::~redis_view_reader() {
  connection_->close();
}

void redis_view_reader::get(entity_id id, view_callback<std::optional<stored_row>> done) {
  const auto session = usable_session();
  if (!session) {
    done(unavailable);
    return;
  }
  connection_->send(
      {"MGET", redis_layout::published(prefix_), redis_layout::row(prefix_, id)},
      [session, done = std::move(done)](const redisReply* reply) { done(row_of(reply, session->stamp)); });
}

void redis_view_reader::list(view_query query, view_callback<view_page> done) {
  assert(query.limit >= 1 && query.limit <= largest_page_rows && query.offset <= largest_offset_rows);
  const auto session = usable_session();
  if (!session) {
    done(unavailable);
    return;
  }
  const auto collection = redis_layout::collection(prefix_, query.collection, query.user_id);
  std::array<redis_command, 3> look{redis_command{"GET", redis_layout::published(prefix_)},
                                    redis_command{"ZCARD", collection}, range_command(collection, query)};
  connection_->send_as_one(look, [connection = connection_, prefix = prefix_, session, limit = query.limit,
                                  done = std::move(done)](const redisReply* reply) {
    auto index = index_of(reply, session->stamp, limit);
    if (!index) {
      done(tl::unexpected(index.error()));
    } else if (index->ids.empty()) {
      done(view_page{.rows = {}, .total = index->total, .more = false, .next = {}});
    } else {
      auto command = rows_command(prefix, index->ids);
      connection->send(std::move(command),
                       [session, index = std::move(*index), done](const redisReply* rows) {
                         done(page_of(rows, session->stamp, index));
                       });
    }
  });
}

std::shared_ptr<const redis_session> redis_view_reader::usable_session() const {
  auto session = session_->current();
  const bool usable = !session->stamp.empty() && connection_->ready() &&
                      connection_->server_run() == session->server_run &&
                      connection_->commands_in_flight() < largest_redis_reads_in_flight;
  return usable ? session : nullptr;
}

}  // namespace holdfast::storage
