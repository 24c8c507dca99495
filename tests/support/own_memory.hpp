// Searches the memory that this process writes to, what it has freed too, for bytes that must not stay there.
// What is looked for has to stand where nothing is written, as a literal does. One thread at a time; the
// others may go on.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::testing {

/// Only sanitizers have larger ones, for what they know about the others.
inline constexpr std::size_t largest_searched_region_bytes = std::size_t{1} << 30;

inline bool own_memory_has(std::string_view text) {
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (memory < 0) throw std::runtime_error("this process can't read its own memory");
  std::vector<char> piece(1024 * 1024);
  std::ifstream regions("/proc/self/maps");
  bool found = false;
  for (std::string line; std::getline(regions, line) && !found;) {
    std::size_t begin = 0;
    std::size_t end = 0;
    char mode[5] = "";
    const bool written =
        std::sscanf(line.c_str(), "%zx-%zx %4s", &begin, &end, mode) == 3 && mode[0] == 'r' && mode[1] == 'w';
    if (!written || end - begin > largest_searched_region_bytes) continue;
    // Pieces overlap, so that none cuts it in two.
    for (auto at = begin; at < end && !found; at += piece.size() - text.size()) {
      const auto read =
          ::pread(memory, piece.data(), std::min(piece.size(), end - at), static_cast<off_t>(at));
      if (read <= 0) break;
      found = ::memmem(piece.data(), static_cast<std::size_t>(read), text.data(), text.size()) != nullptr;
      // Else the search would find what it has read.
      explicit_bzero(piece.data(), static_cast<std::size_t>(read));
    }
  }
  ::close(memory);
  return found;
}

}  // namespace holdfast::testing
