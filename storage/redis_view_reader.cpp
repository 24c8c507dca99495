#include "storage/redis_view_reader.hpp"

#include <cassert>

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

/// The place behind the last row of the page.
std::optional<view_cursor> next_place(const redisReply* last_row, view_collection collection) {
  const auto header = decode_header(text_of(last_row));
  return header ? place_of(*header, collection) : std::nullopt;
}

/// What the list script answers: total, whether more follow, rows.
view_result<view_page> page_of(const redisReply* reply, view_collection collection) {
  constexpr std::size_t first_row = 2;
  if (!is_array(reply, first_row)) {
    return unavailable;
  }
  view_page page;
  page.total = static_cast<std::uint64_t>(reply->element[0]->integer);
  page.more = reply->element[1]->integer == 1;
  for (std::size_t i = first_row; i < reply->elements; ++i) {
    auto row = is_string(reply->element[i]) ? decode_row(text_of(reply->element[i])) : std::nullopt;
    if (!row) {
      return unavailable;
    }
    page.rows.push_back(std::move(*row));
  }
  if (page.more) {
    const auto next = next_place(reply->element[reply->elements - 1], collection);
    if (!next) {
      return unavailable;
    }
    page.next = *next;
  }
  return page;
}

bool lacks_script(const redisReply* reply) {
  return reply != nullptr && reply->type == REDIS_REPLY_ERROR && text_of(reply).starts_with("NOSCRIPT");
}

std::vector<std::string> list_command(const std::string& prefix, const redis_session& session,
                                      const view_query& query) {
  return {"EVALSHA",
          session.list_script_digest,
          "2",
          redis_layout::published(prefix),
          redis_layout::collection(prefix, query.collection, query.user_id),
          session.stamp,
          prefix,
          query.descending ? "1" : "0",
          query.after ? encode_place(*query.after) : std::string(),
          std::to_string(query.offset),
          std::to_string(query.limit)};
}

/// Sends the script's text along, which the server keeps from then on.
std::vector<std::string> with_script(std::vector<std::string> command) {
  command[0] = "EVAL";
  command[1] = redis_layout::list_script;
  return command;
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
  const auto command = list_command(prefix_, *session, query);
  const auto answer = [collection = query.collection, done = std::move(done)](const redisReply* reply) {
    done(page_of(reply, collection));
  };
  connection_->send(command, [connection = connection_, command, answer](const redisReply* reply) {
    if (lacks_script(reply)) {
      connection->send(with_script(command), answer);
    } else {
      answer(reply);
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
