#include "storage/redis_event_stream.hpp"

#include <utility>

#include "storage/redis_reply.hpp"

namespace holdfast::storage {

namespace {

/// 1 where it was written. A key that isn't there reads as false.
constexpr const char* add_script = R"(
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 3 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*',
             'eventId', ARGV[i], 'eventType', ARGV[i + 1], 'data', ARGV[i + 2])
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
)";

}  // namespace

redis_event_stream::redis_event_stream(const redis_options& options, const std::string& store_id,
                                       std::uint64_t length)
    : redis_(options),
      // In braces what Redis Cluster picks the node by: the stream's own name.
      place_key_("{" + std::string(key) + "}:place:" + store_id),
      length_(std::to_string(length)) {}

std::optional<std::string> redis_event_stream::read_place() {
  if (!connected_ && !redis_.connect()) return std::nullopt;
  const auto reply = redis_.call({"GET", place_key_});
  if (!succeeded(reply.get())) return std::nullopt;
  return is_string(reply.get()) ? std::string(text_of(reply.get())) : std::string();
}

redis_event_stream::outcome redis_event_stream::add(const std::string& from, const std::string& to,
                                                    const std::vector<stream_entry>& entries) {
  redis_command command{"EVAL", add_script, "2", key, place_key_, from, to, length_};
  for (const auto& entry : entries) {
    command.add(entry.event_id);
    command.add(entry.event_type);
    command.add(entry.data);
  }
  const auto reply = redis_.call(std::move(command));
  if (!succeeded(reply.get())) return outcome::unavailable;
  return reply->integer == 1 ? outcome::written : outcome::overtaken;
}

bool redis_event_stream::succeeded(const redisReply* reply) {
  connected_ = !is_error(reply);
  return connected_;
}

}  // namespace holdfast::storage
