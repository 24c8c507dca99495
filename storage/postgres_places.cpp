#include "storage/postgres_places.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "storage/postgres_journal.hpp"
#include "storage/spread_journal.hpp"

namespace holdfast::storage {
namespace {

bool is_postgres_url(std::string_view text) {
  return text.starts_with("postgres://") || text.starts_with("postgresql://");
}

std::optional<shard_id> parse_shard(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || value >= shard_count) return std::nullopt;
  return static_cast<shard_id>(value);
}

/// `FIRST-LAST=URL`.
std::optional<postgres_place> parse_place(std::string_view text) {
  const auto equals = std::min(text.find('='), text.size());
  const auto shards = text.substr(0, equals);
  const auto dash = std::min(shards.find('-'), shards.size());
  if (equals == text.size() || dash == shards.size()) return std::nullopt;
  const auto first = parse_shard(shards.substr(0, dash));
  const auto last = parse_shard(shards.substr(dash + 1));
  const auto url = text.substr(equals + 1);
  if (!first || !last || *last < *first || !is_postgres_url(url)) return std::nullopt;
  return postgres_place{*first, *last, std::string(url)};
}

}  // namespace

tl::expected<std::vector<postgres_place>, std::string> parse_postgres_places(std::string_view text) {
  std::vector<postgres_place> places;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    const auto word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (is_postgres_url(word)) {
      places.push_back({0, shard_count - 1, std::string(word)});
    } else if (auto place = parse_place(word)) {
      places.push_back(std::move(*place));
    } else {
      return tl::unexpected("part " + std::to_string(places.size() + 1) +
                            " is neither a URL nor shards and a URL, such as 0-127=postgres://HOST/DATABASE");
    }
  }
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::uint32_t next = 0;
  bool adjacent = true;
  for (const auto& place : places) {
    adjacent = adjacent && place.first == next;
    next = place.last + 1u;
  }
  if (!adjacent || next != shard_count) {
    return tl::unexpected(std::string("each of the shards 0 to 255 has to have one place"));
  }
  return places;
}

journal_result<std::unique_ptr<journal>> open_postgres_places(const std::vector<postgres_place>& places,
                                                              postgres_options common) {
  std::vector<journal_part> parts;
  for (const auto& place : places) {
    common.url = place.url;
    common.first_shard = place.first;
    common.last_shard = place.last;
    auto opened = postgres_journal::open(common);
    if (!opened) return tl::unexpected(std::move(opened.error()));
    if (places.size() == 1) return std::unique_ptr<journal>(std::move(*opened));
    parts.push_back({place.first, place.last, std::move(*opened)});
  }
  return std::unique_ptr<journal>(std::make_unique<spread_journal>(std::move(parts)));
}

}  // namespace holdfast::storage
