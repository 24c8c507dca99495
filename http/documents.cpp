#include "http/documents.hpp"

#include <utility>
#include <variant>

#include "http/links.hpp"
#include "http/rfc3339.hpp"
#include "http/text.hpp"
#include "storage/event_codec.hpp"

namespace holdfast::http {

namespace {

using json::field;
using json::field_or_null;
using json::null_field;
using json::plain_field;

/// Of the longest story without trouble: placed, paid, receipt, and its cancellation.
constexpr std::size_t usual_history = 8;

// Inlined, so that the lengths of names and dates are known.

[[gnu::always_inline]] inline void write_date(json_writer& out, std::string_view name, domain::timestamp at) {
  out.plain_member(name, rfc3339_text(at).view());
}

/// A status, or why something ended; null where there is none.
[[gnu::always_inline]] inline void write_name(json_writer& out, std::string_view field,
                                              std::string_view name) {
  name.empty() ? null_field(out, field) : plain_field(out, field, name);
}

void write_delivery(json_writer& out, const domain::reservation& state) {
  constexpr std::string_view name = "expectedDeliveryAt";
  if (!state.expected_delivery_at) return null_field(out, name);
  out.plain_member(name, rfc3339_text(*state.expected_delivery_at).view());
}

void write_card(json_writer& out, const domain::order& what) {
  if (!what.card_last_four) return null_field(out, "cardNo");
  out.name("cardNo");
  out.string("****-****-****-", *what.card_last_four);
}

void write_user(json_writer& out, const domain::order& what) {
  field(out, "userId", what.user_id);
}

void write_address(json_writer& out, const domain::order& what) {
  what.user_address ? field(out, "userAddress", *what.user_address) : null_field(out, "userAddress");
}

void write_goods(json_writer& out, const domain::order& what) {
  what.product_id ? field(out, "productId", *what.product_id) : null_field(out, "productId");
  what.product_name ? field(out, "productName", *what.product_name) : null_field(out, "productName");
  field(out, "price", static_cast<std::uint64_t>(what.price.amount_minor));
  field(out, "currency", what.price.currency);
}

void write_reservation(json_writer& out, const domain::reservation& state) {
  write_user(out, state.what);
  write_address(out, state.what);
  write_goods(out, state.what);
  write_card(out, state.what);
  write_name(out, "status", name_of(state.status));
  write_name(out, "cancelReason", name_of(state.reason));
  write_date(out, "createdAt", state.created_at);
  write_date(out, "modifiedAt", state.modified_at);
}

void write_payment(json_writer& out, const story& story) {
  const auto& state = story.state;
  field(out, "preReservationId", story.id);
  write_user(out, state.what);
  write_goods(out, state.what);
  write_card(out, state.what);
  write_name(out, "status", name_of(state.payment));
  field_or_null(out, "transactionId", state.transaction_id);
  field_or_null(out, "refundId", state.refund_id);
  write_date(out, "createdAt", state.created_at);
  write_date(out, "modifiedAt", state.payment_modified_at);
}

void write_receipt(json_writer& out, const story& story) {
  const auto& state = story.state;
  field_or_null(out, "receiptNo", state.receipt_no);
  field(out, "preReservationId", story.id);
  field(out, "paidId", story.id);
  write_user(out, state.what);
  write_goods(out, state.what);
  write_name(out, "status", name_of(state.receipt));
  write_delivery(out, state);
  write_date(out, "createdAt", state.paid_at);
  write_date(out, "modifiedAt", state.receipt_modified_at);
}

void write_history(json_writer& out, const std::vector<told_event>& history) {
  out.name("history");
  out.begin_array();
  for (const auto& event : history) {
    out.begin_object();
    plain_field(out, "event", event.name);
    write_date(out, "at", event.at);
    if (!event.who.empty()) {
      field(out, "who", event.who);
      field(out, "reason", event.why);
    }
    out.end_object();
  }
  out.end_array();
}

void write_my_reservation(json_writer& out, const story& story) {
  const auto& state = story.state;
  write_reservation(out, state);
  write_name(out, "paymentStatus", name_of(state.payment));
  write_name(out, "receiptStatus", name_of(state.receipt));
  field_or_null(out, "receiptNo", state.receipt_no);
  write_delivery(out, state);
  write_history(out, story.history);
}

void write_links(json_writer& out, document_kind self, const story& story, std::string_view base) {
  constexpr std::pair<document_kind, std::string_view> relations[] = {
      {document_kind::pre_reservation, "preReservation"},
      {document_kind::payment, "payment"},
      {document_kind::receipt, "receipt"},
      {document_kind::my_reservation, "myReservation"}};
  out.name("_links");
  out.begin_object();
  const decimal id(story.id);
  write_item_link(out, "self", base, self, id.view());
  for (const auto& [kind, name] : relations) {
    if (kind == self || !has_document(kind, story.state)) continue;
    write_item_link(out, name, base, kind, id.view());
  }
  out.end_object();
}

told_event told_of(const domain::reservation_event& event) {
  told_event told{name_of(event), domain::time_of(event)};
  if (const auto* by = std::get_if<domain::operator_intervened>(&event)) {
    told.who = by->who;
    told.why = by->why;
  }
  return told;
}

}  // namespace

tl::expected<story, std::string> read_story(document_kind kind, domain::reservation_id id,
                                            std::string_view records) {
  // Where it is returned: it is large.
  tl::expected<story, std::string> told;
  told->id = id;
  const bool with_history = kind == document_kind::my_reservation;
  if (with_history) told->history.reserve(usual_history);
  const auto read = storage::for_each_reservation_event(records, [&](const domain::reservation_event& event) {
    domain::apply(told->state, event);
    if (with_history) told->history.push_back(told_of(event));
  });
  if (!read) {
    told = tl::unexpected(read.error().message);
  } else if (told->state.version == 0) {
    told = tl::unexpected(std::string("no events"));
  }
  return told;
}

bool has_document(document_kind kind, const domain::reservation& state) {
  return kind != document_kind::receipt || state.receipt != domain::receipt_status::none;
}

void write_fields(json_writer& out, document_kind kind, const story& story) {
  field(out, "id", story.id);
  field(out, "version", story.state.version);
  switch (kind) {
    case document_kind::pre_reservation:
      write_reservation(out, story.state);
      break;
    case document_kind::payment:
      write_payment(out, story);
      break;
    case document_kind::receipt:
      write_receipt(out, story);
      break;
    case document_kind::my_reservation:
      write_my_reservation(out, story);
      break;
  }
}

void write_document(json_writer& out, document_kind kind, const story& story, std::string_view base) {
  out.begin_object();
  write_fields(out, kind, story);
  write_links(out, kind, story, base);
  out.end_object();
}

}  // namespace holdfast::http
