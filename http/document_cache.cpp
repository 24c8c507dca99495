#include "http/document_cache.hpp"

#include <utility>

#include "http/documents.hpp"

namespace holdfast::http {

namespace {

/// Neighbours' are far apart.
std::size_t slot_of(std::uint64_t key) {
  constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15;
  constexpr int slot_bits = 12;
  static_assert(document_cache::slots == std::size_t{1} << slot_bits);
  return static_cast<std::size_t>((key * golden_ratio) >> (64 - slot_bits));
}

}  // namespace

document_cache::key document_cache::key_of(document_kind kind, domain::reservation_id id) {
  return id << 2 | static_cast<key>(kind);
}

tl::expected<const written_document*, std::string> document_cache::find_or_write(document_kind kind,
                                                                                 domain::reservation_id id,
                                                                                 std::string_view records,
                                                                                 std::string_view base) {
  const auto key = key_of(kind, id);
  auto& slot = slots_[slot_of(key)];
  if (slot.kept == key && slot.what->records == records && slot.what->base == base) {
    return &slot.what->document;
  }
  const auto story = read_story(kind, id, records);
  if (!story) return tl::unexpected(story.error());

  writer_.clear();
  if (has_document(kind, story->state)) write_document(writer_, kind, *story, base);
  passing_ = {story->state.version, story->state.what.user_id, writer_.text()};
  const bool again = std::exchange(slot.asked_for, key) == key;
  if (!again || records.size() + base.size() + passing_.json.size() > largest_kept_bytes) return &passing_;

  // Whole before it takes the place: nothing of the one before may be left in it.
  auto kept = std::make_unique<entry>(
      entry{std::string(records), std::string(base), std::string(passing_.json), passing_});
  kept->document.json = kept->json;
  slot.what = std::move(kept);
  slot.kept = key;
  return &slot.what->document;
}

}  // namespace holdfast::http
