#include "storage/redis_probe.hpp"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <memory>
#include <utility>

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

/// The text of the reply, if it is one.
tl::expected<std::string, std::string> ask(redisContext* connection, const std::string& command) {
  const std::unique_ptr<redisReply, void (*)(void*)> reply(
      static_cast<redisReply*>(redisCommand(connection, command.c_str())), freeReplyObject);
  if (!reply) return tl::unexpected(std::string(connection->errstr));
  std::string text(reply->str == nullptr ? "" : reply->str, reply->str == nullptr ? 0 : reply->len);
  if (reply->type == REDIS_REPLY_ERROR) return tl::unexpected(std::move(text));
  return text;
}

}  // namespace

tl::expected<redis_condition, std::string> probe_redis(const redis_options& options) {
  const std::unique_ptr<redisContext, void (*)(redisContext*)> connection(
      redisConnectWithTimeout(options.host.c_str(), options.port, longest_wait), redisFree);
  if (!connection) return tl::unexpected(std::string("out of memory"));
  if (connection->err != 0) return tl::unexpected(std::string(connection->errstr));
  redisSetTimeout(connection.get(), longest_wait);
  const auto began = std::chrono::steady_clock::now();
  const auto info = ask(connection.get(), "INFO");
  const auto took = std::chrono::steady_clock::now() - began;
  if (!info) return tl::unexpected(info.error());
  const auto database = std::to_string(options.database);
  if (const auto selected = ask(connection.get(), "SELECT " + database); !selected) {
    return tl::unexpected("database " + database + ": " + selected.error());
  }
  return redis_condition{.version = value_in(*info, "redis_version"),
                         .eviction = value_in(*info, "maxmemory_policy"),
                         .took = std::chrono::ceil<std::chrono::milliseconds>(took)};
}

}  // namespace holdfast::storage
