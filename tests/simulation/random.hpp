// Chance drawn from a seed, the same on every machine: splitmix64, and no distribution of the
// standard library, which are free to differ.
// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.)
#pragma once

#include <cstdint>

namespace holdfast::simulation {

class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    auto z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// 0 .. bound - 1; bound must not be 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  /// Both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  /// Small ones as often as large ones: 0 .. about 2^bits.
  std::int64_t spread(unsigned bits) {
    return static_cast<std::int64_t>(below(std::uint64_t{1} << below(bits + 1)));
  }
  /// A source of its own, so that what one part draws does not move another's.
  random_source split() { return random_source(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace holdfast::simulation
