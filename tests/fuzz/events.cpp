// The decoder of the journal's records and of the view's rows: what decodes is encoded to what decodes
// to the same again, and folds; everything may be decided on it, and nothing of that does harm.
#include <string>

#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "storage/event_codec.hpp"
#include "storage/view_format.hpp"
#include "tests/fuzz/target.hpp"

namespace holdfast::fuzz {
namespace {

constexpr domain::timestamp now{std::chrono::milliseconds{1'700'000'000'000}};

void decide_all(const domain::reservation& state) {
  const domain::zoned_timestamp delivery{now, std::chrono::minutes{540}};
  const domain::reservation_command commands[] = {
      domain::place{state.what},
      domain::record_charge{domain::charge_result::captured, "ch_2"},
      domain::record_charge{domain::charge_result::unknown, {}},
      domain::record_receipt{"7-43", delivery},
      domain::cancel{},
      domain::record_void{"7-43", delivery},
      domain::record_refund{"re_2"},
      domain::park{"why", true},
      domain::resume{},
      domain::intervene{domain::operator_action::retry, "who", "why"},
      domain::intervene{domain::operator_action::cancel, "who", "why"},
  };
  for (const auto& command : commands) {
    const auto decided = domain::decide(state, command, now);
    require(decided.events.empty() || decided.refused == domain::rejection::none,
            "what is refused has no events");
    auto next = state;
    for (const auto& event : decided.events) next = domain::evolve(std::move(next), event);
    domain::next_step(next);
    require(next.version == state.version + decided.events.size(), "a version counts the events");
  }
  require(!domain::finished(state) || domain::next_step(state) == domain::step::none,
          "nothing is left to do for what is finished");
  domain::outcome_of(state);
}

void read_reservation(std::string_view bytes) {
  const auto events = storage::decode_reservation_events(bytes);
  const auto folded = storage::fold_reservation(bytes);
  require(events.has_value() == folded.has_value(), "what decodes folds");
  if (!events) return;
  const auto trace = storage::trace_of(bytes);
  const auto encoded = storage::encode_events(*events, trace);
  require(storage::trace_of(encoded) == trace, "a trace is read as it was written");
  const auto again = storage::decode_reservation_events(encoded);
  require(again.has_value() && *again == *events, "what was encoded decodes to the same");
  require(folded->version == events->size(), "a version counts the events");
  decide_all(*folded);
}

void read_receipt(std::string_view bytes) {
  const auto events = storage::decode_receipt_events(bytes);
  const auto folded = storage::fold_receipt(bytes);
  require(events.has_value() == folded.has_value(), "what decodes folds");
  if (!events) return;
  const auto again = storage::decode_receipt_events(storage::encode_events(*events));
  require(again.has_value() && *again == *events, "what was encoded decodes to the same");
  domain::receipts::decide(*folded, domain::receipts::issue{7, {}}, now);
  domain::receipts::decide(*folded, domain::receipts::void_receipt{}, now);
}

void read_row(std::string_view bytes) {
  const auto header = storage::decode_header(bytes);
  const auto row = storage::decode_row(bytes);
  require(header.has_value() == row.has_value(), "a row has a header");
  if (!row) return;
  const auto encoded = storage::encode_row(
      {row->id, row->version, row->records, header->user_id, header->created_at, header->paid_at});
  require(storage::decode_header(encoded) == header, "a row's header is read as it was written");
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::fuzz;
  const auto bytes = text_of(data, size);
  read_reservation(bytes);
  read_receipt(bytes);
  read_row(bytes);
  return 0;
}
