// Which PostgreSQL databases hold which shards, as a setting says it:
// `postgres://USER@HOST:PORT/DATABASE` for all of them in one, or
// `0-127=postgres://a/holdfast 128-255=postgres://b/holdfast` for several.
// A pure function, and one that opens.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "storage/journal.hpp"
#include "storage/postgres_options.hpp"

namespace holdfast::storage {

struct postgres_place {
  shard_id first = 0;
  shard_id last = 0;
  std::string url;

  bool operator==(const postgres_place&) const = default;
};

/// In ascending order, with every shard once; or what is wrong, without a URL, for it may hold a password.
tl::expected<std::vector<postgres_place>, std::string> parse_postgres_places(std::string_view text);

/// `common` is for all of them but for the URL and the shards.
journal_result<std::unique_ptr<journal>> open_postgres_places(const std::vector<postgres_place>& places,
                                                              postgres_options common);

}  // namespace holdfast::storage
