#include "storage/redis_probe.hpp"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <memory>

namespace holdfast::storage {

namespace {

constexpr timeval longest_wait{5, 0};

/// The value of a line `name:value` of INFO.
std::string value_in(const std::string& info, const std::string& name) {
  const auto at = info.find("\n" + name + ":");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 2;
  return info.substr(begin, info.find_first_of("\r\n", begin) - begin);
}

}  // namespace

tl::expected<redis_condition, std::string> probe_redis(const redis_options& options) {
  const std::unique_ptr<redisContext, void (*)(redisContext*)> connection(
      redisConnectWithTimeout(options.host.c_str(), options.port, longest_wait), redisFree);
  if (!connection) return tl::unexpected(std::string("out of memory"));
  if (connection->err != 0) return tl::unexpected(std::string(connection->errstr));
  redisSetTimeout(connection.get(), longest_wait);
  const auto began = std::chrono::steady_clock::now();
  const std::unique_ptr<redisReply, void (*)(void*)> reply(
      static_cast<redisReply*>(redisCommand(connection.get(), "INFO")), freeReplyObject);
  const auto took = std::chrono::steady_clock::now() - began;
  if (!reply) return tl::unexpected(std::string(connection->errstr));
  const std::string text(reply->str == nullptr ? "" : reply->str, reply->str == nullptr ? 0 : reply->len);
  if (reply->type == REDIS_REPLY_ERROR) return tl::unexpected(text);
  return redis_condition{.version = value_in(text, "redis_version"),
                         .eviction = value_in(text, "maxmemory_policy"),
                         .took = std::chrono::ceil<std::chrono::milliseconds>(took)};
}

}  // namespace holdfast::storage
