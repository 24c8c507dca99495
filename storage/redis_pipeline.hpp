// A blocking connection to Redis for one thread: commands are appended, then their replies taken
// in order. After the first failure everything fails until connect() is called again.
#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>

#include "storage/redis_command.hpp"
#include "storage/redis_options.hpp"
#include "storage/redis_reply.hpp"

namespace holdfast::storage {

class redis_pipeline {
 public:
  explicit redis_pipeline(const redis_options& options);

  /// Closes what was open before. Selects the database.
  bool connect();
  void disconnect();

  void append(redis_command command);
  /// The reply to the first command that has none yet. Null where the connection failed; an
  /// error that the server answers is a reply.
  redis_reply take();
  redis_reply call(redis_command command);
  /// What was wrong last: with the connection, or in the server's own words.
  const std::string& failure() const { return failure_; }

 private:
  struct context_deleter {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  void fail(std::string why);

  const redis_options options_;
  std::string failure_;
  std::unique_ptr<redisContext, context_deleter> context_;
};

}  // namespace holdfast::storage
