#include "http/sandbox_control.hpp"

#include <rapidjson/document.h>

#include <cctype>

#include "http/json.hpp"

namespace holdfast::http {

namespace {

using std::chrono::milliseconds;

std::string duration_text(milliseconds duration) {
  const auto ms = duration.count();
  return ms > 0 && ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

std::string latency_text(const payments::sandbox_knobs& knobs) {
  const auto shortest = duration_text(knobs.latency_min);
  return knobs.latency_max > knobs.latency_min ? shortest + "-" + duration_text(knobs.latency_max) : shortest;
}

void write_rate(json_writer& out, std::string_view name, double rate) {
  out.name(name);
  out.number(rate);
}

}  // namespace

std::string camel_case(std::string_view name) {
  std::string camel;
  bool after_dash = false;
  for (const char c : name) {
    if (c != '-')
      camel.push_back(after_dash ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c);
    after_dash = c == '-';
  }
  return camel;
}

tl::expected<control_values, std::string> read_control(const std::string& body) {
  // Iterative, because deep nesting overflows the recursive parser's stack. Numbers stay text, as
  // settings are.
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                             rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::Document document;
  document.Parse<flags>(body.data(), body.size());
  if (document.HasParseError() || !document.IsObject()) {
    return tl::unexpected(
        std::string("give a JSON object of knobs, such as {\"latency\":\"0ms\",\"declineRate\":0.5}"));
  }
  control_values values;
  for (const auto& [name, value] : document.GetObject()) {
    std::string name_text(name.GetString(), name.GetStringLength());
    std::string text;
    if (value.IsString()) {
      text.assign(value.GetString(), value.GetStringLength());
    } else if (value.IsBool()) {
      text = value.GetBool() ? "true" : "false";
    } else {
      return tl::unexpected(name_text + " has to be a string, a number, true or false");
    }
    values.emplace_back(std::move(name_text), std::move(text));
  }
  return values;
}

response control_response(const payments::sandbox_knobs& knobs, std::size_t calls_under_way,
                          std::size_t most_calls_at_once) {
  response response;
  response.content_type = "application/json";
  response.body = json::text_of([&](json_writer& out) {
    out.begin_object();
    json::field(out, "latency", latency_text(knobs));
    write_rate(out, "declineRate", knobs.decline_rate);
    write_rate(out, "failRate", knobs.fail_rate);
    write_rate(out, "hangAfterChargeRate", knobs.hang_after_charge_rate);
    write_rate(out, "landsLateRate", knobs.lands_late_rate);
    json::field(out, "landsLateAfter", duration_text(knobs.lands_late_after));
    write_rate(out, "forgetKeysRate", knobs.forget_keys_rate);
    json::field(out, "refundFailures", knobs.refund_failures);
    out.name("outage");
    out.boolean(knobs.outage);
    json::field(out, "callsUnderWay", calls_under_way);
    json::field(out, "mostCallsAtOnce", most_calls_at_once);
    out.end_object();
  });
  return response;
}

}  // namespace holdfast::http
