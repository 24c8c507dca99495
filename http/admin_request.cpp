#include "http/admin_request.hpp"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "domain/card.hpp"
#include "http/ascii.hpp"
#include "http/media_type.hpp"
#include "http/order_json.hpp"
#include "http/parameter.hpp"
#include "http/utf8.hpp"

namespace holdfast::http {

namespace {

template <class T>
using result = tl::expected<T, problem>;
using names = std::initializer_list<std::string_view>;

tl::unexpected<problem> refused_document(std::string detail) {
  auto refused = refused_input(fault::malformed_json, detail);
  refused.value().errors.push_back({"", std::move(detail)});
  return refused;
}

/// "state" of {"filter":{"state": ...}} is /filter/state.
tl::unexpected<problem> refused_at(std::string_view pointer, std::string_view what) {
  std::string detail(pointer.substr(pointer.rfind('/') + 1));
  detail.append(" ").append(what);
  auto refused = refused_input(fault::invalid_field, detail);
  refused.value().errors.push_back({std::string(pointer), std::move(detail)});
  return refused;
}

/// Hands on what is read to a document; numbers as whole ones, or as one that is none where they are not.
/// RapidJSON's own reading of numbers is what CVE-2024-38517 is about.
struct whole_numbers {
  rapidjson::Document& into;

