// The keys of the view in Redis and the scripts that keep them together. Everything here is
// behind the prefix of redis_options; rows and places are those of view_format.hpp.
//
//     meta              hash: store (whose view it is), generation (drawn anew with each clearing)
//     clearing          who clears the view at the moment: one writer at a time, for a bounded time
//     published         the stamp of the store, present where readers may see the view
//     checkpoints       hash: shard -> position
//     row:<id>          a row
//     reservations      sorted set, score 0, members are places (created_at, id)
//     receipts          the same by (paid_at, id)
//     user:<user>       the same as `reservations`, for one user
//
// With equal scores a sorted set orders its members by their bytes, so a page behind a cursor
// and a page at an offset both cost the logarithm of the set's size. Its size is the counter.
//
// FLUSHALL takes `meta` and `published` away with the rows: readers see no `published` and answer
// unavailable, the writer sees no generation and fails.
#pragma once

#include <string>
#include <string_view>

#include "storage/view_format.hpp"

namespace holdfast::storage::redis_layout {

inline std::string meta(const std::string& prefix) {
  return prefix + "meta";
}
inline std::string clearing(const std::string& prefix) {
  return prefix + "clearing";
}
inline std::string published(const std::string& prefix) {
  return prefix + "published";
}
inline std::string checkpoints(const std::string& prefix) {
  return prefix + "checkpoints";
}

inline std::string row(const std::string& prefix, entity_id id) {
  std::string key = prefix + "row:";
  put_u64(key, id);
  return key;
}

inline std::string collection(const std::string& prefix, view_collection which, std::uint64_t user_id) {
  switch (which) {
    case view_collection::reservations:
      return prefix + "reservations";
    case view_collection::receipts:
      return prefix + "receipts";
    case view_collection::of_user:
      break;
  }
  std::string key = prefix + "user:";
  put_u64(key, user_id);
  return key;
}

/// KEYS: meta, checkpoints. ARGV: generation, prefix, number of rows, the rows, then shards and
/// positions in turn. Rows come first: an error leaves the checkpoints where they were. A
/// checkpoint never falls.
inline constexpr std::string_view write_script = R"lua(
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
  return redis.error_reply('EMPTIED since it was opened')
end
local prefix, rows = ARGV[2], tonumber(ARGV[3])

local function index(command, row)
  local id, user, created = row:sub(9, 16), row:sub(17, 24), row:sub(25, 32)
  local function change(key, member)
    if command == 'ZADD' then
      redis.call('ZADD', key, 0, member)
    else
      redis.call('ZREM', key, member)
    end
  end
  change(prefix .. 'reservations', created .. id)
  change(prefix .. 'user:' .. user, created .. id)
  if row:byte(33) ~= 0 then
    change(prefix .. 'receipts', row:sub(34, 41) .. id)
  end
end

for i = 4, 3 + rows do
  local row = ARGV[i]
  local key = prefix .. 'row:' .. row:sub(9, 16)
  local stored = redis.call('GETRANGE', key, 0, 40)
  local known = #stored == 41
  if not known or struct.unpack('>I8', stored) < struct.unpack('>I8', row) then
    if known and stored:sub(17) ~= row:sub(17, 41) then
      index('ZREM', stored)
      known = false
    end
    if not known then
      index('ZADD', row)
    end
    redis.call('SET', key, row)
  end
end

for i = 4 + rows, #ARGV, 2 do
  local reached = tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0')
  if reached < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
return redis.status_reply('OK')
)lua";

/// KEYS: clearing, then keys to remove. ARGV: who clears, and for how many more milliseconds he may.
/// Fails where another has begun to clear since: what is there now may be his.
inline constexpr std::string_view clear_script = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('CLEARED by another since')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for i = 2, #KEYS do
  if KEYS[i] ~= KEYS[1] then
    redis.call('UNLINK', KEYS[i])
  end
end
return redis.status_reply('OK')
)lua";

/// KEYS: clearing, meta. ARGV: who clears, stamp, generation. The view is cleared, and belongs to the store.
inline constexpr std::string_view own_script = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('CLEARED by another since')
end
redis.call('HSET', KEYS[2], 'store', ARGV[2], 'generation', ARGV[3])
redis.call('DEL', KEYS[1])
return redis.status_reply('OK')
)lua";

/// KEYS: meta, published. ARGV: generation, stamp.
inline constexpr std::string_view publish_script = R"lua(
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
  return redis.error_reply('EMPTIED since it was opened')
end
redis.call('SET', KEYS[2], ARGV[2])
return redis.status_reply('OK')
)lua";

/// KEYS: published, the collection. ARGV: stamp, prefix, 1 for descending, the place to go on
/// behind or nothing, offset, limit. Answers the total, whether more rows follow, and the rows;
/// nil where the view is not published or lacks a row that its index has.
inline constexpr std::string_view list_script = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
local prefix, descending, after = ARGV[2], ARGV[3] == '1', ARGV[4]
local offset, limit = tonumber(ARGV[5]), tonumber(ARGV[6])

local places
if after == '' then
  places = redis.call(descending and 'ZREVRANGE' or 'ZRANGE', KEYS[2], offset, offset + limit)
elseif descending then
  places = redis.call('ZREVRANGEBYLEX', KEYS[2], '(' .. after, '-', 'LIMIT', 0, limit + 1)
else
  places = redis.call('ZRANGEBYLEX', KEYS[2], '(' .. after, '+', 'LIMIT', 0, limit + 1)
end

local keys = {}
for i = 1, math.min(#places, limit) do
  keys[i] = prefix .. 'row:' .. places[i]:sub(9)
end
local answer = {redis.call('ZCARD', KEYS[2]), #places > limit and 1 or 0}
if #keys > 0 then
  for _, row in ipairs(redis.call('MGET', unpack(keys))) do
    if not row then
      return false
    end
    answer[#answer + 1] = row
  end
end
return answer
)lua";

}  // namespace holdfast::storage::redis_layout
