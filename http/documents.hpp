// The documents of the contract, written from a reservation's records. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "domain/reservation.hpp"
#include "http/json.hpp"
#include "http/names.hpp"

namespace holdfast::http {

/// An event, as far as documents tell of it.
struct told_event {
  std::string_view name;
  domain::timestamp at{};
  /// Of what an operator did; empty elsewhere.
  std::string who = {};
  std::string why = {};
};

/// All that is told of a reservation at one version.
struct story {
  domain::reservation_id id = 0;
  domain::reservation state;
  /// Left empty for documents that don't show it: my_reservation does.
  std::vector<told_event> history;
};

/// Folds records (storage/event_codec.hpp) for a document of this kind. The error says what is
/// wrong with the bytes; no records at all are an error too.
tl::expected<story, std::string> read_story(document_kind kind, domain::reservation_id id,
                                            std::string_view records);

/// Whether there is a document of this kind: a receipt only where something was paid.
bool has_document(document_kind kind, const domain::reservation& state);

/// The members of a document, from its id on, without its links.
void write_fields(json_writer& out, document_kind kind, const story& story);

/// Writes one JSON object. `base` goes before every link.
void write_document(json_writer& out, document_kind kind, const story& story, std::string_view base);

}  // namespace holdfast::http
