#include "storage/redis_pipeline.hpp"

#include <sys/time.h>

#include <string>
#include <utility>

namespace holdfast::storage {
namespace {

timeval to_timeval(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(time - seconds);
  return {static_cast<time_t>(seconds.count()), static_cast<suseconds_t>(rest.count())};
}

}  // namespace

redis_pipeline::redis_pipeline(const redis_options& options) : options_(options) {}

bool redis_pipeline::connect() {
  const timeval timeout = to_timeval(options_.write_timeout);
  failure_.clear();
  context_.reset(redisConnectWithTimeout(options_.host.c_str(), options_.port, timeout));
  if (context_ && (context_->err != 0 || redisSetTimeout(context_.get(), timeout) != REDIS_OK)) {
    fail(context_->errstr);
  }
  if (is_error(call({"SELECT", std::to_string(options_.database)}).get())) {
    disconnect();
    return false;
  }
  return true;
}

void redis_pipeline::disconnect() {
  context_.reset();
}

void redis_pipeline::fail(std::string why) {
  failure_ = std::move(why);
  disconnect();
}

void redis_pipeline::append(redis_command command) {
  const auto wire = command.wire();
  if (context_ && redisAppendFormattedCommand(context_.get(), wire.data(), wire.size()) != REDIS_OK) {
    fail(context_->errstr);
  }
}

redis_reply redis_pipeline::take() {
  void* taken = nullptr;
  if (!context_) return nullptr;
  if (redisGetReply(context_.get(), &taken) != REDIS_OK) {
    fail(context_->errstr);
    return nullptr;
  }
  redis_reply reply(static_cast<redisReply*>(taken));
  if (is_error(reply.get())) failure_ = text_of(reply.get());
  return reply;
}

redis_reply redis_pipeline::call(redis_command command) {
  append(std::move(command));
  return take();
}

}  // namespace holdfast::storage
