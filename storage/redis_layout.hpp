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
// A page is read in two steps, its places and then their rows, each of which looks at `published`
// as one with what it reads: a script would do it in one, and cost the server three times as much.
// A row only gets newer, and what it is ordered by never changes once it is there: so a page is that
// of its first step, with rows that may be as new as its second.
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
/// positions in turn. What is stored is asked for first, and what changes is written in few calls, each of
/// which costs: indexes, rows, checkpoints, so that after an error all of it can be written again. A
/// checkpoint never falls.
inline constexpr std::string_view write_script = R"lua(
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
  return redis.error_reply('EMPTIED since it was opened')
end
local prefix, rows = ARGV[2], tonumber(ARGV[3])
local reservations, receipts = prefix .. 'reservations', prefix .. 'receipts'

local function newer(row, other)
  return struct.unpack('>I8', row) > struct.unpack('>I8', other)
end

local function places_of(row)
  local id = row:sub(9, 16)
  local place = row:sub(25, 32) .. id
  return {
    [reservations] = place,
    [prefix .. 'user:' .. row:sub(17, 24)] = place,
    [receipts] = row:byte(33) ~= 0 and row:sub(34, 41) .. id or nil
  }
end

local added = {}
local function index(row, stored)
  local new, old = places_of(row), stored and places_of(stored) or {}
  for key, place in pairs(old) do
    if new[key] ~= place then
      redis.call('ZREM', key, place)
    end
  end
  for key, place in pairs(new) do
    if old[key] ~= place then
      local places = added[key] or {}
      added[key] = places
      places[#places + 1] = '0'
      places[#places + 1] = place
    end
  end
end

local newest, ids, keys = {}, {}, {}
for i = 4, 3 + rows do
  local row = ARGV[i]
  local id = row:sub(9, 16)
  if not newest[id] then
    ids[#ids + 1] = id
    keys[#keys + 1] = prefix .. 'row:' .. id
  end
  if not newest[id] or newer(row, newest[id]) then
    newest[id] = row
  end
end

if #keys > 0 then
  local written = {}
  for i, stored in ipairs(redis.call('MGET', unpack(keys))) do
    local row = newest[ids[i]]
    local known = stored and #stored >= 41
    if not known or newer(row, stored) then
      if not known then
        index(row)
      elseif stored:sub(17, 41) ~= row:sub(17, 41) then
        index(row, stored)
      end
      written[#written + 1] = keys[i]
      written[#written + 1] = row
    end
  end
  for key, places in pairs(added) do
    redis.call('ZADD', key, unpack(places))
  end
  if #written > 0 then
    redis.call('MSET', unpack(written))
  end
end

local shards = {}
for i = 4 + rows, #ARGV, 2 do
  shards[#shards + 1] = ARGV[i]
end
if #shards > 0 then
  local reached = {}
  for i, stored in ipairs(redis.call('HMGET', KEYS[2], unpack(shards))) do
    local at = ARGV[3 + rows + 2 * i]
    if tonumber(stored or '0') < tonumber(at) then
      reached[#reached + 1] = shards[i]
      reached[#reached + 1] = at
    end
  end
  if #reached > 0 then
    redis.call('HSET', KEYS[2], unpack(reached))
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

}  // namespace holdfast::storage::redis_layout
