// What a document of the HTTP contract shows, in the checker's words.
// Pure functions.
#pragma once

#include <rapidjson/document.h>

#include <string>

#include "tests/proof/names.hpp"

namespace holdfast::chaos {

inline std::string text_of(const rapidjson::Value& document, const char* name) {
  const auto found = document.FindMember(name);
  if (found == document.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

/// Of a preReservation or a myReservation; what the first lacks stays `none`.
inline proof::observation observed(const rapidjson::Value& document) {
  using namespace domain;
  return {document["id"].GetUint64(),
          document["version"].GetUint64(),
          proof::named<reservation_status>(text_of(document, "status")).value_or(reservation_status::none),
          proof::named<payment_status>(text_of(document, "paymentStatus")).value_or(payment_status::none),
          proof::named<receipt_status>(text_of(document, "receiptStatus")).value_or(receipt_status::none),
          text_of(document, "receiptNo")};
}

}  // namespace holdfast::chaos
