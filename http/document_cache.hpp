// Documents written lately, so that a reservation that is read again and again, by a customer who waits for
// his receipt, is folded and written once at each of its versions.
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
  std::string json;
};

/// Of one thread. A document that is asked for takes the place of another: there are `slots` of them, and
/// where a usual one takes 1.5 KB, records longer than `longest_kept_records` are not kept.
class document_cache {
 public:
  static constexpr std::size_t slots = 4096;
  static constexpr std::size_t longest_kept_records = 1024;

  document_cache() : entries_(slots) {}

  /// What read_story() and write_document() make of the records; stays until the next call. The error
  /// is read_story's.
  tl::expected<const written_document*, std::string> find_or_write(document_kind kind,
                                                                   domain::reservation_id id,
                                                                   std::string_view records,
                                                                   std::string_view base);

 private:
  struct entry {
    document_kind kind{};
    domain::reservation_id id = 0;
    std::string records;
    std::string base;
    written_document document;
  };

  entry& room_for(std::size_t slot, std::size_t record_bytes);

  std::vector<std::unique_ptr<entry>> entries_;
  /// The last one that was not kept.
  entry passing_;
  json_writer writer_;
};

}  // namespace holdfast::http