  bool RawNumber(const char* digits, rapidjson::SizeType size, bool) {
    constexpr auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer) + 1;
    const auto number = ascii::number_up_to({digits, size}, largest);
    return number ? into.Uint64(*number) : into.Double(0.5);
  }
  bool Null() { return into.Null(); }
  bool Bool(bool value) { return into.Bool(value); }
  bool Int(int value) { return into.Int(value); }
  bool Uint(unsigned value) { return into.Uint(value); }
  bool Int64(std::int64_t value) { return into.Int64(value); }
  bool Uint64(std::uint64_t value) { return into.Uint64(value); }
  bool Double(double value) { return into.Double(value); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return into.String(text, size, true); }
  bool StartObject() { return into.StartObject(); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return into.Key(text, size, true); }
  bool EndObject(rapidjson::SizeType members) { return into.EndObject(members); }
  bool StartArray() { return into.StartArray(); }
  bool EndArray(rapidjson::SizeType elements) { return into.EndArray(elements); }
};

result<rapidjson::Document> parse(const request& request) {
  if (!is_json(request.content_type)) {
    return refused_input(fault::unsupported_media_type,
                         "Send the command as JSON in UTF-8, with `Content-Type: application/json`.");
  }
  // Iterative, because deep nesting overflows the recursive parser's stack.
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                             rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::Document document;
  bool parsed = false;
  auto read = [&](rapidjson::Document& into) {
    rapidjson::Reader reader;
    rapidjson::MemoryStream body(request.body.data(), request.body.size());
    whole_numbers handler{into};
    parsed = !reader.Parse<flags>(body, handler).IsError();
    return parsed;
  };
  document.Populate(read);
  if (!parsed || !document.IsObject()) {
    return refused_document(R"(Send a JSON object, such as {"who":"mina","reason":"the bank is back"}.)");
  }
  return document;
}

/// What somebody calls a field by mistake. What else he may have sent, a card's number in the wrong place
/// among it, is not repeated.
bool may_be_repeated(std::string_view name) {
  constexpr std::size_t longest_repeated_name = 64;
  static constexpr ascii::character_set plain(ascii::alphanumerics, "_-");
  return !name.empty() && name.size() <= longest_repeated_name && plain.has_all_of(name) &&
         !domain::may_contain_card_number(name);
}

tl::unexpected<problem> refused_name(const std::string& within, std::string_view name, names known) {
  std::string accepted;
  for (const auto each : known) accepted.append(accepted.empty() ? "" : ", ").append(each);
  const auto what = "is not known here; accepted: " + accepted + ".";
  if (may_be_repeated(name)) return refused_at(within + "/" + std::string(name), what);
  auto refused = refused_input(fault::invalid_field, "There is a field that " + what);
  refused.value().errors.push_back({within, refused.value().detail});
  return refused;
}

/// The members of an object: each known, and given once.
std::optional<problem> check_names(const rapidjson::Value& object, const std::string& within, names known) {
  std::vector<std::string_view> seen;
  for (const auto& [name, value] : object.GetObject()) {
    const std::string_view text(name.GetString(), name.GetStringLength());
    if (std::find(known.begin(), known.end(), text) == known.end()) {
      return refused_name(within, text, known).value();
    }
    if (std::find(seen.begin(), seen.end(), text) != seen.end()) {
      return refused_at(within + "/" + std::string(text), "is given more than once.").value();
    }
    seen.push_back(text);
  }
  return std::nullopt;
}

const rapidjson::Value* member(const rapidjson::Value& object, std::string_view name) {
  const auto found =
      object.FindMember(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

/// Text of a person's, which is kept: without spaces at its ends, with something between them.
result<std::string> read_text(const rapidjson::Value& object, std::string_view name) {
  const auto pointer = "/" + std::string(name);
  const auto* value = member(object, name);
  if (value == nullptr) return refused_at(pointer, "is required.");
  if (!value->IsString()) return refused_at(pointer, "has to be a string.");
  // They would begin a line of their own in a log.
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  const auto given = text_of(*value);
  if (std::any_of(given.begin(), given.end(), is_control)) {
    return refused_at(pointer, "must not have control characters, line ends among them.");
  }
  const auto text = ascii::trimmed(given);
  if (text.empty()) return refused_at(pointer, "must not be empty.");
  if (!is_valid_text(text)) return refused_at(pointer, "has characters that are no valid text.");
  if (domain::may_contain_card_number(text)) {
    return refused_at(pointer,
                      "has 12 digits or more in a row, which may be a card number: write it without.");
  }
  return std::string(text);
}

/// What is kept of it for good.
bool is_operator_name(std::string_view name) {
  return !name.empty() && name.size() <= domain::largest_operator_name &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; }) &&
         !domain::may_contain_card_number(name);
}

/// Who acts: whose credential it was; where nobody is asked for one, whom the body names.
result<std::string> acting_operator(const principal& by, const rapidjson::Value& body) {
  const auto accepted = "1 to " + std::to_string(domain::largest_operator_name) + " characters, all of ASCII";
  if (&by != anonymous_operator().get()) {
    if (is_operator_name(by.name)) return by.name;
    return refused_input(
        fault::forbidden,
        "What operators do is written down with their name. That of your credential can't be: it "
        "has to have " +
            accepted + ", without 12 digits in a row.");
  }
  auto who = read_text(body, "who");
  if (!who) return who;
  if (!is_operator_name(*who)) return refused_at("/who", "has to have " + accepted + ".");
  return who;
}

result<operator_note> note_of(const principal& by, const rapidjson::Value& body) {
  auto who = acting_operator(by, body);
  if (!who) return tl::unexpected(std::move(who.error()));
  auto why = read_text(body, "reason");
  if (!why) return tl::unexpected(std::move(why.error()));
  if (utf8_length(*why) > largest_reason_length) {
    return refused_at("/reason",
                      "must not have more than " + std::to_string(largest_reason_length) + " characters.");
  }
  return operator_note{std::move(*who), std::move(*why)};
}

result<std::optional<std::uint64_t>> read_count(const rapidjson::Value& object, const std::string& within,
                                                std::string_view name, std::uint64_t largest) {
  const auto* value = member(object, name);
  if (value == nullptr) return std::nullopt;
  const auto number = value->IsUint64()   ? std::optional(value->GetUint64())
                      : value->IsString() ? ascii::number_up_to(text_of(*value), largest + 1)
                                          : std::nullopt;
  if (!number || *number > largest) {
    return refused_at(within + "/" + std::string(name),
                      "has to be a whole number, at most " + std::to_string(largest) + ".");
  }
  return number;
}

template <class Value, class Read>
std::optional<problem> read_word_of(const rapidjson::Value& object, std::string_view name,
                                    std::string_view accepted, Read read, std::optional<Value>& into) {
  const auto* value = member(object, name);
  if (value == nullptr) return std::nullopt;
  into = value->IsString() ? read(text_of(*value)) : std::nullopt;
  if (into) return std::nullopt;
  return refused_at("/filter/" + std::string(name), "has to be " + std::string(accepted) + ".").value();
}

/// A state has to be named: what is well and under way is nobody's to be cancelled by the thousand.
result<saga_filter> read_filter(const rapidjson::Value& body) {
  constexpr auto largest = static_cast<std::uint64_t>(domain::largest_exact_integer);
  const auto* object = member(body, "filter");
  if (object == nullptr || !object->IsObject()) {
    return refused_at("/filter", R"(has to be an object, such as {"state":"parked"}.)");
  }
  if (auto wrong = check_names(*object, "/filter", {"state", "olderThanSeconds", "userId", "status"})) {
    return tl::unexpected(std::move(*wrong));
  }
  // A script whose variable is empty does not mean all.
  for (const auto& [name, value] : object->GetObject()) {
    if (value.IsNull())
      return refused_at("/filter/" + std::string(text_of(name)), "is null; leave it out for any.");
  }
  saga_filter filter;
  std::optional<saga_state> state;
  if (auto wrong = read_word_of(*object, "state", accepted_saga_states, saga_state_named, state)) {
    return tl::unexpected(std::move(*wrong));
  }
  if (!state) return refused_at("/filter/state", "is required: " + std::string(accepted_saga_states) + ".");
  filter.state = *state;
  if (auto wrong =
          read_word_of(*object, "status", accepted_saga_statuses, reservation_status_named, filter.status)) {
    return tl::unexpected(std::move(*wrong));
  }
  auto user = read_count(*object, "/filter", "userId", largest);
  if (!user) return tl::unexpected(std::move(user.error()));
  filter.user_id = *user;
  auto age = read_count(*object, "/filter", "olderThanSeconds", largest);
  if (!age) return tl::unexpected(std::move(age.error()));
  if (*age) filter.older_than = std::chrono::seconds(static_cast<std::int64_t>(**age));
  return filter;
}

}  // namespace

