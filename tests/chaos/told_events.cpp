#include "tests/chaos/told_events.hpp"

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "storage/event_codec.hpp"
#include "tests/proof/names.hpp"
#include "tests/support/http_client.hpp"

namespace holdfast::chaos {

namespace {

constexpr std::chrono::seconds told_within{60};

using event_lines = std::vector<proof::event_line>;
using event_keys = std::set<std::pair<proof::reservation_id, std::uint64_t>>;
using redis_reply = std::unique_ptr<redisReply, void (*)(void*)>;

/// What has to be told, by reservation and version.
event_keys publishable_in(const std::vector<proof::journal_line>& journal) {
  event_keys all;
  for (const auto& line : journal) {
    const auto events = storage::decode_reservation_events(line.record.record);
    if (!events) continue;
    auto version = line.record.first_sequence;
    for (const auto& event : *events) {
      if (!proof::published_name_of(event).empty()) all.emplace(line.record.entity, version);
      ++version;
    }
  }
  return all;
}

event_lines as_soon_as_all(const std::function<event_lines()>& read,
                           const std::vector<proof::journal_line>& journal) {
  const auto wanted = publishable_in(journal);
  event_lines lines;
  testing::eventually(
      [&] {
        lines = read();
        event_keys known;
        for (const auto& event : lines) known.emplace(event.reservation, event.version);
        return known.size() >= wanted.size();
      },
      told_within);
  return lines;
}

std::string text_of(const redisReply& reply) {
  return {reply.str, reply.len};
}

/// Its fields are eventId, eventType and data, each before its value; an eventId is reservation-version.
proof::event_line line_of(const redisReply& fields, std::uint32_t reader) {
  if (fields.elements != 6) throw std::runtime_error("an entry of the Redis stream has other fields");
  const auto id = text_of(*fields.element[1]);
  char* dash = nullptr;
  proof::event_line line;
  line.reservation = std::strtoull(id.c_str(), &dash, 10);
  if (*dash != '-') throw std::runtime_error("'" + id + "' is no eventId");
  line.version = std::strtoull(dash + 1, nullptr, 10);
  line.type = text_of(*fields.element[3]);
  line.reader = reader;
  return line;
}

event_lines read_stream(const testing::redis_server& redis, std::uint32_t reader) {
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
      redisConnect(redis.address().c_str(), redis.port()), redisFree);
  if (!context || context->err != 0) throw std::runtime_error("no connection to redis-server");
  const redis_reply reply(static_cast<redisReply*>(redisCommand(context.get(), "XRANGE prereservation - +")),
                          freeReplyObject);
  if (!reply || reply->type != REDIS_REPLY_ARRAY) throw std::runtime_error("the Redis stream can't be read");
  event_lines lines;
  for (std::size_t i = 0; i < reply->elements; ++i) {
    lines.push_back(line_of(*reply->element[i]->element[1], reader));
  }
  return lines;
}

}  // namespace

event_lines told_to(const recorded_reader& reader, const std::vector<proof::journal_line>& journal) {
  return as_soon_as_all([&] { return reader.told(); }, journal);
}

event_lines published_in(const testing::redis_server& redis, std::uint32_t number,
                         const std::vector<proof::journal_line>& journal) {
  return as_soon_as_all([&] { return read_stream(redis, number); }, journal);
}

}  // namespace holdfast::chaos
