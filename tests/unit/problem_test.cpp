#include "http/problem.hpp"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <set>

using namespace holdfast::http;

namespace {

rapidjson::Document parsed(const response& response) {
  rapidjson::Document document;
  document.Parse(response.body.data(), response.body.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::string text(const rapidjson::Value& object, const char* name) {
  REQUIRE(object.HasMember(name));
  return object[name].GetString();
}

problem bare(fault fault, std::string instance = {}) {
  problem problem;
  problem.fault = fault;
  problem.instance = std::move(instance);
  return problem;
}

bool has_retry_after(const response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [](const auto& header) { return header.first == "Retry-After"; });
}

struct expectation {
  holdfast::http::fault fault;
  unsigned status;
  const char* code;
  bool retry_after;
};

constexpr expectation contract[] = {
    {fault::bad_request_line, 400, "bad-request", false},
    {fault::ambiguous_framing, 400, "ambiguous-framing", false},
    {fault::header_too_large, 431, "header-too-large", false},
    {fault::body_too_large, 413, "body-too-large", false},
    {fault::request_timeout, 408, "request-timeout", false},
    {fault::unsupported_media_type, 415, "unsupported-media-type", false},
    {fault::malformed_json, 400, "malformed-json", false},
    {fault::invalid_field, 400, "invalid-field", false},
    {fault::invalid_parameter, 400, "invalid-parameter", false},
    {fault::invalid_header, 400, "invalid-header", false},
    {fault::use_cursor, 400, "use-cursor", false},
    {fault::unauthenticated, 401, "unauthenticated", false},
    {fault::forbidden, 403, "forbidden", false},
    {fault::too_many_requests, 429, "too-many-requests", false},
    {fault::not_found, 404, "not-found", false},
    {fault::method_not_allowed, 405, "method-not-allowed", false},
    {fault::payment_declined, 402, "payment-declined", false},
    {fault::payment_unavailable, 503, "payment-unavailable", true},
    {fault::cancelled, 409, "cancelled", false},
    {fault::key_in_use, 409, "key-in-use", true},
    {fault::key_reused, 422, "key-reused", false},
    {fault::overloaded, 503, "overloaded", true},
    {fault::unavailable, 503, "unavailable", true},
    {fault::view_unavailable, 503, "view-unavailable", true},
    {fault::internal, 500, "internal", false},
};

}  // namespace

TEST_CASE("every fault has its status, code and Retry-After") {
  std::set<std::string> codes;
  for (const expectation& expected : contract) {
    CAPTURE(expected.code);
    const response response = render(bare(expected.fault));
    CHECK(response.status == expected.status);
    CHECK(response.content_type == "application/problem+json");
    CHECK(has_retry_after(response) == expected.retry_after);
    const rapidjson::Document document = parsed(response);
    CHECK(text(document, "code") == expected.code);
    CHECK(text(document, "type") == std::string("/problems/") + expected.code);
    CHECK(document["status"].GetUint() == expected.status);
    CHECK_FALSE(text(document, "title").empty());
    CHECK(codes.insert(expected.code).second);
  }
  CHECK(codes.size() == static_cast<std::size_t>(fault::internal) + 1);
}

TEST_CASE("a problem carries its detail, instance, field errors and link") {
  const response response = render({.fault = fault::invalid_field,
                                    .detail = "Correct \"price\".",
                                    .instance = "/preReservations",
                                    .errors = {{"/price", "must not be negative"}, {"", "surplus"}},
                                    .reservation_href = "http://host/preReservations/7"});
  const rapidjson::Document document = parsed(response);
  CHECK(text(document, "detail") == "Correct \"price\".");
  CHECK(text(document, "instance") == "/preReservations");
  REQUIRE(document["errors"].Size() == 2);
  CHECK(text(document["errors"][0], "pointer") == "/price");
  CHECK(text(document["errors"][0], "detail") == "must not be negative");
  CHECK(text(document["errors"][1], "pointer").empty());
  CHECK(text(document["_links"]["reservation"], "href") == "http://host/preReservations/7");
}

TEST_CASE("a bare problem leaves out what it does not have") {
  const rapidjson::Document document = parsed(render(bare(fault::not_found)));
  for (const char* name : {"detail", "instance", "errors", "_links"}) CHECK_FALSE(document.HasMember(name));
}

TEST_CASE("each problem has a trace id of its own, 32 hex digits") {
  std::set<std::string> seen;
  for (int count = 0; count < 100; ++count) {
    const std::string trace_id = text(parsed(render({})), "traceId");
    CHECK(trace_id.size() == 32);
    CHECK(trace_id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(seen.insert(trace_id).second);
  }
}

TEST_CASE("a trace id that is given is kept") {
  problem problem = bare(fault::payment_declined);
  problem.trace = {0x0123456789abcdefu, 0x0123456789abcdefu, 1, 0};
  CHECK(text(parsed(render(problem)), "traceId") == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("an instance of arbitrary bytes is percent-encoded") {
  const rapidjson::Document document = parsed(render(bare(fault::not_found, "/caf\xc3\xa9/\xff \"x\"%20")));
  CHECK(text(document, "instance") == "/caf%C3%A9/%FF%20%22x%22%20");
}
