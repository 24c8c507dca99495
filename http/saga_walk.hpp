// Walks over the unfinished sagas of all shards in the journal, whichever node owns them, and picks those
// that a filter means. What it looks at in one walk is bounded: where that ends before the sagas do, the next
// walk goes on from there. Threading: used on one loop only, destroyed before it and before the journal.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/loop_callbacks.hpp"
#include "http/saga_filter.hpp"
#include "storage/journal.hpp"

namespace holdfast::http {

/// Sagas that one walk looks at, at most, and how many of them it reads at once.
inline constexpr std::uint32_t most_sagas_looked_at = 2000;
inline constexpr std::uint32_t sagas_read_at_once = 50;
/// Walks at once, for each loop; further ones are refused.
inline constexpr std::size_t largest_saga_walks = 4;

struct saga {
  domain::reservation_id id = 0;
  domain::reservation state;
};

struct saga_page {
  /// By shard, and by id within it.
  std::vector<saga> sagas;
  /// The last one that was looked at, where there may be more.
  std::optional<domain::reservation_id> next;
};

enum class saga_failure : std::uint8_t { journal_unavailable, too_many_walks };
using saga_result = tl::expected<saga_page, saga_failure>;

class saga_reader {
 public:
  saga_reader(storage::journal& journal, boost::asio::io_context& loop)
      : journal_(journal), listings_(loop), reads_(loop) {}

  /// `done` is called once on the loop, or never if this goes first.
  void walk(saga_query query, domain::timestamp now, std::function<void(saga_result)> done);

  /// All records of one reservation, one behind the other; empty where there are none.
  void read(domain::reservation_id id, std::function<void(tl::expected<std::string, saga_failure>)> done);

 private:
  class walker;
  using records = storage::journal_result<std::vector<storage::journal_record>>;
  using listing = storage::journal_result<std::vector<storage::entity_id>>;

  storage::journal& journal_;
  loop_callbacks<listing> listings_;
  loop_callbacks<records> reads_;
  std::size_t walks_ = 0;
};

}  // namespace holdfast::http
