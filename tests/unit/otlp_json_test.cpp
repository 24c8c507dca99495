// The mapping of OTLP's JSON, to the letter: what collectors parse.
#include "http/otlp_json.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace holdfast;
using namespace std::chrono_literals;

TEST_CASE("spans are written as OTLP's JSON has them") {
  tracing::span one;
  one.at = {0x0af7651916cd43ddu, 0x8448eb211c80319cu, 0xb7ad6b7169203331u, 1};
  one.parent_id = 0x00f067aa0ba902b7u;
  one.kind = tracing::span_kind::client;
  one.name = "POST \"x\"";
  one.began = tracing::span_time{1'700'000'000'000'000'001ns};
  one.ended = tracing::span_time{1'700'000'000'000'000'002ns};
  one.failed = true;
  one.attributes = {{"http.response.status_code", std::int64_t{402}}, {"error.type", std::string("402")}};
  tracing::span root = one;
  root.parent_id = 0;
  root.failed = false;
  root.attributes.clear();
  CHECK(http::otlp_json({"1.2.3", "node/1"}, {one, root}) ==
        R"({"resourceSpans":[{"resource":{"attributes":[)"
        R"({"key":"service.name","value":{"stringValue":"holdfast"}},)"
        R"({"key":"service.version","value":{"stringValue":"1.2.3"}},)"
        R"({"key":"service.instance.id","value":{"stringValue":"node/1"}}]},)"
        R"("scopeSpans":[{"scope":{"name":"holdfast","version":"1.2.3"},"spans":[)"
        R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",)"
        R"("parentSpanId":"00f067aa0ba902b7","flags":1,"name":"POST \"x\"","kind":3,)"
        R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",)"
        R"("attributes":[{"key":"http.response.status_code","value":{"intValue":"402"}},)"
        R"({"key":"error.type","value":{"stringValue":"402"}}],"status":{"code":2}},)"
        R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",)"
        R"("flags":1,"name":"POST \"x\"","kind":3,)"
        R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",)"
        R"("attributes":[],"status":{}}]}]}]})");
}
