#include "http/order_json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <optional>

#include "http/utf8.hpp"

namespace holdfast::http {

namespace {

constexpr std::array<std::string_view, order_field_count> field_names{
    "userId", "userAddress", "productId", "productName", "price", "currency", "cardNo", "paymentMethod"};

/// Gathers the top level's known fields and bounds the depth.
class field_collector : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, field_collector> {
 public:
  bool Null() { return take(json_field::type::null, {}); }
  bool Bool(bool) { return take(json_field::type::boolean, {}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return take(json_field::type::number, {text, size});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return take(json_field::type::string, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 1) current_ = find({text, size});
    return true;
  }
  bool StartObject() { return depth_ == 0 ? enter() : take(json_field::type::composite, {}) && enter(); }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool StartArray() { return take(json_field::type::composite, {}) && enter(); }
  bool EndArray(rapidjson::SizeType) { return leave(); }

  const order_fields& fields() const { return fields_; }
  bool not_an_object() const { return not_an_object_; }
  bool too_deep() const { return too_deep_; }

 private:
  static std::optional<order_field> find(std::string_view name) {
    for (std::size_t i = 0; i < field_names.size(); ++i) {
      if (field_names[i] == name) return static_cast<order_field>(i);
    }
    return std::nullopt;
  }

  bool take(enum json_field::type type, std::string_view text) {
    if (depth_ == 0) {
      not_an_object_ = true;
      return false;
    }
    if (depth_ == 1 && current_) {
      auto& field = fields_[*current_];
      const bool again = field.type != json_field::type::absent;
      field = {type, text, again};
    }
    return true;
  }
  bool enter() {
    too_deep_ = ++depth_ > largest_json_depth;
    return !too_deep_;
  }
  bool leave() {
    --depth_;
    return true;
  }

  order_fields fields_;
  std::optional<order_field> current_;
  std::size_t depth_ = 0;
  bool not_an_object_ = false;
  bool too_deep_ = false;
};

std::string explain(const rapidjson::Reader& reader, const field_collector& collector) {
  if (collector.too_deep()) {
    return "The body is nested deeper than " + std::to_string(largest_json_depth) + " levels.";
  }
  if (collector.not_an_object()) {
    return "The body has to be one JSON object with the fields of the reservation.";
  }
  return std::string("The body is not valid JSON: ") +
         rapidjson::GetParseError_En(reader.GetParseErrorCode()) + " (at byte " +
         std::to_string(reader.GetErrorOffset()) + ")";
}

}  // namespace

std::string_view name_of(order_field field) {
  return field_names[static_cast<std::size_t>(field)];
}

tl::expected<order_fields, std::string> parse_order_fields(std::string& body) {
  // The parser takes a NUL for the end and would not see what follows it.
  if (const auto nul = body.find('\0'); nul != std::string::npos) {
    return tl::unexpected("The body is not valid JSON: it has a NUL byte (at byte " + std::to_string(nul) +
                          ")");
  }
  // Where the body ends within a character, the parser's own check would read on behind the body.
  if (!is_valid_text(body)) {
    return tl::unexpected(std::string("The body is not valid JSON: it is not valid UTF-8."));
  }
  // Recursive, as deep as the collector lets it enter; numbers as written, because a double can't tell 2^53
  // from 2^53 + 1.
  constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::InsituStringStream stream(body.data());
  rapidjson::Reader reader;
  field_collector collector;
  reader.Parse<flags>(stream, collector);
  if (reader.HasParseError()) return tl::unexpected(explain(reader, collector));
  return collector.fields();
}

}  // namespace holdfast::http
