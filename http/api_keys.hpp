// API keys, of which a file has the hashes: `SHA-256 NAME ROLE [USER]` on a line, the hash as 64 hexadecimal
// digits, USER for customers. What stands behind `#` is a comment.
//
// A plain hash is enough, with neither salt nor stretching: a key is 256 random bits, which nobody finds by
// trying, and what is looked up is the hash, so that the time it takes tells nothing of a key.
//
// Threading: as an authenticator's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>

#include "http/authenticator.hpp"

namespace holdfast::http {

/// What keys begin with, so that they are told from other tokens, and found where they should not be.
inline constexpr std::string_view api_key_prefix = "hf_";
inline constexpr std::size_t largest_key_file_bytes = 16 * 1024 * 1024;

class api_keys final : public authenticator {
 public:
  /// Or what is wrong with the file.
  static tl::expected<std::unique_ptr<api_keys>, std::string> open(std::string path);

  bool takes(std::string_view token) const override { return token.starts_with(api_key_prefix); }
  tl::expected<principal_ptr, std::string> identify(std::string_view token) override;
  std::optional<std::string> reload() override;

 private:
  /// By the hash, in lower case.
  using table = std::unordered_map<std::string, principal_ptr>;

  api_keys(std::string path, table known);
  static tl::expected<table, std::string> read(const std::string& path);

  const std::string path_;
  std::atomic<std::shared_ptr<const table>> known_;
};

}  // namespace holdfast::http
