#include "http/etag.hpp"

#include "http/ascii.hpp"
#include "http/hash.hpp"

namespace holdfast::http {

namespace {

/// To be raised when a document is written in another way at the same version, so that what
/// clients have kept goes stale.
constexpr std::uint64_t rendering = 1;

}  // namespace

std::string etag_of(std::uint64_t version, document_kind kind, std::string_view base,
                    std::string_view media_type) {
  const auto hash = stable_hash().add(rendering).add(collection_name(kind)).add(base).add(media_type).value();
  auto short_hash = static_cast<std::uint32_t>(hash ^ hash >> 32);
  std::string hex(8, '0');
  for (auto digit = hex.rbegin(); digit != hex.rend(); ++digit, short_hash >>= 4) {
    *digit = "0123456789abcdef"[short_hash & 15];
  }
  std::string tag = "\"";
  return tag.append(std::to_string(version)).append("-").append(hex).append("\"");
}

bool matches(std::string_view if_none_match, std::string_view etag) {
  // Our tags have no comma, so splitting at commas can't find one inside of another's tag.
  while (!if_none_match.empty()) {
    const auto [first, rest] = ascii::split(if_none_match, ',');
    if_none_match = rest;
    auto tag = ascii::trimmed(first);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == "*" || tag == etag) return true;
  }
  return false;
}

}  // namespace holdfast::http
