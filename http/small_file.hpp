// Files that are read as a whole, such as keys and certificates.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <tl/expected.hpp>

namespace holdfast::http {

/// Its bytes, or why there are none, with its path.
inline tl::expected<std::string, std::string> read_small_file(const std::string& path,
                                                              std::size_t largest_bytes) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return tl::unexpected("can't read " + path + ": " + std::strerror(errno));
  std::string text(largest_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return tl::unexpected("can't read " + path + ": " + std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest_bytes) {
    return tl::unexpected(path + " is larger than " + std::to_string(largest_bytes) + " bytes");
  }
  return text;
}

}  // namespace holdfast::http
