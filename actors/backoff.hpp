// How long to wait before a repeated step is tried again: doubling, bounded, and spread by the
// entity's id so that a crowd that failed together does not come back together.
// Pure; deterministic for a given id and try.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace holdfast::actors {

inline constexpr std::chrono::milliseconds first_backoff{100};
inline constexpr std::chrono::milliseconds longest_backoff{15'000};

/// `tries` counts the tries that failed, from 1. Between 75 % and 125 % of the doubled wait.
inline std::chrono::milliseconds backoff(std::uint64_t id, std::uint32_t tries) {
  const auto doublings = std::min(tries - 1, 10u);
  const auto wait = std::min(first_backoff * (1 << doublings), longest_backoff);
  const auto hash = (id * 31 + tries) * 0x9e3779b97f4a7c15ull;
  const auto percent = 75 + static_cast<std::int64_t>((hash >> 32) % 51);
  return wait * percent / 100;
}

}  // namespace holdfast::actors
