// What the machinery has to know of an aggregate: its types, its rule and its codec. A further
// aggregate joins by a further struct of this shape.
#pragma once

#include <string>
#include <vector>

#include "domain/receipt.hpp"
#include "domain/reservation.hpp"
#include "storage/event_codec.hpp"

namespace holdfast::actors {

struct reservation_aggregate {
  using state = domain::reservation;
  using event = domain::reservation_event;
  using command = domain::reservation_command;
  using decision = domain::reservation_decision;

  static decision decide(const state& now_is, const command& wish, domain::timestamp now) {
    return domain::decide(now_is, wish, now);
  }
  static void evolve(state& one, const event& what) { domain::apply(one, what); }
  static bool finished(const state& now_is) { return domain::finished(now_is); }
  static auto decode(const std::string& record) { return storage::decode_reservation_events(record); }
  static auto encode(const std::vector<event>& events, const tracing::trace_context& of) {
    return storage::encode_events(events, of);
  }
};

struct receipt_aggregate {
  using state = domain::receipts::receipt;
  using event = domain::receipts::event;
  using command = domain::receipts::command;
  using decision = domain::receipts::decision;

  static decision decide(const state& now_is, const command& wish, domain::timestamp now) {
    return domain::receipts::decide(now_is, wish, now);
  }
  static void evolve(state& one, const event& what) { one = domain::receipts::evolve(one, what); }
  /// A receipt never has anything to do by itself.
  static bool finished(const state&) { return true; }
  static auto decode(const std::string& record) { return storage::decode_receipt_events(record); }
  /// Nobody follows a receipt's own records: what became of it is told by its reservation's.
  static auto encode(const std::vector<event>& events, const tracing::trace_context&) {
    return storage::encode_events(events);
  }
};

}  // namespace holdfast::actors
