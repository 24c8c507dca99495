#include "http/document_cache.hpp"

#include <utility>

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

  written_document written{story->state.version, story->state.what.user_id, {}};
  if (has_document(kind, story->state)) {
    written.json = json::text_of(writer_, [&](json_writer& out) { write_document(out, kind, *story, base); });
  }
  if (records.size() + base.size() + written.json.size() > largest_kept_bytes) {
    passing_ = std::move(written);
    return &passing_;
  }
  // Whole before it takes the place: nothing of the one before may be left in it.
  auto kept = std::make_unique<const entry>(
      entry{kind, id, std::string(records), std::string(base), std::move(written)});
  entries_[slot] = std::move(kept);
  return &entries_[slot]->document;
}

}  // namespace holdfast::http
