#include "http/document_cache.hpp"

#include "http/documents.hpp"

namespace holdfast::http {

namespace {

/// Neighbours' are far apart.
std::size_t slot_of(document_kind kind, domain::reservation_id id) {
  constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15;
  constexpr int slot_bits = 12;
  static_assert(document_cache::slots == std::size_t{1} << slot_bits);
  return static_cast<std::size_t>(((id << 2 | static_cast<std::uint64_t>(kind)) * golden_ratio) >>
                                  (64 - slot_bits));
}

}  // namespace

tl::expected<const written_document*, std::string> document_cache::find_or_write(document_kind kind,
                                                                                 domain::reservation_id id,
                                                                                 std::string_view records,
                                                                                 std::string_view base) {
  const auto slot = slot_of(kind, id);
  if (const auto* kept = entries_[slot].get(); kept != nullptr && kept->kind == kind && kept->id == id &&
                                               kept->records == records && kept->base == base) {
    return &kept->document;
  }
  const auto story = read_story(kind, id, records);
  if (!story) return tl::unexpected(story.error());

  auto& entry = room_for(slot, records.size());
  entry.kind = kind;
  entry.id = id;
  entry.records = records;
  entry.base = base;
  entry.document.version = story->state.version;
  entry.document.user_id = story->state.what.user_id;
  writer_.clear();
  if (has_document(kind, story->state)) write_document(writer_, kind, *story, base);
  entry.document.json = writer_.text();
  return &entry.document;
}

document_cache::entry& document_cache::room_for(std::size_t slot, std::size_t record_bytes) {
  if (record_bytes > longest_kept_records) return passing_;
  auto& kept = entries_[slot];
  if (kept == nullptr) kept = std::make_unique<entry>();
  return *kept;
}

}  // namespace holdfast::http
