#include "trace_configuration.hpp"

#include <string_view>

namespace holdfast {

namespace {

constexpr std::string_view no_collector = "none";
constexpr const char* every_trace = "1";

value_reader collector_into(trace_configuration& into) {
  return [&into](const std::string& text) -> std::optional<std::string> {
    into.collector.reset();
    if (text == no_collector) return std::nullopt;
    into.secure = text.starts_with("https://");
    into.collector = parse_http_url(into.secure ? "http" + text.substr(5) : text);
    if (into.collector) return std::nullopt;
    return "give none, or http://HOST:PORT or https://HOST:PORT of an OTLP collector, such as "
           "http://127.0.0.1:4318, without /v1/traces";
  };
}

value_reader ratio_into(double& into) {
  return [&into](const std::string& text) -> std::optional<std::string> {
    const auto ratio = parse_rate(text);
    if (!ratio) return "give a share of the traces from 0 to 1, such as 0.1";
    into = *ratio;
    return std::nullopt;
  };
}

}  // namespace

std::vector<setting> trace_settings(trace_configuration& into) {
  return {
      {"otlp-endpoint", "URL", std::string(no_collector),
       "Where spans of traces are sent, as OTLP over HTTP: none, or http://HOST:PORT or https",
       collector_into(into)},
      {"trace-ratio", "RATE", every_trace, "Share of the traces that begin here which are sampled",
       ratio_into(into.ratio)},
  };
}

std::optional<std::string> refuse_traces(const trace_configuration& traces,
                                         const std::vector<given_value>& values) {
  if (traces.collector) return std::nullopt;
  const auto* given = given_as("trace-ratio", values);
  if (given == nullptr || given->text == every_trace) return std::nullopt;
  return refusal_of(*given, "without --otlp-endpoint no trace begins here: give that too, or leave it out");
}

}  // namespace holdfast
