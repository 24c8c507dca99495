// A place in a journal over all its shards: up to where somebody has followed each of them; and its text,
// with which he goes on later, whoever keeps it meanwhile. Pure functions.
//
// The text is base64url of: a check sum (4 bytes), the smallest position (8), the width of a difference in
// bits (1), and for each shard how much greater its position is, in so many bits. Big-endian. As shards are
// filled evenly, that is little: 150 characters for a few orders, some 500 after ten million, and never more
// than `largest_place_text_bytes`. The check sum is over the journal's store id too: a place in another
// journal is none here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/journal.hpp"

namespace holdfast::storage {

/// The last position that was taken, for each shard; `shard_count` of them.
using journal_place = std::vector<position>;

inline constexpr std::size_t largest_place_text_bytes = 2752;

std::string to_text(const journal_place& place, std::string_view store_id);

/// Nothing for anything that to_text() never wrote for this store.
std::optional<journal_place> journal_place_of(std::string_view text, std::string_view store_id);

}  // namespace holdfast::storage
