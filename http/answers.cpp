#include "http/answers.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "http/documents.hpp"
#include "http/hash.hpp"
#include "http/links.hpp"
#include "storage/event_codec.hpp"

namespace holdfast::http {

namespace {

constexpr auto kind = document_kind::pre_reservation;

constexpr std::string_view overloaded_detail =
    "The service takes no more commands at the moment; nothing was recorded. Send the request again after "
    "the time in Retry-After.";
constexpr std::string_view unavailable_detail =
    "It is not known whether this was recorded. Send the request again after the time in Retry-After; with "
    "the same Idempotency-Key a repeated placement is placed once.";

/// 201 and 202: the reservation itself.
response show(const client& client, unsigned status, const story& story) {
  auto response = document_response(status, client,
                                    [&](json_writer& out) { write_document(out, kind, story, client.base); });
  response.headers.emplace_back("Location", item_href(client.base, kind, story.id));
  return response;
}

/// A replayed answer repeats the body of the first, its trace id too: that of the placement, or one that is
/// made of the reservation where it had none.
tracing::trace_context trace_of(const tracing::trace_context& placed, domain::reservation_id id,
                                fault fault) {
  if (placed.present()) return placed;
  return {stable_hash().add(static_cast<std::uint64_t>(fault)).value(), id, 0, 0};
}

response refuse_with_link(const client& client, const tracing::trace_context& placed, fault fault,
                          std::string detail, domain::reservation_id id) {
  return refuse(client, problem{.fault = fault,
                                .detail = std::move(detail),
                                .instance = {},
                                .errors = {},
                                .reservation_href = item_href(client.base, kind, id),
                                .trace = trace_of(placed, id, fault)});
}

std::string declined_detail(const domain::reservation& state) {
  std::string detail = "The payment provider declined the card";
  if (!state.decline_reason.empty()) detail.append(" (").append(state.decline_reason).append(")");
  return detail +
         "; nothing was charged and the reservation is cancelled. Place a new one with another card and, if "
         "you send one, a new Idempotency-Key.";
}

/// A repeated answer is final: waiting would not change it.
void drop_retry_after(response& response) {
  std::erase_if(response.headers, [](const auto& header) { return header.first == "Retry-After"; });
}

response tell_outcome(const client& client, const tracing::trace_context& placed, const story& story) {
  switch (domain::outcome_of(story.state)) {
    case domain::placement_outcome::pending:
      return show(client, 202, story);
    case domain::placement_outcome::paid:
      return show(client, 201, story);
    case domain::placement_outcome::declined:
      return refuse_with_link(client, placed, fault::payment_declined, declined_detail(story.state),
                              story.id);
    case domain::placement_outcome::unavailable:
      return refuse_with_link(client, placed, fault::payment_unavailable,
                              "The payment provider can't be used at the moment; nothing was charged and the "
                              "reservation is cancelled. Place a new one later; a new attempt needs a new "
                              "Idempotency-Key, the old one repeats this answer.",
                              story.id);
    case domain::placement_outcome::cancelled:
      return refuse_with_link(client, placed, fault::cancelled,
                              "The reservation was cancelled while its payment was under way; whatever was "
                              "charged is refunded. Place a new one if it is still wanted.",
                              story.id);
  }
  return broken_records(client, story.id, "no outcome");
}

response tell(const client& client, const actors::placement_answer& answer) {
  const auto story = read_story(kind, answer.id, answer.records);
  if (!story) return broken_records(client, answer.id, story.error());
  auto response = answer.status == actors::placement_status::in_progress
                      ? show(client, 202, *story)
                      : tell_outcome(client, storage::trace_of(answer.records), *story);
  if (answer.replayed) {
    drop_retry_after(response);
    response.headers.emplace_back("Idempotent-Replayed", "true");
  }
  return response;
}

field_error explain(domain::rejection why) {
  switch (why) {
    case domain::rejection::user_out_of_range:
      return {"/userId", "userId must not be greater than 9007199254740992 (2^53)."};
    case domain::rejection::product_out_of_range:
      return {"/productId", "productId must not be greater than 9007199254740992 (2^53)."};
    case domain::rejection::price_negative:
      return {"/price", "price must not be negative."};
    case domain::rejection::price_too_large:
      return {"/price", "price must not be greater than 9007199254740992 (2^53)."};
    case domain::rejection::currency_malformed:
      return {"/currency", "currency has to be an ISO 4217 code of three capital letters, such as KRW."};
    default:
      return {"", "The reservation can't be placed with these fields."};
  }
}

response tell_rejection(const client& client, domain::rejection why) {
  auto error = explain(why);
  auto detail = error.detail;
  return refuse(client, problem{.fault = fault::invalid_field,
                                .detail = std::move(detail),
                                .instance = {},
                                .errors = {std::move(error)},
                                .reservation_href = {}});
}

}  // namespace

response answer_placement(const client& client, const actors::placement_answer& answer) {
  switch (answer.status) {
    case actors::placement_status::decided:
    case actors::placement_status::in_progress:
      return tell(client, answer);
    case actors::placement_status::key_in_use:
      return refuse(
          client, fault::key_in_use,
          "The first request with this Idempotency-Key is still under way. Repeat it after the time "
          "in Retry-After to get its answer.");
    case actors::placement_status::key_reused:
      return refuse(client, fault::key_reused,
                    "This Idempotency-Key was used for a reservation with other fields. Send the same fields "
                    "again, or use a new key for a new reservation.");
    case actors::placement_status::overloaded:
      return refuse(client, fault::overloaded, std::string(overloaded_detail));
    case actors::placement_status::unavailable:
    // Between nodes only.
    case actors::placement_status::elsewhere:
      return refuse(client, fault::unavailable, std::string(unavailable_detail));
    case actors::placement_status::rejected:
      return tell_rejection(client, answer.refused);
  }
  return broken_records(client, answer.id, "no status");
}

response answer_cancellation(const client& client, domain::reservation_id id,
                             const actors::cancellation_answer& answer) {
  switch (answer.status) {
    case actors::cancellation_status::done:
      return {.status = 204, .content_type = {}, .body = {}, .headers = {}};
    case actors::cancellation_status::in_progress:
      return {.status = 202,
              .content_type = {},
              .body = {},
              .headers = {{"Location", item_href(client.base, kind, id)}}};
    case actors::cancellation_status::unknown_reservation:
      return refuse(
          client, fault::not_found,
          "There is no reservation " + std::to_string(id) + " to cancel; /preReservations lists them.");
    case actors::cancellation_status::overloaded:
      return refuse(client, fault::overloaded, std::string(overloaded_detail));
    case actors::cancellation_status::unavailable:
    // Between nodes only.
    case actors::cancellation_status::elsewhere:
      return refuse(client, fault::unavailable,
                    "It is not known whether the cancellation was recorded. Send it again after the time in "
                    "Retry-After: cancelling twice does no harm.");
  }
  return broken_records(client, id, "no status");
}

}  // namespace holdfast::http
