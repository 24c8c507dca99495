// The bytes of events, as FORMAT.md describes them. One encoding serves all: the journal's
// records, the rows of the view (the records of an entity, one behind the other) and the replies
// of actors. Whoever needs a document folds it from these bytes.
// Pure functions; no shared state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "tracing/trace_context.hpp"

namespace holdfast::storage {

/// Names the byte offset and what was wrong there.
struct codec_error {
  std::string message;
};

/// One record holding these events, and the trace that they belong to, if any. Records may be put one behind
/// the other.
std::string encode_events(const std::vector<domain::reservation_event>& events,
                          const tracing::trace_context& of = {});
std::string encode_events(const std::vector<domain::receipts::event>& events);

/// The trace that the first record in `bytes` belongs to; none where it has none or can't be read.
tracing::trace_context trace_of(std::string_view bytes);

/// The events of all records in `bytes`, in order.
tl::expected<std::vector<domain::reservation_event>, codec_error> decode_reservation_events(
    std::string_view bytes);
tl::expected<std::vector<domain::receipts::event>, codec_error> decode_receipt_events(std::string_view bytes);

/// Hands the events of all records in `bytes` to `take`, in order; up to where the bytes are wrong.
tl::expected<std::monostate, codec_error> for_each_reservation_event(
    std::string_view bytes, const std::function<void(const domain::reservation_event&)>& take);

/// The fold of all events of all records in `bytes`.
tl::expected<domain::reservation, codec_error> fold_reservation(std::string_view bytes);
tl::expected<domain::receipts::receipt, codec_error> fold_receipt(std::string_view bytes);

}  // namespace holdfast::storage
