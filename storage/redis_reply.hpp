// Small things that both sides of the Redis view need of hiredis: an owned reply, and what a reply
// says. Pure functions over values.
#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <string_view>

namespace holdfast::storage {

struct redis_reply_deleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using redis_reply = std::unique_ptr<redisReply, redis_reply_deleter>;

inline bool is_error(const redisReply* reply) {
  return reply == nullptr || reply->type == REDIS_REPLY_ERROR;
}

inline bool is_string(const redisReply* reply) {
  return reply != nullptr && reply->type == REDIS_REPLY_STRING;
}

/// An array of at least this many elements.
inline bool is_array(const redisReply* reply, std::size_t smallest) {
  return reply != nullptr && reply->type == REDIS_REPLY_ARRAY && reply->elements >= smallest;
}

/// The bytes of a string, a status or an error.
inline std::string_view text_of(const redisReply* reply) {
  return {reply->str, static_cast<std::size_t>(reply->len)};
}

/// The run id in the answer to INFO: another one with every start of the server. Empty where the
/// reply is none.
inline std::string server_run_of(const redisReply* info) {
  constexpr std::string_view field = "run_id:";
  if (!is_string(info)) {
    return {};
  }
  const std::string_view text = text_of(info);
  const auto begin = text.find(field);
  if (begin == text.npos) {
    return {};
  }
  const auto value = text.substr(begin + field.size());
  return std::string(value.substr(0, value.find_first_of("\r\n")));
}

}  // namespace holdfast::storage
