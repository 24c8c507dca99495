// Counts values by size, for metrics. Any thread may count, and any may read meanwhile: it then sees some of
// what is being counted, each number by itself as it is. Counting locks nothing and allocates nothing.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::actors {

/// Bounds of durations, in nanoseconds, from what a read takes to what a placement may wait.
inline constexpr std::array<std::uint64_t, 16> duration_bounds{
    100'000,       250'000,       500'000,       1'000'000,     2'500'000,   5'000'000,
    10'000'000,    25'000'000,    50'000'000,    100'000'000,   250'000'000, 500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

/// Bounds of batches, in entries.
inline constexpr std::array<std::uint64_t, 13> batch_bounds{1,   2,   4,   8,    16,   32,  64,
                                                            128, 256, 512, 1024, 2048, 4096};

/// A histogram as it was read.
struct counted_values {
  std::span<const std::uint64_t> bounds;
  /// How many values were not above each bound, but above those before it; behind the last bound's all
  /// others.
  std::vector<std::uint64_t> counts;
  std::uint64_t sum = 0;

  /// Adds what was counted elsewhere, by the same bounds.
  void add(const counted_values& other) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    sum += other.sum;
  }
};

template <const auto& bounds>
class histogram {
 public:
  void count(std::uint64_t value) {
    const auto place = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
    counts_[static_cast<std::size_t>(place)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  counted_values read() const {
    counted_values seen{bounds, {}, sum_.load(std::memory_order_relaxed)};
    for (const auto& count : counts_) seen.counts.push_back(count.load(std::memory_order_relaxed));
    return seen;
  }

 private:
  std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ = 0;
};

}  // namespace holdfast::actors
