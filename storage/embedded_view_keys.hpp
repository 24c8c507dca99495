// The keys of the embedded view, as embedded_view_database.hpp lists them.
// Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "storage/big_endian.hpp"
#include "storage/embedded_view_tables.hpp"
#include "storage/view_format.hpp"

namespace holdfast::storage::embedded_keys {

inline constexpr char stamp[] = "stamp";
inline constexpr char checkpoints[] = "checkpoints";

inline std::string number(std::uint64_t value) {
  std::string key;
  put_u64(key, value);
  return key;
}

inline std::string row(entity_id id) {
  return number(id);
}

/// The family of a collection's index.
inline view_family family_of(view_collection collection) {
  switch (collection) {
    case view_collection::reservations:
      return view_family::reservations;
    case view_collection::receipts:
      return view_family::receipts;
    case view_collection::of_user:
      break;
  }
  return view_family::users;
}

/// Whether the keys of an index ascend where its collection descends.
inline bool newest_first(view_collection collection) {
  return collection == view_collection::of_user;
}

/// What the index of a collection begins with: of a user the user.
inline std::string index_prefix(view_collection collection, std::uint64_t user_id) {
  return collection == view_collection::of_user ? number(user_id) : std::string();
}

/// Turns their order around, for texts of one length.
inline void invert(char* begin, const char* end) {
  for (char* at = begin; at != end; ++at) *at = static_cast<char>(~*at);
}

/// The key of a row in the index of a collection.
class index_key {
 public:
  index_key(view_collection collection, std::uint64_t user_id, view_cursor place) {
    char* at = bytes_;
    if (collection == view_collection::of_user) at = big_endian::put(at, user_id);
    char* const end = put_place(at, place);
    if (newest_first(collection)) invert(at, end);
    size_ = static_cast<std::size_t>(end - bytes_);
  }
  std::string_view view() const { return {bytes_, size_}; }
  bool operator<(const index_key& other) const { return view() < other.view(); }

 private:
  char bytes_[sizeof(std::uint64_t) + place_bytes];
  std::size_t size_;
};

inline view_cursor place_in(view_collection collection, std::string_view key) {
  std::string bytes(key.substr(key.size() - place_bytes));
  if (newest_first(collection)) invert(bytes.data(), bytes.data() + bytes.size());
  return decode_place(bytes);
}

/// Greater than every key with this prefix of an index, and with the same prefix: id 0 is nobody's.
inline std::string index_end(std::string prefix) {
  return prefix.append(place_bytes, '\xff');
}

/// Of a user the user, else a letter.
inline std::string counter(view_collection collection, std::uint64_t user_id) {
  switch (collection) {
    case view_collection::reservations:
      return "a";
    case view_collection::receipts:
      return "p";
    case view_collection::of_user:
      break;
  }
  return number(user_id);
}

/// The least key greater than this one.
inline std::string key_after(std::string key) {
  key.push_back('\0');
  return key;
}

}  // namespace holdfast::storage::embedded_keys
