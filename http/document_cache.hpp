// Documents written lately, so that what is read again and again, by a customer who waits for his receipt,
// need not be folded and written each time.
//
// A document depends on nothing but what it is asked for by: an entry counts only where the records are equal
// byte by byte, so that none ever has to be dropped, nor can be stale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "http/json.hpp"
#include "http/names.hpp"

namespace holdfast::http {

/// A document, and who may have it.
struct written_document {
  std::uint64_t version = 0;
  std::uint64_t user_id = 0;
  /// Empty where there is none of this kind: see has_document().
  std::string_view json;
};

/// A document that is asked for twice in a row, of all that have its slot, takes the place of the one before
/// it there, with what it was written from: usually some 1.5 KB. To keep each one would cost those that are
/// read once. Longer ones than `largest_kept_bytes` are not kept. Not thread-safe.
class document_cache {
 public:
  static constexpr std::size_t slots = 4096;
  static constexpr std::size_t largest_kept_bytes = 3072;

  document_cache() : slots_(slots) {}

  /// What read_story() and write_document() make of the records; stays until the next call. The error
  /// is read_story's.
  tl::expected<const written_document*, std::string> find_or_write(document_kind kind,
                                                                   domain::reservation_id id,
                                                                   std::string_view records,
                                                                   std::string_view base);

 private:
  struct entry {
    std::string records;
    std::string base;
    std::string json;
    written_document document;
  };
  /// Which document of which reservation: ids are given out from 1 on, and stay below 2^62. 0 is of none.
  using key = std::uint64_t;
  struct slot {
    key asked_for = 0;
    key kept = 0;
    std::unique_ptr<entry> what;
  };

  static key key_of(document_kind kind, domain::reservation_id id);

  std::vector<slot> slots_;
  json_writer writer_;
  /// The last one that was written and not kept, in the writer.
  written_document passing_;
};

}  // namespace holdfast::http