tl::unexpected<problem> refused_field(std::string_view name, std::string_view what) {
  return refused_at("/" + std::string(name), what);
}

tl::expected<operator_note, problem> read_note(const request& request, const principal& by) {
  const auto body = parse(request);
  if (!body) return tl::unexpected(body.error());
  if (auto wrong = check_names(*body, "", {"who", "reason"})) return tl::unexpected(std::move(*wrong));
  return note_of(by, *body);
}

tl::expected<word_request, problem> read_word(const request& request, const principal& by,
                                              std::string_view name) {
  const auto body = parse(request);
  if (!body) return tl::unexpected(body.error());
  if (auto wrong = check_names(*body, "", {name, "who", "reason"})) return tl::unexpected(std::move(*wrong));
  auto note = note_of(by, *body);
  if (!note) return tl::unexpected(std::move(note.error()));
  const auto* word = member(*body, name);
  if (word == nullptr || !word->IsString()) return refused_field(name, "is required, as a string.");
  return word_request{std::move(*note), std::string(text_of(*word))};
}

tl::expected<bulk_request, problem> read_bulk(const request& request, const principal& by) {
  const auto body = parse(request);
  if (!body) return tl::unexpected(body.error());
  if (auto wrong = check_names(*body, "", {"who", "reason", "filter", "dryRun", "limit", "after"})) {
    return tl::unexpected(std::move(*wrong));
  }
  bulk_request wanted;
  auto note = note_of(by, *body);
  if (!note) return tl::unexpected(std::move(note.error()));
  wanted.note = std::move(*note);
  auto filter = read_filter(*body);
  if (!filter) return tl::unexpected(std::move(filter.error()));
  wanted.which.filter = *filter;
  if (const auto* dry = member(*body, "dryRun")) {
    if (!dry->IsBool()) return refused_field("dryRun", "has to be true or false.");
    wanted.dry_run = dry->GetBool();
  }
  auto limit = read_count(*body, "", "limit", largest_bulk);
  if (!limit) return tl::unexpected(std::move(limit.error()));
  wanted.which.size = static_cast<std::uint32_t>(limit->value_or(largest_bulk));
  if (wanted.which.size == 0) return refused_field("limit", "has to be at least 1.");
  auto after = read_count(*body, "", "after", static_cast<std::uint64_t>(domain::largest_exact_integer));
  if (!after) return tl::unexpected(std::move(after.error()));
  wanted.which.after = after->value_or(0);
  return wanted;
}

}  // namespace holdfast::http
