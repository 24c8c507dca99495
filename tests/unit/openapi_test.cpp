// openapi.json against the tables of the code that it describes: what no walk over the running server could
// see as a whole.
#include "http/openapi.hpp"

#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "domain/reservation.hpp"
#include "http/event_document.hpp"
#include "http/names.hpp"
#include "http/placing.hpp"
#include "http/problem.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "storage/journal_place.hpp"

namespace holdfast::testing {
namespace {

using names = std::set<std::string>;

const rapidjson::Document& document() {
  static const rapidjson::Document parsed = [] {
    rapidjson::Document read;
    read.Parse(http::openapi_document().data(), http::openapi_document().size());
    return read;
  }();
  return parsed;
}

const rapidjson::Value& at(const rapidjson::Value& from, const std::string& pointer) {
  CAPTURE(pointer);
  const auto* found = rapidjson::Pointer(pointer.c_str()).Get(from);
  REQUIRE(found != nullptr);
  return *found;
}
const rapidjson::Value& at(const std::string& pointer) {
  return at(document(), pointer);
}

/// What "$ref" leads to, where there is one.
const rapidjson::Value& resolved(const rapidjson::Value& node) {
  if (!node.HasMember("$ref")) return node;
  return at(std::string(node["$ref"].GetString()).substr(1));
}

/// Of an `enum` or a `const`, null left out.
names values_of(const rapidjson::Value& schema) {
  names values;
  if (schema.HasMember("const")) values.insert(schema["const"].GetString());
  if (!schema.HasMember("enum")) return values;
  for (const auto& value : schema["enum"].GetArray()) {
    if (!value.IsNull()) values.insert(value.GetString());
  }
  return values;
}
names values_of(const std::string& schema) {
  return values_of(at("/components/schemas/" + schema));
}

/// All names from the first enumerator behind `none` to the last.
template <class Enumeration>
names names_up_to(Enumeration last) {
  names all;
  for (int i = 1; i <= static_cast<int>(last); ++i) {
    all.insert(std::string(http::name_of(static_cast<Enumeration>(i))));
  }
  return all;
}

template <std::size_t... index>
names names_of_events(std::index_sequence<index...>) {
  return {std::string(http::name_of(
      domain::reservation_event(std::variant_alternative_t<index, domain::reservation_event>{})))...};
}

/// Every stable code, with its status.
std::map<std::string, unsigned> all_codes() {
  std::map<std::string, unsigned> codes;
  for (int i = 0; i <= static_cast<int>(http::fault::internal); ++i) {
    http::problem problem;
    problem.fault = static_cast<http::fault>(i);
    const auto rendered = http::render(problem);
    rapidjson::Document body;
    body.Parse(rendered.body.c_str());
    codes.emplace(body["code"].GetString(), rendered.status);
  }
  return codes;
}

std::string some_path_of(std::string pattern) {
  const auto parameter = pattern.find("{id}");
  return parameter == std::string::npos ? pattern : pattern.replace(parameter, 4, "1");
}

names methods_in(const rapidjson::Value& path) {
  const std::pair<const char*, const char*> all[] = {
      {"get", "GET"}, {"head", "HEAD"},     {"options", "OPTIONS"}, {"post", "POST"},
      {"put", "PUT"}, {"delete", "DELETE"}, {"patch", "PATCH"},     {"trace", "TRACE"}};
  names found;
  for (const auto& [member, method] : all) {
    if (path.HasMember(member)) found.insert(method);
  }
  return found;
}

names split(std::string_view list) {
  names parts;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(", ");
    parts.insert(std::string(list.substr(0, comma)));
    if (comma != std::string_view::npos) list.remove_prefix(comma + 2);
  }
  return parts;
}

TEST_CASE("the document is that of this version") {
  REQUIRE(!document().HasParseError());
  CHECK(std::string(at("/info/version").GetString()) == HOLDFAST_VERSION);
}

TEST_CASE("the document has every route, and every path of it is one") {
  names routed;
  for (std::size_t pattern = 0; pattern < http::pattern_count; ++pattern) {
    routed.insert(std::string(http::pattern_name(pattern)));
  }
  names documented;
  for (const auto& path : at("/paths").GetObject()) {
    CAPTURE(path.name.GetString());
    const auto route = http::find_route(some_path_of(path.name.GetString()));
    REQUIRE(route.has_value());
    CHECK(methods_in(path.value) == split(http::allowed_methods(*route)));
    documented.insert(std::string(http::pattern_name(http::pattern_of(*route))));
  }
  CHECK(documented == routed);
}

TEST_CASE("the document has every code of a problem, where its status is") {
  const auto codes = all_codes();
  names known;
  for (const auto& [code, status] : codes) known.insert(code);
  CHECK(values_of(at("/components/schemas/Problem/properties/code")) == known);

  // The router's answer to what is no operation.
  names met{"method-not-allowed"};
  for (const auto& path : at("/paths").GetObject()) {
    for (const auto& operation : path.value.GetObject()) {
      if (!operation.value.IsObject()) continue;
      for (const auto& response : operation.value["responses"].GetObject()) {
        const auto* code = rapidjson::Pointer("/content/application~1problem+json/schema/properties/code")
                               .Get(resolved(response.value));
        if (code == nullptr) continue;
        for (const auto& one : values_of(*code)) {
          CAPTURE(one);
          REQUIRE(codes.contains(one));
          CHECK(std::to_string(codes.at(one)) == response.name.GetString());
          met.insert(one);
        }
      }
    }
  }
  CHECK(met == known);
}

TEST_CASE("the document has every status, reason and event") {
  CHECK(values_of("ReservationStatus") == names_up_to(domain::reservation_status::reservation_cancelled));
  CHECK(values_of("PaymentStatus") == names_up_to(domain::payment_status::payment_failed));
  CHECK(values_of("ReceiptStatus") == names_up_to(domain::receipt_status::receipt_cancelled));
  CHECK(values_of("CancelReason") == names_up_to(domain::cancel_reason::by_operator));
  auto told = names_of_events(std::make_index_sequence<std::variant_size_v<domain::reservation_event>>());
  // This one has a name for each action.
  told.insert(std::string(http::name_of(domain::operator_intervened{
      .at = {}, .action = domain::operator_action::cancel, .who = {}, .why = {}})));
  CHECK(values_of(at("/components/schemas/HistoryEvent/properties/event")) == told);
}

TEST_CASE("the document has every event that is published, with a schema of its name") {
  const names published(http::published_types.begin(), http::published_types.end());
  CHECK(values_of("EventType") == published);
  names described;
  for (const auto& one : at("/components/schemas/EventData/oneOf").GetArray()) {
    const auto type = values_of(at(resolved(one), "/properties/eventType"));
    REQUIRE(type.size() == 1);
    CHECK(&at("/components/schemas/" + *type.begin()) == &resolved(one));
    described.insert(*type.begin());
  }
  CHECK(described.erase("StreamEnded") == 1);
  CHECK(described == published);
}

TEST_CASE("the document has the bounds of the code") {
  const std::pair<const char*, std::uint64_t> table[] = {
      {"/components/schemas/Placement/properties/userAddress/maxLength", http::largest_address_length},
      {"/components/schemas/Placement/properties/productName/maxLength", http::largest_product_name_length},
      {"/components/schemas/Placement/properties/price/maximum", domain::largest_exact_integer},
      {"/components/schemas/Id/maximum", domain::largest_exact_integer - 1},
      {"/components/schemas/Page/properties/size/maximum", http::largest_page_size},
      {"/components/parameters/size/schema/default", http::default_page_size},
      {"/components/schemas/EventPlace/maxLength", storage::largest_place_text_bytes},
  };
  for (const auto& [pointer, bound] : table) {
    CAPTURE(pointer);
    CHECK(at(pointer).GetUint64() == bound);
  }
}

TEST_CASE("a client that has the document is told so") {
  const auto first = http::openapi_response({});
  CHECK(first.status == 200);
  CHECK(first.content_type == "application/json");
  CHECK(first.body == http::openapi_document());
  REQUIRE(first.headers.size() == 1);
  const auto& [name, tag] = first.headers.front();
  CHECK(name == "ETag");
  const auto again = http::openapi_response(tag);
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(again.headers == first.headers);
  CHECK(http::openapi_response("\"another\"").status == 200);
}

}  // namespace
}  // namespace holdfast::testing
