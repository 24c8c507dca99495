// Headers of the rows that a view's writer wrote of late, and which ids it has surely never written:
// most rows are new or have just been written, and need no look into the database.
// Owned by one writer; not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <unordered_map>
#include <utility>

#include "storage/shard.hpp"
#include "storage/view_format.hpp"

namespace holdfast::storage {

class recent_headers {
 public:
  /// Forgets all. No row has a greater id than this one.
  void start(entity_id largest) {
    younger_.clear();
    older_.clear();
    largest_of_shard_.fill(largest);
  }

  const row_header* find(entity_id id) const {
    for (const auto* generation : {&younger_, &older_}) {
      if (const auto found = generation->find(id); found != generation->end()) return &found->second;
    }
    return nullptr;
  }
  /// Whether there is no such row. False does not mean that there is one.
  bool surely_new(entity_id id) const { return id > largest_of_shard_[shard_of(id)]; }

  void remember(const row_header& header) {
    younger_[header.id] = header;
    auto& largest = largest_of_shard_[shard_of(header.id)];
    largest = std::max(largest, header.id);
    // In two generations: when the younger one is full the older one goes.
    if (younger_.size() <= generation_rows) return;
    older_ = std::exchange(younger_, {});
    younger_.reserve(generation_rows + 1);
  }

 private:
  /// Some 80 bytes each.
  static constexpr std::size_t generation_rows = 8 * 1024;

  std::unordered_map<entity_id, row_header> younger_;
  std::unordered_map<entity_id, row_header> older_;
  std::array<entity_id, shard_count> largest_of_shard_{};
};

}  // namespace holdfast::storage
