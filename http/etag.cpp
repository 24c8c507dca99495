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
  std::string tag = "\"";
  return tag.append(std::to_string(version)).append("-").append(to_hex(hash), 8).append("\"");
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
