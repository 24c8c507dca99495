// The header traceparent, by the recommendation's own cases (www.w3.org/TR/trace-context-1, section 3.2, and
// its test suite).
#include "tracing/trace_context.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using namespace holdfast::tracing;

namespace {

const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
const std::string span_id = "b7ad6b7169203331";
const std::string valid = "00-" + trace_id + "-" + span_id + "-01";

}  // namespace

TEST_CASE("a valid traceparent is read and written") {
  const auto read = parse_traceparent(valid);
  CHECK(read == trace_context{0x0af7651916cd43ddu, 0x8448eb211c80319cu, 0xb7ad6b7169203331u, 1});
  CHECK(read.sampled());
  CHECK(to_traceparent(read) == valid);
  CHECK(trace_id_text(read) == trace_id);
  CHECK(span_id_text(read.span_id) == span_id);
  const auto unsampled = parse_traceparent("00-" + trace_id + "-" + span_id + "-00");
  CHECK(unsampled.present());
  CHECK_FALSE(unsampled.sampled());
}

TEST_CASE("flags that are not known are left out") {
  CHECK(to_traceparent(parse_traceparent("00-" + trace_id + "-" + span_id + "-ff")) == valid);
  CHECK_FALSE(parse_traceparent("00-" + trace_id + "-" + span_id + "-fe").sampled());
}

TEST_CASE("an invalid traceparent is none") {
  const std::string zeros(32, '0');
  const std::vector<std::string> table{
      "",
      "00",
      valid.substr(0, 54),
      valid + "-",
      valid + ".",
      valid + "-more",
      " " + valid,
      // Of version 255, and of none.
      "ff-" + trace_id + "-" + span_id + "-01",
      "0g-" + trace_id + "-" + span_id + "-01",
      ".0-" + trace_id + "-" + span_id + "-01",
      // Upper case.
      "00-" + trace_id + "-" + span_id + "-0A",
      "00-0AF7651916CD43DD8448EB211C80319C-" + span_id + "-01",
      "00-" + trace_id + "-B7AD6B7169203331-01",
      // Ids of zeros, of other characters, too short and too long.
      "00-" + zeros + "-" + span_id + "-01",
      "00-" + trace_id + "-" + zeros.substr(16) + "-01",
      "00-" + trace_id.substr(1) + ".-" + span_id + "-01",
      "00-" + trace_id.substr(2) + "-" + span_id + "-01",
      "00-" + trace_id + "00-" + span_id + "-01",
      "00-" + trace_id + "-" + span_id.substr(2) + "-01",
      "00-" + trace_id + "-" + span_id + "00-01",
      "00-" + trace_id + "-" + span_id + "-1",
      "00-" + trace_id + "-" + span_id + "-.0",
      "00-" + trace_id + "-" + span_id + "-001",
      "00_" + trace_id + "-" + span_id + "-01",
      "00-" + trace_id + "_" + span_id + "-01",
      "00-" + trace_id + "-" + span_id + "_01",
      // Of a later version, with more that does not stand behind a dash.
      "cc-" + trace_id + "-" + span_id + "-01.what-the-future-will-be-like",
  };
  for (const auto& each : table) {
    CAPTURE(each);
    CHECK_FALSE(parse_traceparent(each).present());
  }
}

TEST_CASE("of a later version what is known counts") {
  for (const std::string more : {"", "-", "-what-the-future-will-be-like"}) {
    const auto read = parse_traceparent("cc-" + trace_id + "-" + span_id + "-01" + more);
    CHECK(to_traceparent(read) == valid);
  }
}

TEST_CASE("no trace is no header") {
  CHECK_FALSE(trace_context{}.present());
  CHECK(to_traceparent({}).empty());
}

TEST_CASE("traces that begin here have ids of their own and are sampled") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto begun = begin_trace();
    CHECK(begun.sampled());
    CHECK(begun.span_id == 0);
    CHECK(seen.insert(trace_id_text(begun)).second);
    CHECK(random_id() != 0);
  }
}
