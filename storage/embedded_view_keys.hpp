// The keys of the embedded view, as embedded_view_database.hpp lists them.
// Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "storage/view_format.hpp"

namespace holdfast::storage::embedded_keys {

inline constexpr char row_kind = 'r';
inline constexpr char reservations_kind = 'a';
inline constexpr char receipts_kind = 'p';
inline constexpr char user_kind = 'u';
inline constexpr char counter_kind = 'n';
inline constexpr char checkpoint_kind = 'c';

/// Everything of a generation begins with this.
inline std::string generation_prefix(std::uint32_t generation) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(generation >> shift));
  }
  return bytes;
}

/// Turns their order around, for texts of one length.
inline void invert(std::string& bytes) {
  for (char& byte : bytes) byte = static_cast<char>(~byte);
}

inline std::string state() {
  return generation_prefix(0) + 's';
}

inline std::string kind_prefix(std::uint32_t generation, char kind) {
  return generation_prefix(generation) + kind;
}

inline std::string row(std::uint32_t generation, entity_id id) {
  std::string key = kind_prefix(generation, row_kind);
  put_u64(key, id);
  return key;
}

/// Which collection: its kind, and for one of a user the user.
inline std::string collection_suffix(view_collection collection, std::uint64_t user_id) {
  switch (collection) {
    case view_collection::reservations:
      return {reservations_kind};
    case view_collection::receipts:
      return {receipts_kind};
    case view_collection::of_user:
      break;
  }
  std::string suffix(1, user_kind);
  put_u64(suffix, user_id);
  return suffix;
}

/// Whether the keys of an index ascend where its collection descends.
inline bool newest_first(view_collection collection) {
  return collection == view_collection::of_user;
}

/// A place as the end of a key of the collection's index.
inline std::string place(view_collection collection, view_cursor place) {
  std::string bytes = encode_place(place);
  if (newest_first(collection)) invert(bytes);
  return bytes;
}

inline view_cursor place_in(view_collection collection, std::string_view key) {
  std::string bytes(key.substr(key.size() - place_bytes));
  if (newest_first(collection)) invert(bytes);
  return decode_place(bytes);
}

/// The index of a collection: a place behind it makes a key.
inline std::string index_prefix(std::uint32_t generation, view_collection collection, std::uint64_t user_id) {
  return generation_prefix(generation) + collection_suffix(collection, user_id);
}

inline std::string counter(std::uint32_t generation, view_collection collection, std::uint64_t user_id) {
  return kind_prefix(generation, counter_kind) + collection_suffix(collection, user_id);
}

inline std::string checkpoints(std::uint32_t generation) {
  return kind_prefix(generation, checkpoint_kind);
}

/// So long is what the keys of one generation and kind begin with.
inline constexpr std::size_t kind_prefix_bytes = 5;

/// The least key greater than every key with this prefix. The prefix must not be all 0xff.
inline std::string prefix_end(std::string prefix) {
  while (prefix.back() == '\xff') {
    prefix.pop_back();
  }
  ++prefix.back();
  return prefix;
}

/// The least key greater than this one.
inline std::string key_after(std::string key) {
  key.push_back('\0');
  return key;
}

}  // namespace holdfast::storage::embedded_keys
